"""The `opsagent` command: one file per command, each a thin client of the door."""

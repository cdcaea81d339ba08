"""Executors: one folder for each kind of target a command can be executed on."""

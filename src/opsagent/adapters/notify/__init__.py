"""Channels a notice can leave by; one file each."""

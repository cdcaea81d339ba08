"""Slack: slash commands and buttons come in here, messages go out."""

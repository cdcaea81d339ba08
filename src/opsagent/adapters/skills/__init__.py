"""Reads skills from folders in the open SKILL.md format."""

"""Reads SQL statements."""

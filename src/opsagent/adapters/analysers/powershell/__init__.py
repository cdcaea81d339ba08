"""Reads PowerShell commands."""

"""Runs PowerShell commands on other machines, over SSH or WinRM."""

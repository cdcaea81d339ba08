"""Alertmanager: its webhook comes in here."""

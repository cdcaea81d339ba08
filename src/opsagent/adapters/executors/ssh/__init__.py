"""Runs commands on other machines over SSH."""

"""Keeps credentials, and opens one for one attempt."""

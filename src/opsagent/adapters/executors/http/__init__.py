"""Sends requests to HTTP APIs."""

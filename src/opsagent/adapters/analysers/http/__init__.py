"""Reads requests to HTTP APIs."""

"""Calls the tools of MCP servers."""

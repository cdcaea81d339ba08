"""Reads calls of the tools of MCP servers."""

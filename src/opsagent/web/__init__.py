"""The doors: HTTP, server-sent events and WebSockets over the one `Agent`; names no brand, reads no settings."""

"""The store ports over SQL: the same statements for a file, for memory, and later for a server."""

"""Reading runbooks, shipping some, and finding the right one."""

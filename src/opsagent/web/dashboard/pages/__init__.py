"""One place of the navigation a file; each begins with a function of the same name that builds it."""

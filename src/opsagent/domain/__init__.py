"""The nouns and their rules: pure data, no I/O, no clock, no framework."""

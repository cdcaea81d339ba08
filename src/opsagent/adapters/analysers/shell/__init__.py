"""Reads shell commands: parse, list every invocation, prove what each would do."""

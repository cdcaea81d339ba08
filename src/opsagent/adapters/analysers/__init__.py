"""One folder per family of commands: what would this command do?"""

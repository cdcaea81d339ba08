"""What several pages show, one thing a file."""

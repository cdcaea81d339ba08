"""Ways to say "look now" to the workers."""

"""What the core needs from the world: small Protocols; adapters fulfil them, `bootstrap` picks which."""

"""Looks at the world, and at the outbox, on a clock."""

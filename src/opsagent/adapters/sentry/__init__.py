"""Sentry: the webhooks of an internal integration come in here."""

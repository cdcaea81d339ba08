"""Datadog: the webhooks of its monitors come in here."""

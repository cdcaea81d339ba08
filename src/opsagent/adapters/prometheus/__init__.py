"""Prometheus: alerts it posts itself, without an Alertmanager in between, come in here."""

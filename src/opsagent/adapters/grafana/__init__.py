"""Grafana: the webhooks of its alerting come in here."""

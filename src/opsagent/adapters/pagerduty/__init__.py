"""PagerDuty: its webhooks (version 3) come in here."""

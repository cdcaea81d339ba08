"""Jira: rules and webhooks come in here, comments and transitions go out."""

"""OpsAgent."""

"""What the monitoring sources share: careful reading of a body, and the Prometheus form of an alert."""

"""CloudWatch: its alarms come in here, by way of SNS."""

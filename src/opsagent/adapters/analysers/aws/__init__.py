"""Says what a command of the AWS command line would do: parsed by its own parser, judged by IAM's access levels."""

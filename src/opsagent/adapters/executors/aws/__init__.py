"""Runs the AWS command line in the sandbox, with a session that may do what was judged and nothing else."""

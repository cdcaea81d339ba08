"""Ways to decide what to do next; the runbook reasoner needs no model."""

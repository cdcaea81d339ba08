"""The verbs of a run, one a file; none knows another, the loop puts them in order."""

"""Rules about which alerts are one problem, and the ones that are shipped."""

"""Measurements, each beside something bare; `make bench` runs them all on one machine in one go."""

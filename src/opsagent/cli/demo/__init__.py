"""The demonstration: a small real shop is broken for real, and OpsAgent repairs it."""

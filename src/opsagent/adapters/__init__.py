"""Concrete backends: a folder per brand or family; only `bootstrap` names them."""

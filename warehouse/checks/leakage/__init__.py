"""Leaks: what would make a model look better in its test than it is; `search` is where to begin."""

"""Drift: whether two sets of rows differ by more than noise and by enough to matter; `comparison` is where to begin."""

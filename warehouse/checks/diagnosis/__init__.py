"""Where a model's errors come from and what to do next; `diagnose` is where to begin."""

"""Questions that people ask of a build or a dataset version in their own SQL; nothing here ever writes to either."""

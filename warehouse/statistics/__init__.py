"""Facts of relations and columns, and distances between them. Has never heard of datasets."""

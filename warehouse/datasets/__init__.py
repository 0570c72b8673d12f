"""From a declared dataset to a version on disk, and back into memory."""

"""The nightly job: every stage from the sources to the report, in order, each with its outcome on record."""

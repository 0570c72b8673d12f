"""Suites of expectations, run by Great Expectations on DuckDB."""

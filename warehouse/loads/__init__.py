"""Rows of databases, files and other systems, landed as Parquet batches that dbt's sources read."""

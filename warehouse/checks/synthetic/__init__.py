"""Rows that were made up: how they lie among real ones, how varied they are, whether they copy what judges a model."""

"""Rendering of results; computes nothing."""

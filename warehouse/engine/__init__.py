"""Running queries: the protocol and the embedded engine."""

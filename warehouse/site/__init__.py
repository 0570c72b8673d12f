"""The catalog: a static site that shows a person the state of everything."""

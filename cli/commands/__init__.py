"""One module per noun; each holds the commands about it."""

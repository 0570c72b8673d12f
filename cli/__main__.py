"""`python -m warehouse.cli`: the command without its script, for an environment whose `bin` is not on the path."""

from .app import main

main()

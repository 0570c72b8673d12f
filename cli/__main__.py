"""`python -m warehouse.cli`: the command without its script, for an environment whose `bin` is not on the path."""

from warehouse.cli.app import main

main()

"""What counts as drift, a leak, a weak slice: facts turned into findings."""

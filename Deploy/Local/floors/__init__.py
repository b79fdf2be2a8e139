"""The floors of the tests: how each is run and how its closing lines are read."""

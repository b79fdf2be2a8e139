"""A whole Switchboard on one machine, kept running by supervisord: what `make run` and `make stop` do."""

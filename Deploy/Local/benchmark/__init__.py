"""Measuring Switchboard beside its peers: what `make bench` and `make bench-drivers` do."""

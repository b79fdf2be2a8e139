"""Fault tests: a whole stack of real processes, clients that come back, and what is killed, stopped or wiped under them."""

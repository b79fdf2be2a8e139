"""Waiting until something is true, with a deadline, saying at the end what was seen instead."""

import time

SECONDS = 15


def until(what: str, look, seconds: float = SECONDS, every: float = 0.05):
    """The first true value of `look()`. An AssertionError of `look` counts as not yet, and tells what is missing."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            seen = look()
            if seen:
                return seen
        except AssertionError as missing:
            seen = missing
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}; last seen: {seen}")
        time.sleep(every)

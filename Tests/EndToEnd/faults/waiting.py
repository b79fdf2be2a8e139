"""Waiting until something is true, and saying what is missing when it does not become so."""

import asyncio
import time

POLL_SECONDS = 0.02


class Missing(Exception):
    """What a test waited for did not come."""


class Fault(Exception):
    """Something was seen that must never be."""


async def until(holds, what, seconds: float = 10):
    """Asks `holds` until it returns something true, and returns that. `what` is a text, or a function that makes it."""
    deadline = time.monotonic() + seconds
    while True:
        result = holds()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Missing(f"{what() if callable(what) else what} did not come within {seconds:g} s")
        await asyncio.sleep(POLL_SECONDS)


def expect(holds: bool, fault: str):
    if not holds:
        raise Fault(fault)

"""Owners that are killed, paused, doubled and moved."""

import asyncio
import os
import time
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

from .field import Field

ORCHESTRATOR = "call-orchestrator"
# From the sending of the accepts until about half of them are decided.
HALFWAY_SECONDS = 0.035
BROKER_STILL_SECONDS = 0.02
TAKEN_OVER_SECONDS = 13.0
REST_SECONDS = 12.0  # a takeover after a kill takes 8 s at most


async def killed(field: Field, service: str):
    await field.moment(f"{service} 1 killed -9", lambda: field.stack.send(service, 1, SIGKILL))
    await asyncio.sleep(REST_SECONDS)


async def all_killed(field: Field, service: str):
    await field.moment(f"all copies of {service} killed -9", lambda: field.stack.send(service, None, SIGKILL))
    await asyncio.sleep(REST_SECONDS)


async def paused(field: Field, service: str, seconds: float):
    """Stands still with records in its hands, and wakes when another owns its partitions."""
    pid = field.stack.pid_of(service, 1)
    await field.moment(f"{service} 1 stopped for {seconds:g} s", lambda: field.stack.send(service, 1, SIGSTOP))
    await asyncio.sleep(seconds)
    os.kill(pid, SIGCONT)
    field.crowd.history.note("woken", name=service)
    await asyncio.sleep(REST_SECONDS)


async def two_at_once(field: Field, times: int):
    """Stopped with records in its hands, decided or not, that it writes when it wakes and another rules: each second time
    the broker stands still a moment before it, so that what was decided lies in the producer's queue."""
    for number in range(times):
        pid, stack = field.stack.pid_of(ORCHESTRATOR, 1), field.stack

        def strike():
            time.sleep(HALFWAY_SECONDS)
            if number % 2:
                stack.send_broker(SIGSTOP)
                time.sleep(BROKER_STILL_SECONDS)
            os.kill(pid, SIGSTOP)
            if number % 2:
                stack.send_broker(SIGCONT)

        await field.moment(f"{ORCHESTRATOR} 1 stopped with its hands full", strike, by_sent=True)
        await asyncio.sleep(TAKEN_OVER_SECONDS)
        os.kill(pid, SIGCONT)
        field.crowd.history.note("woken", name=ORCHESTRATOR)
        await asyncio.sleep(REST_SECONDS)


async def moved_to_and_fro(field: Field, service: str, times: int):
    """Copies come and go: each time the partitions move, with what is under way."""
    def stop():
        field.stack.control("stop", service, "2")

    # The first stop is the stroke; its supervisor hears of it after that.
    def begin():
        field.stack.send(service, 2, SIGTERM)

    await field.moment(f"{service} 2 stopped and started {times} times", begin)
    for _ in range(times):
        await field.run(stop)
        await asyncio.sleep(2)
        await field.run(field.stack.control, "start", service, "2")
        await asyncio.sleep(4)
    await asyncio.sleep(REST_SECONDS / 2)

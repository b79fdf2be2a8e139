"""Owners that are killed, paused, doubled and moved."""

import asyncio
import os
from signal import SIGCONT, SIGKILL, SIGSTOP

from .field import ALLOCATOR, Field

ORCHESTRATOR = "call-orchestrator"
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


async def moved_to_and_fro(field: Field, service: str, times: int):
    """Copies come and go: each time the partitions move, with what is under way."""
    def stop():
        field.stack.control("stop", service, "2")

    await field.moment(f"{service} 2 stopped and started {times} times", lambda: None)
    for _ in range(times):
        await field.run(stop)
        await asyncio.sleep(2)
        await field.run(field.stack.control, "start", service, "2")
        await asyncio.sleep(4)
    await asyncio.sleep(REST_SECONDS / 2)

"""Owners that are killed, paused, doubled and moved."""

import asyncio
import os
import time
from collections.abc import Callable
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

from faults.waiting import Missing

from . import topics
from .field import Field

ORCHESTRATOR = "call-orchestrator"
BROKER_STILL_SECONDS = 0.02
TAKEN_OVER_SECONDS = 13.0
GONE_SECONDS, THERE_SECONDS = 1.0, 2.0  # each time, when the partitions have moved
TAKES_SECONDS, SETTLED_SECONDS = 20.0, 1.0
REST_SECONDS = 12.0  # a takeover after a kill takes 8 s at most


async def killed(field: Field, service: str):
    owned = await owns_some(field, service, 1)
    since = await field.moment(f"{service} 1 killed -9", lambda: field.stack.send(service, 1, SIGKILL))
    await asyncio.sleep(REST_SECONDS)
    owes_takeover(field, service, owned, since)


async def all_killed(field: Field, service: str):
    both = [await owns_some(field, service, number) for number in (1, 2)]
    since = await field.moment(f"all copies of {service} killed -9", lambda: field.stack.send(service, None, SIGKILL))
    await asyncio.sleep(REST_SECONDS)
    for owned in both:
        owes_takeover(field, service, owned, since)


async def paused(field: Field, service: str, seconds: float):
    """Stands still with records in its hands, and wakes when another owns its partitions."""
    pid, owned = field.stack.pid_of(service, 1), await owns_some(field, service, 1)
    since = await field.moment(f"{service} 1 stopped for {seconds:g} s", lambda: field.stack.send(service, 1, SIGSTOP))
    await asyncio.sleep(seconds)
    owes_takeover(field, service, owned, since)
    os.kill(pid, SIGCONT)
    field.crowd.history.note("woken", name=service)
    await asyncio.sleep(REST_SECONDS)


def owes_takeover(field: Field, service: str, owned: dict[str, list[int]], since: float):
    """Others rule what it had, by now; and since nobody did for longer than short rings last, some accepts were decided
    late where they are decided there."""
    owes_move(field, service, owned, since)
    if service == ORCHESTRATOR:
        field.owes("decided late", since=since)


def owes_move(field: Field, service: str, owned: dict[str, list[int]], since: float):
    """Of a copy that decides two ledgers all partitions may be of one."""
    for ledger, partitions in owned.items():
        field.owes("takeover", ledger=ledger, partitions=partitions, whose=service, since=since)


async def two_at_once(field: Field, times: int, most: int):
    """Stopped with its hands full: amid the sending of the accepts, so that what is sent right behind it answers the fetch
    that it has asked for, and is decided when it wakes and another rules. At all strokes but the first the broker stands
    still a moment before, so that what was decided lies in the producer's queue. Whether it writes before it learns of its
    fate is a matter of milliseconds, and of the machine: it is struck again until it did, `most` times at most. That two
    believed to own at once is certain by the takeover before it wakes, at each stroke."""
    seen = 0
    for number in range(most):
        pid, stack = field.stack.pid_of(ORCHESTRATOR, 1), field.stack
        owned = await owns_some(field, ORCHESTRATOR, 1)
        before = await field.run(topics.log_ends, stack.bootstrap, "calls.log")

        def strike():
            if number:
                stack.send_broker(SIGSTOP)
                time.sleep(BROKER_STILL_SECONDS)
            os.kill(pid, SIGSTOP)
            if number:
                stack.send_broker(SIGCONT)

        since = await field.moment(f"{ORCHESTRATOR} 1 stopped with its hands full", strike, by_sent=True)
        await asyncio.sleep(TAKEN_OVER_SECONDS)
        owes_takeover(field, ORCHESTRATOR, owned, since)
        os.kill(pid, SIGCONT)
        field.crowd.history.note("woken", name=ORCHESTRATOR)
        await asyncio.sleep(REST_SECONDS)
        zombies = await field.run(topics.zombies_since, stack.bootstrap, "calls.log", before)
        field.remark(f"{zombies} records written by the one that was none any more, stroke {number + 1}")
        seen += zombies
        if seen and number + 1 >= times:
            break


async def moved_to_and_fro(field: Field, service: str, times: int):
    """Copies go and come, one after the other, so that each partition moves: each time with what is under way. The first to
    go does so in the full moment; the other moves fall in the steady stream of calls."""
    for turn in range(times):
        number = 2 - turn % 2
        owned, since = await owns_some(field, service, number), time.time()

        # The first stop is the stroke; its supervisor hears of it after that.
        def begin():
            field.stack.send(service, number, SIGTERM)

        if turn == 0:
            since = await field.moment(f"{service} stopped and started {times} times", begin)
        await field.run(field.stack.control, "stop", service, f"{number}")
        await owns(field, service, 3 - number, lambda now: all(set(p) <= set(now.get(of, ())) for of, p in owned.items()))
        await asyncio.sleep(GONE_SECONDS)
        owes_move(field, service, owned, since)
        since = time.time()
        await field.run(field.stack.control, "start", service, f"{number}")
        owned = await owns_some(field, service, number)
        await asyncio.sleep(THERE_SECONDS)
        owes_move(field, service, owned, since)
    await asyncio.sleep(REST_SECONDS / 2)


async def owns_some(field: Field, service: str, number: int) -> dict[str, list[int]]:
    """What this copy decides, once it decides anything."""
    await owns(field, service, number, bool)
    await asyncio.sleep(SETTLED_SECONDS)
    return await owns(field, service, number, bool)


async def owns(
        field: Field, service: str, number: int, is_enough: Callable[[dict[str, list[int]]], bool]
) -> dict[str, list[int]]:
    deadline = time.monotonic() + TAKES_SECONDS
    while not is_enough(owned := await field.owned(service, number)):
        if time.monotonic() > deadline:
            raise Missing(f"partitions that {service} {number} decides, within {TAKES_SECONDS:g} s; it has {owned}")
        await asyncio.sleep(0.2)
    return owned

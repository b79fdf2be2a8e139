"""What the services stand on: the broker, Redis, and a reader that falls behind."""

import asyncio
import os
from signal import SIGCONT, SIGSTOP, Signals

from .field import Field
from .stack import HURT_NODE

BACK_SECONDS = 20.0


async def broker_ended(field: Field, kind: Signals):
    """embedded-log is started again by its supervisor, Apache Kafka by us; both with their data."""
    stack = field.stack
    old = set(stack.broker_pids())
    await field.moment(f"{stack.broker_name} ended by {kind.name}", lambda: stack.send_broker(kind))
    if stack.kafka:
        await field.run(lambda: stack.bring_back_kafka(HURT_NODE))
    else:
        while not stack.broker_pids() or set(stack.broker_pids()) & old:
            await asyncio.sleep(0.1)
    await asyncio.sleep(BACK_SECONDS)


async def redis_ended(field: Field, kind: Signals):
    await field.moment(f"Redis ended by {kind.name}", lambda: field.stack.send("redis", None, kind))
    await asyncio.sleep(BACK_SECONDS)


async def redis_flushed(field: Field, times: int):
    await field.moment(f"Redis flushed {times} times", field.stack.flush_redis)
    for _ in range(times - 1):
        await asyncio.sleep(4)
        await field.run(field.stack.flush_redis)
    await asyncio.sleep(BACK_SECONDS)


async def stands_still(field: Field, service: str, seconds: float):
    """Redis that is unreachable, or a reader that is behind: it takes connections, and answers nothing."""
    pids: list[int] = []
    await field.moment(
        f"{service} stopped for {seconds:g} s", lambda: pids.extend(field.stack.send(service, None, SIGSTOP)))
    await asyncio.sleep(seconds)
    for pid in pids:
        os.kill(pid, SIGCONT)
    field.crowd.history.note("woken", name=service)
    await asyncio.sleep(BACK_SECONDS)

"""What the services stand on: the broker, Redis, and a reader that falls behind."""

import asyncio
import os
import re
import socket
import time
from collections.abc import Callable
from signal import SIGCONT, SIGSTOP, Signals

from faults.waiting import Missing, until

from .field import Field
from .stack import HURT_NODE, FaultStack

BACK_SECONDS = 20.0
STARTED_SECONDS = 60.0
WRITTEN_AFRESH_SECONDS = 4.0
LAG_PART = 0.9  # of the time that a reader stood still, at least, must some callback be late
USE_REDIS = ("call-orchestrator", "room-allocator", "token-service", "callback-dispatcher")


async def broker_ended(field: Field, kind: Signals):
    """embedded-log is started again by its supervisor, Apache Kafka by us; both with their data."""
    stack = field.stack
    old = set(stack.broker_pids())
    await field.moment(f"{stack.broker_name} ended by {kind.name}", lambda: stack.send_broker(kind))
    if stack.kafka:
        await field.run(lambda: stack.bring_back_kafka(HURT_NODE))
    await is_replaced(stack.broker_pids, old, stack.broker_name)
    field.owes("seen", text=f"processes of {stack.broker_name} that were started again", least=1,
               has=len(stack.broker_pids()))
    await asyncio.sleep(BACK_SECONDS)


async def is_replaced(pids: Callable[[], list[int]], old: set[int], name: str):
    """- Raises: Missing when what was ended is still there, or nothing else is."""
    await until(lambda: pids() and not set(pids()) & old, f"{name} started again after it was ended", STARTED_SECONDS)


async def redis_ended(field: Field, kind: Signals):
    old = set(field.stack.pids("redis"))
    await field.moment(f"Redis ended by {kind.name}", lambda: field.stack.send("redis", None, kind))
    await is_replaced(lambda: field.stack.pids("redis"), old, "Redis")
    await asyncio.sleep(BACK_SECONDS)
    # The new one knows of nobody but who came to it since.
    field.owes("seen", text="connections to the Redis that was started again", least=users_of_redis(field),
               has=len(await field.run(client_ages, field.stack)))


async def redis_flushed(field: Field, times: int):
    """What was in it stands in it again, each time, since the owners have noticed."""
    before = len(await field.run(hashes, field.stack))
    await field.moment(f"Redis flushed {times} times", field.stack.flush_redis)
    for turn in range(times):
        if turn:
            await field.run(field.stack.flush_redis)
        await asyncio.sleep(WRITTEN_AFRESH_SECONDS)
        field.owes("seen", text="partitions written afresh into Redis after it was flushed", least=max(before, 1),
                   has=len(await field.run(hashes, field.stack)))
    await asyncio.sleep(BACK_SECONDS)


async def redis_stands_still(field: Field, seconds: float):
    struck_at = await stands_still(field, "redis", seconds)
    ages = await field.run(client_ages, field.stack)
    # Who had a connection before has given it up and made another.
    field.owes("seen", text="connections to Redis made anew since it did not answer", least=users_of_redis(field),
               has=sum(age < time.time() - struck_at for age in ages))


async def dispatcher_behind(field: Field, seconds: float):
    await stands_still(field, "callback-dispatcher", seconds)
    field.owes("lag", seconds=seconds * LAG_PART)


async def stands_still(field: Field, service: str, seconds: float) -> float:
    """Redis that is unreachable, or a reader that is behind: it takes connections, and answers nothing."""
    pids: list[int] = []
    struck_at = await field.moment(
        f"{service} stopped for {seconds:g} s", lambda: pids.extend(field.stack.send(service, None, SIGSTOP)))
    await asyncio.sleep(seconds)
    for pid in pids:
        os.kill(pid, SIGCONT)
    field.crowd.history.note("woken", name=service)
    await asyncio.sleep(BACK_SECONDS)
    return struck_at


def users_of_redis(field: Field) -> int:
    """How many have a connection to it: processes, and whoever looks at the mirror (looking.py)."""
    return sum(len(field.stack.pids(service)) for service in USE_REDIS) + 1


def client_ages(stack: FaultStack) -> list[int]:
    """In seconds, of all connections but the one that asks."""
    return [int(age) for age in re.findall(rb"\bage=(\d+)", ask_redis(stack, b"CLIENT LIST"))[:-1]]


def hashes(stack: FaultStack) -> set[bytes]:
    """Of the partitions, as their owners keep them there: `{c0}:calls`, …"""
    return set(re.findall(rb"\{\w+\}:(?:calls|rooms|users)\b", ask_redis(stack, b"KEYS *")))


def ask_redis(stack: FaultStack, command: bytes) -> bytes:
    """The answer as it comes, followed by that to a question whose end is known."""
    host, _, port = stack.connection["redisUrl"].removeprefix("redis://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(command + b"\r\nPING\r\n")
        answer = b""
        while not answer.endswith(b"+PONG\r\n"):
            more = connection.recv(65536)
            if not more:
                raise Missing(f"Redis's answer to {command.decode()}")
            answer += more
    return answer

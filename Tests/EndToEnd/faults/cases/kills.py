"""Each service in turn is killed with -9, while it rings and again in the middle of the call."""

import asyncio
import time
from contextlib import AsyncExitStack

from .. import calls
from ..client import Client
from ..stack import Stack
from ..waiting import expect

SERVICES = (
    "token-service", "callback-dispatcher", "redis", "signaling-gateway", "embedded-log", "room-allocator",
    "call-orchestrator")
SHORT_RING_SECONDS = 5


async def killed_twice(stack: Stack, service: str):
    async with AsyncExitStack() as clients:
        async def client(name: str, gateway: int) -> Client:
            gateways = stack.gateways[gateway:] + stack.gateways[:gateway]
            return await clients.enter_async_context(Client(stack, f"{name}-{service}", gateways=gateways))

        a, b, c, d = await asyncio.gather(client("a", 0), client("b", 1), client("c", 1), client("d", 0))
        call, short = await asyncio.gather(calls.ring(a, b), calls.ring(c, d, ringTimeoutMs=SHORT_RING_SECONDS * 1000))
        line = d.connections
        killed = stack.kill(service)
        await asyncio.gather(
            calls.answer(a, b, call),
            rings_no_longer(d, short, line),
            calls.timed_out_once(c, d, short))
        await stack.is_back(killed)

        await calls.talk(a, b, call, camera=False)
        killed = stack.kill(service)
        await calls.talk(b, a, call, camera=False)
        await calls.talk(a, b, call, camera=True)
        await calls.hang_up(a, b, call)
        await stack.is_back(killed)
        for one in (a, b, c, d):
            expect(not one.notes, f"{one}: {one.notes[0] if one.notes else ''}")


async def rings_no_longer(device: Client, call: str, line: int):
    """On a connection that lasts the device is told in time; one that had to come back is not told to ring again late."""
    expires_at = calls.expires_at(device, call)
    if device.connections == line:
        await calls.rings_until(device, call, expires_at)
    await asyncio.sleep(max(0, expires_at + calls.NOT_RINGING_AFTER_SECONDS - time.time()))
    late = [e for e in device.events("call.received", call) if e.at > expires_at + calls.NOT_RINGING_AFTER_SECONDS]
    expect(not late, f"{device}: rang after expiresAt")


def cases():
    for service in SERVICES:
        yield (f"{service} killed while it rings and in the call: the call goes on, the ring ends once",
               lambda stack, service=service: killed_twice(stack, service))

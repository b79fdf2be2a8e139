"""The steps of a call that the cases share, each with what must be seen of it."""

import asyncio
import time

from .client import Client, Heard
from .waiting import Fault, expect, until

ENDED, ENDED_BY_RING_TIME, MISSED, CANCELLED, ANSWERED_ELSEWHERE = 1000, 1001, 1002, 1003, 1011
RINGING = 102
NOT_RINGING_AFTER_SECONDS = 1.0


async def ring(caller: Client, *callees: Client, **more) -> str:
    """Starts a single call and waits until every device of the callee rings. Its CallID."""
    call = (await caller.do("call.start", calleeIds=[callees[0].user], callType=0, mediaType=1, **more))["callId"]
    for callee in callees:
        await callee.hears("call.received", call)
    return call


async def answer(caller: Client, callee: Client, call: str, seconds: float = 40):
    """Accepts, and waits until both are told that they are connected."""
    await callee.do("call.accept", callId=call, seconds=seconds)
    await asyncio.gather(*(is_connected(client, call, seconds) for client in (caller, callee)))


async def is_connected(client: Client, call: str, seconds: float = 40):
    """Told so by an event, or, after a new connection, by a snapshot."""
    def told() -> bool:
        client.check()
        return bool(client.events("call.connected", call)) or any(
            event.data.get("startTime") for event in client.events("call.snapshot", call))

    await until(told, f"{client}: connected", seconds)


async def talk(one: Client, other: Client, call: str, camera: bool, seconds: float = 40) -> float:
    """What the call decides goes through it, and a signal from member to member. How long the first took."""
    began = time.monotonic()
    before = len(other.events("media.state", call))
    await one.do("media.state", seconds, roomId=call, camera=camera)

    def seen() -> bool:
        other.check()
        states = other.events("media.state", call)[before:]
        snapshots = [e for e in other.events("call.snapshot", call)]
        return any(e.data["camera"] == camera for e in states) or any(
            p["userId"] == one.user and p["camera"] == camera for e in snapshots[-1:] for p in e.data["participants"])

    await until(seen, f"{other}: the camera of {one} {'on' if camera else 'off'}", seconds)
    took = time.monotonic() - began
    before = len(other.events("signal"))

    async def try_signal() -> bool:
        return (await one.ask("signal", roomId=call, to=other.user, payload={"v": 1, "kind": "app", "data": 1}))["code"] == 0

    deadline = time.monotonic() + seconds
    while not await try_signal():
        expect(time.monotonic() < deadline, f"{one}: no signal to {other} is taken")
        await asyncio.sleep(0.2)
    await until(lambda: len(other.events("signal")) > before, f"{other}: the signal of {one}", seconds)
    return took


async def hang_up(one: Client, other: Client, call: str):
    """The end and its record arrive once, at both."""
    await one.do("call.end", callId=call)
    await is_over_once(one, call, ENDED)
    await is_over_once(other, call, ENDED)
    for client in (one, other):
        await has_one_record(client, call, endReason=ENDED, missed=False)


async def is_over_once(client: Client, call: str, reason: int, seconds: float = 30):
    event = await client.hears("call.ended", call, seconds)
    expect(event.data["reason"] == reason, f"{client}: call.ended says {event.data['reason']}, not {reason}")


async def has_one_record(client: Client, call: str, seconds: float = 20, **fields):
    """As an event, and in `call.logs`; and nothing came twice. A device that was away at the end has the record with its
    `call.ended`."""
    def told() -> bool:
        client.check()
        came_back = any(e.connection > 1 and "log" in e.data for e in client.events("call.ended", call))
        return bool(client.events("call.log", call)) or came_back

    await until(told, f"{client}: call.log", seconds)
    records = await client.logs(call)
    expect(len(records) == 1, f"{client}: call.logs has {len(records)} records of the call")
    for name, value in fields.items():
        expect(records[0].get(name) == value, f"{client}: the record says {name} {records[0].get(name)}, not {value}")
    for type in ("call.ended", "call.log"):
        expect(len(client.events(type, call)) <= 1, f"{client}: {type} came {len(client.events(type, call))} times")


async def rings_until(client: Client, call: str, expires_at: float, tolerance: float = NOT_RINGING_AFTER_SECONDS):
    """Something tells the device to stop ringing at `expires_at` (seconds, wall clock), and nothing before."""
    def told() -> Heard | None:
        client.check()
        return next((e for e in client.heard if e.data.get("callId") == call and e.type in ("call.expired", "call.ended")), None)

    event = await until(told, f"{client}: the end of the ring", max(1, expires_at - time.time()) + 10)
    off = event.at - expires_at
    if abs(off) > tolerance:
        raise Fault(f"{client}: {event.type} {event.data} came {off:+.2f} s from expiresAt")


async def timed_out_once(caller: Client, callee: Client, call: str, seconds: float = 40):
    """The ring time ended this call: told once to each, one record each, missed for who did not answer."""
    await is_over_once(caller, call, ENDED_BY_RING_TIME, seconds)
    await is_over_once(callee, call, MISSED, seconds)
    await has_one_record(caller, call, endReason=ENDED_BY_RING_TIME)
    await has_one_record(callee, call, endReason=MISSED, missed=True)


def expires_at(callee: Client, call: str) -> float:
    return callee.events("call.received", call)[0].data["expiresAt"] / 1000

"""Several devices of each user, and devices that lose their socket."""

import asyncio
import time

from .. import calls
from ..client import Client
from ..stack import Stack
from ..waiting import expect, until

TOO_LATE = 81001
AWAY_SECONDS = 12


async def first_accept_wins(stack: Stack):
    one, two = stack.gateways[:1], stack.gateways[1:2]
    async with Client(stack, "a-many", "phone", one) as a1, Client(stack, "a-many", "tablet", two) as a2, \
            Client(stack, "b-many", "phone", one) as b1, Client(stack, "b-many", "tablet", two) as b2:
        call = await calls.ring(a1, b1, b2)
        answers = await asyncio.gather(b1.ask("call.accept", callId=call), b2.ask("call.accept", callId=call))
        codes = [answer["code"] for answer in answers]
        expect(sorted(codes) == [0, TOO_LATE], f"two accepts were answered {codes}")
        winner, loser = (b1, b2) if codes[0] == 0 else (b2, b1)
        refused = answers[1 - codes.index(0)]
        expect(refused["data"].get("callId") == call, f"81001 came without the call's state: {refused}")
        await calls.is_connected(a1, call)
        await calls.is_connected(winner, call)
        ended = await loser.hears_once("call.ended", call, reason=calls.ANSWERED_ELSEWHERE, byDeviceId=winner.device)
        expect("log" not in ended.data, "answered elsewhere came with a log")
        await calls.talk(a1, winner, call, camera=False)
        await calls.hang_up(winner, a1, call)
        for other in (a2, loser):
            await calls.has_one_record(other, call, endReason=calls.ENDED, missed=False)
        expect(not a2.events("call.ended") and not a2.events("call.received"), "the caller's other device took part")
        expect(len(loser.events("call.ended", call)) == 1, "the other device was told twice")
        expect(not loser.events("call.connected", call), "the other device was connected")


async def comes_back(stack: Stack):
    one, two = stack.gateways[:1], stack.gateways[1:2]
    async with Client(stack, "a-back", gateways=one) as a, Client(stack, "b-back", gateways=two) as b:
        call = await calls.ring(a, b)

        # While it rings, to another gateway.
        await b.drop()
        b.come_back(one)
        await b.online()
        connection = b.connections
        await until(lambda: any(e.connection == connection for e in b.events("call.received", call)),
                    f"{b}: call.received again")
        await calls.answer(a, b, call)

        for gateways in (one, two):
            seen = len(a.events("call.user.connection", call))
            await b.drop()
            await until(lambda: [e.data["online"] for e in a.events("call.user.connection", call)[seen:]] == [False],
                        f"{a}: {b} is away")
            await asyncio.sleep(AWAY_SECONDS if gateways is two else 0)
            b.come_back(gateways)
            await b.online()
            connection = b.connections
            await until(lambda: any(e.connection == connection for e in b.events("call.snapshot", call)),
                        f"{b}: call.snapshot")
            await until(lambda: [e.data["online"] for e in a.events("call.user.connection", call)[seen:]] == [False, True],
                        f"{a}: {b} is back")
            await calls.talk(a, b, call, camera=gateways is two)
            await calls.talk(b, a, call, camera=gateways is two)
        code, body = await asyncio.to_thread(stack.get, f"/v1/sessions/{body_session(b, call)}")
        expect(code == 200 and len(body["participants"]) == 2, f"the session shows {code} {body}")
        await calls.hang_up(a, b, call)


def body_session(client: Client, call: str) -> str:
    return next(e.data["sessionId"] for e in reversed(client.events("call.snapshot", call)))


async def stays_away(stack: Stack):
    """Longer than lossGrace (60 s): the other is told 1210, and its own record says 1110."""
    async with Client(stack, "a-lost", gateways=stack.gateways[:1]) as a, \
            Client(stack, "b-lost", gateways=stack.gateways[1:2]) as b:
        call = await calls.ring(a, b)
        await calls.answer(a, b, call)
        away = time.monotonic()
        await b.drop()
        ended = await a.hears_once("call.ended", call, seconds=90, reason=1210)
        took = time.monotonic() - away
        expect(took >= 59, f"it was kept for {took:.1f} s only")
        b.come_back(stack.gateways[:1])
        await b.online()
        told = await b.hears_once("call.ended", call, reason=1110)
        expect(told.data["log"]["endReason"] == 1110, f"{b}: the end came with {told.data}")
        await calls.has_one_record(a, call, endReason=1210)
        records = await b.logs(call)
        expect(len(records) == 1 and records[0]["endReason"] == 1110, f"{b}: call.logs shows {records}")
        expect(ended.data["callId"] == call, "another call ended")
    return f"kept for {took:.0f} s"


async def misses_the_end(stack: Stack):
    """Away while the ring time of one device runs out; the other, that nobody lost, hears it at once."""
    one, two = stack.gateways[:1], stack.gateways[1:2]
    async with Client(stack, "a-missed", gateways=one) as a, Client(stack, "b-missed", "phone", two) as b, \
            Client(stack, "b-missed", "tablet", one) as other:
        call = await calls.ring(a, b, other, ringTimeoutMs=6_000)
        for client, state in ((a, 100), (b, 102)):
            await until_ongoing(client, call, state)
        await b.drop()
        await other.hears_once("call.ended", call, reason=calls.MISSED)
        await a.hears_once("call.ended", call, reason=calls.ENDED_BY_RING_TIME)
        expect(not b.events("call.ended"), f"{b} was told without a connection")
        for gateways in (one, two):
            b.logs_since = 0
            b.come_back(gateways)
            await b.online()
            told = await b.hears_once("call.ended", call, reason=calls.MISSED)
            expect(told.data["log"]["missed"], f"{b}: the end came with {told.data}")
            connection = b.connections
            await until(lambda: any(e.connection == connection for e in b.events("call.log", call)),
                        f"{b}: call.log since 0")
            # What comes after the records on this connection is behind everything it was owed.
            expect((await b.do("call.ongoing"))["logs"] == [], "an ended call is ongoing")
            await b.hears_once("call.ended", call)
            await b.drop()


async def until_ongoing(client: Client, call: str, state: int, seconds: float = 10):
    """`call.ongoing` shows the call as it is for this user."""
    deadline = time.monotonic() + seconds
    while True:
        logs = (await client.do("call.ongoing"))["logs"]
        entry = next((entry for entry in logs if entry["callId"] == call), None)
        expect(entry is not None, f"{client}: call.ongoing shows {logs}")
        expect(not entry["final"] and not entry["missed"], f"{client}: call.ongoing shows {entry}")
        if entry["currentUserState"] == state:
            return
        expect(time.monotonic() < deadline, f"{client}: it is in {entry['currentUserState']}, not in {state}")
        await asyncio.sleep(0.1)


def cases():
    yield "two devices on each side: the first accept wins, the other is told once", first_accept_wins
    yield "a device that lost its socket is kept, and comes back on either gateway with a snapshot", comes_back
    yield "a device that stays away longer than lossGrace has left, and is told so when it comes back", stays_away
    yield "a device that is away when its ring ends is told once, and gets its records since then", misses_the_end

"""Several devices of each user, and devices that lose their socket."""

import asyncio
import os
import signal
import time
import uuid

from .. import calls
from ..client import Client
from ..dark_line import DarkLine
from ..stack import Stack
from ..waiting import expect, until

TOO_LATE = 81001
AWAY_SECONDS = 12
TOLD_WITHIN_SECONDS = 4   # sooner than a client that hears nothing asks by itself
CUT_OFF_SECONDS, ENDS_BEFORE_SECONDS = 12.0, 2.0


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


async def line_goes_dark(stack: Stack):
    """The end goes into a socket that nobody knows to be dead; an unknown call is shown as well."""
    one, two = stack.gateways[:1], stack.gateways[1:2]
    async with DarkLine(two[0]) as line, Client(stack, "a-dark", gateways=one) as a, \
            Client(stack, "b-dark", gateways=[line.url]) as b:
        call = await calls.ring(a, b)
        line.goes_dark()
        await a.do("call.end", callId=call)
        await a.hears_once("call.ended", call, reason=calls.CANCELLED)
        await b.drop()
        b.shown.add(str(uuid.uuid4()))
        b.come_back(one)
        await b.online()
        came = time.monotonic()
        told = await b.hears_once("call.ended", call, seconds=TOLD_WITHIN_SECONDS, reason=calls.CANCELLED)
        took = time.monotonic() - came
        expect(told.connection == b.connections, f"{b} was told over a connection that was dark")
        expect(told.data["log"]["missed"], f"{b}: the end came with {told.data}")
        await b.drop()
        b.come_back(two)
        await b.online()
        # What is answered now is behind everything that this connection was owed.
        again = await calls.ring(a, b)
        await b.hears_once("call.ended", call)
        await a.do("call.end", callId=again)
        await b.hears_once("call.ended", again, reason=calls.CANCELLED)
    return f"told after {took * 1000:.0f} ms"


async def gateway_lives_again(stack: Stack):
    """The gateways hear nothing of the broker for so long that they begin new lives, and the call ends at the moment in
    which they do."""
    one, two = stack.gateways[:1], stack.gateways[1:2]
    async with Client(stack, "a-again", gateways=one) as a, Client(stack, "b-again", gateways=two) as b:
        call = await calls.ring(a, b)
        broker = stack.pids("embedded-log")[0]
        os.kill(broker, signal.SIGSTOP)
        try:
            await asyncio.sleep(CUT_OFF_SECONDS - ENDS_BEFORE_SECONDS)
            ending = asyncio.create_task(a.ask("call.end", callId=call))
            await asyncio.sleep(ENDS_BEFORE_SECONDS)
        finally:
            os.kill(broker, signal.SIGCONT)
        answer = await ending
        expect(answer["code"] == 0, f"call.end was answered {answer}")
        for client in (a, b):
            await client.hears_once("call.ended", call, seconds=30, reason=calls.CANCELLED)
        again = await calls.ring(a, b)
        await calls.answer(a, b, again)
        await calls.talk(a, b, again, camera=False)
        await calls.hang_up(a, b, again)
        for client in (a, b):
            await client.hears_once("call.ended", call)
            expect(client.connections == 1, f"{client} lost its socket, closed with {client.closed_with}")


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
    yield "a device whose line went dark, which nobody knew, is told the end where it comes back", line_goes_dark
    yield "gateways cut off from the broker begin new lives: the end is told once, and no socket is lost", gateway_lives_again

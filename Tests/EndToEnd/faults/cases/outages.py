"""What is away, all or in part, for longer than a restart takes."""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack

from .. import calls
from ..client import TRY_AGAIN, Client
from ..stack import Stack
from ..waiting import expect, until

TAKEOVER_SECONDS = 10
STALL_SECONDS = 8
REFUSED_WITHIN_SECONDS = 6
WIPED_RING_SECONDS = 25
SHORT_RING_SECONDS = 5
AGREED_WITHIN_SECONDS = 5


async def owner_gone(stack: Stack):
    async with AsyncExitStack() as clients:
        a = await clients.enter_async_context(Client(stack, "a-owner", gateways=stack.gateways[:1]))
        b = await clients.enter_async_context(Client(stack, "b-owner", gateways=stack.gateways[1:2]))
        call = await calls.ring(a, b)
        await calls.answer(a, b, call)
        owner = await asyncio.to_thread(stack.owner_of_call, call)
        expect(owner is not None, "no orchestrator says that it owns the call")
        pid = stack.pid_of("call-orchestrator", owner + 1)
        began = time.monotonic()
        await asyncio.to_thread(stack.stop_and_kill, f"call-orchestrator {owner + 1}", pid)
        try:
            await calls.talk(a, b, call, camera=False)
            took = time.monotonic() - began
            expect(took <= TAKEOVER_SECONDS, f"the call went on only after {took:.1f} s")
            expect(not await asyncio.to_thread(stack.answers, "call-orchestrator", owner), "the owner was started again")
            other = await asyncio.to_thread(stack.owner_of_call, call)
            expect(other == 1 - owner, f"the call is owned by {other}")
            await calls.hang_up(b, a, call)
            again = await calls.ring(b, a)
            await calls.answer(b, a, again)
            await calls.hang_up(a, b, again)
        finally:
            await asyncio.to_thread(stack.control, "start", "call-orchestrator", str(owner + 1))
    return f"went on after {took:.1f} s"


async def broker_stalled(stack: Stack):
    async with Client(stack, "a-stall", gateways=stack.gateways[:1]) as a, \
            Client(stack, "b-stall", gateways=stack.gateways[1:2]) as b:
        broker = stack.pids("embedded-log")[0]
        os.kill(broker, signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            wish = {"calleeIds": [b.user], "callType": 0, "mediaType": 0}
            answering = asyncio.create_task(a.ask("call.start", on_first=lambda answer: refusals.append(
                (answer, time.monotonic() - stopped)), **wish))
            refusals: list = []
            await until(lambda: refusals, "an answer while the broker stands still", REFUSED_WITHIN_SECONDS)
            answer, took = refusals[0]
            expect(answer["code"] == TRY_AGAIN, f"call.start was answered {answer}")
            await asyncio.sleep(max(0, stopped + STALL_SECONDS - time.monotonic()))
            expect(not b.events("call.received"), "it rang while the broker stood still")
        finally:
            os.kill(broker, signal.SIGCONT)
        started = await asyncio.wait_for(answering, 60)
        expect(started["code"] == 0, f"call.start was answered {started}")
        call = started["data"]["callId"]
        await b.hears("call.received", call)
        await a.hears("call.user.state", call, userState=calls.RINGING)
        await agrees_with_log(stack, a, b, call, "ringing")
        await calls.answer(a, b, call)
        await agrees_with_log(stack, a, b, call, "ongoing")
        await calls.hang_up(a, b, call)
        rung = {event.data["callId"] for event in b.events("call.received")}
        expect(rung == {call}, f"{len(rung)} calls rang")
    return f"50300 after {took:.1f} s"


async def agrees_with_log(stack: Stack, a: Client, b: Client, call: str, state: str):
    """`call.sync` at both shows what the view says, which is folded from the log alone."""
    deadline = time.monotonic() + AGREED_WITHIN_SECONDS
    while True:
        synced = [(await one.do("call.sync", callId=call))["calls"][0] for one in (a, b)]
        # A sync is itself remembered: the second one's snapshot is the call as it now stands in the log. So is a command
        # that was sent again while nobody answered, and that may come between.
        code, body = await asyncio.to_thread(stack.get, f"/v1/calls/{call}")
        expect(code == 200, f"GET /v1/calls/{call} is answered {code} {body}")
        if synced[1]["seq"] == body["seq"] or time.monotonic() > deadline:
            break
    states = [(p["userId"], p["userState"]) for p in body["participants"]]
    for one in synced:
        expect([(p["userId"], p["userState"]) for p in one["participants"]] == states,
               f"call.sync shows {one['participants']}, the log {body['participants']}")
    expect(body["state"] == state and synced[0]["seq"] <= synced[1]["seq"] == body["seq"],
           f"call.sync shows {[one['seq'] for one in synced]}, the log {body['seq']}, {body['state']}")


async def all_wiped(stack: Stack):
    services = ("token-service", "callback-dispatcher", "embedded-log", "room-allocator", "call-orchestrator")
    async with AsyncExitStack() as clients:
        async def client(name: str, gateway: int) -> Client:
            return await clients.enter_async_context(
                Client(stack, f"{name}-wiped", gateways=stack.gateways[gateway:] + stack.gateways[:gateway]))

        a, b, c, d = await asyncio.gather(client("a", 0), client("b", 1), client("c", 1), client("d", 0))
        call, ringing = await asyncio.gather(
            calls.ring(a, b), calls.ring(c, d, ringTimeoutMs=WIPED_RING_SECONDS * 1000))
        await calls.answer(a, b, call)
        ends_at = calls.expires_at(d, ringing)

        # Held first, so that nothing is started again before all is wiped.
        stack.hold(*services)
        views = stack.delete_views()
        stack.flush_redis()
        killed = stack.kill(*services)
        began = time.monotonic()
        expect(views > 0, "there was no SQLite file to delete")

        async def goes_on():
            await calls.talk(a, b, call, camera=False)
            took.append(time.monotonic() - began)
            await calls.hang_up(a, b, call)

        took: list[float] = []
        await asyncio.gather(
            goes_on(), calls.rings_until(d, ringing, ends_at), calls.timed_out_once(c, d, ringing, WIPED_RING_SECONDS + 20))
        await stack.is_back(killed)
        expect(a.connections == b.connections == c.connections == d.connections == 1, "a client lost its gateway")
    return f"went on after {took[0]:.1f} s"


async def ring_ends_at_the_gateway(stack: Stack):
    async with Client(stack, "a-expired", gateways=stack.gateways[:1]) as a, \
            Client(stack, "b-expired", gateways=stack.gateways[1:2]) as b:
        call = await calls.ring(a, b, ringTimeoutMs=SHORT_RING_SECONDS * 1000)
        await asyncio.to_thread(stack.control, "stop", "call-orchestrator")
        try:
            await calls.rings_until(b, call, calls.expires_at(b, call))
            expect(len(b.events("call.expired", call)) == 1 and not b.events("call.ended", call),
                   "somebody else than the gateway ended the ring")
        finally:
            await asyncio.to_thread(stack.control, "start", "call-orchestrator")
        await calls.timed_out_once(a, b, call)
        expect(len(b.events("call.expired", call)) == 1, "call.expired came twice")


def cases():
    yield "the call's owner killed and not started again: the call goes on at the other within 10 s", owner_gone
    yield "the broker stands still for 8 s: nobody rings, 50300 within 6 s, then one ring, and call.sync agrees", broker_stalled
    yield "all but the gateways killed, views deleted, Redis flushed: both calls go on, the ring ends in time", all_wiped
    yield "the orchestrators stopped while it rings: the gateway ends the ring at expiresAt", ring_ends_at_the_gateway

"""The kinds of calls that people make. Each is one coroutine, from the start to the end at both; `call.dice` is its own,
so that a seed gives the same stories whatever the machine's pace."""

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field

from faults.waiting import Missing

from .device import LETS_GO, Device

SHORT_RING_MS = 5000  # the least that the product allows
OVER_ALREADY = 81001
INSIDE_A_CALL = 80002
LAST_MOMENT_SECONDS = (0.05, 0.5)  # before the end of the ring
TALK_SECONDS = (2.0, 9.0)
SECOND_RINGS_SECONDS = 10.0
STOPS_RINGING = (*LETS_GO, "call.expired")


@dataclass
class Call:
    id: str
    kind: str
    caller: Device
    callees: list[Device]
    dice: random.Random
    crowd: object
    outcome: list[str] = field(default_factory=list)
    # Its start was refused since the caller sits in a call of which it has heard the end.
    is_seatless: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def callee(self) -> Device:
        return self.callees[0]

    async def start(self, twice: bool = False, **more) -> dict:
        wish = {"callId": self.id, "calleeIds": [self.callee.user], "callType": 0, "mediaType": self.dice.randint(0, 1)}
        answer = await self.caller.wishes("call.start", twice, **(wish | more))
        if answer["code"] == INSIDE_A_CALL and any(
            self.caller.has_heard(end, answer["data"]["callId"]) for end in LETS_GO
        ):
            self.is_seatless.set()
        return answer

    async def end(self, device: Device, twice: bool = False) -> dict:
        answer = await device.wishes("call.end", twice, callId=self.id)
        self.outcome.append(f"end {answer['code']}")
        return answer

    async def accept(self, device: Device, twice: bool = False) -> bool:
        answer = await device.wishes("call.accept", twice, callId=self.id)
        self.outcome.append(f"accept {answer['code']}")
        return answer["code"] == 0

    async def pause(self, low: float, high: float):
        await asyncio.sleep(self.dice.uniform(low, high))

    async def connects(self, *devices: Device):
        """Each has been told that it is connected, or over.

        - Raises: CameToNothing where it was accepted before its caller's start was refused."""
        told = asyncio.gather(*(device.hears_one_of(("call.connected", *LETS_GO), self.id) for device in devices))
        seatless = asyncio.create_task(self.is_seatless.wait())
        try:
            await asyncio.wait({told, seatless}, return_when=asyncio.FIRST_COMPLETED)
            if not told.done():
                raise CameToNothing
            await told
        finally:
            told.cancel()
            seatless.cancel()

    async def is_over(self, *devices: Device):
        """Each has been told that it ended; or the caller that it could not begin, and the others that it ended.

        - Raises: CameToNothing in the second case."""
        told = asyncio.gather(*(device.hears_one_of(LETS_GO, self.id) for device in devices if device is not self.caller))
        caller = asyncio.create_task(self.caller.hears_one_of(LETS_GO, self.id))
        seatless = asyncio.create_task(self.is_seatless.wait())
        try:
            await told
            if self.caller in devices:
                await asyncio.wait({caller, seatless}, return_when=asyncio.FIRST_COMPLETED)
                if not caller.done():
                    raise CameToNothing
                await caller
        finally:
            caller.cancel()
            seatless.cancel()

    @property
    def rung(self) -> list[Device]:
        """The callee's devices that have rung so far."""
        return [device for device in self.callees if device.has_heard("call.received", self.id)]


class CameToNothing(Exception):
    """The call was over before anybody rang: its time ran out while nobody could decide it. Or its caller's seat was not
    free yet, though the caller had heard the end of the call before: the seat is given back by another way than that news,
    which may be longer. That is as it should be."""


async def ring(call: Call, **more) -> asyncio.Task:
    """Starts, and waits until it rings. The start is answered once the caller is seated, before or after that.

    - Raises: CameToNothing, and Missing where the start was refused for any other reason than that."""
    start = asyncio.create_task(call.start(**more))
    rings = asyncio.create_task(call.callee.hears("call.received", call.id))
    over = asyncio.create_task(call.caller.hears_one_of(LETS_GO, call.id))
    try:
        waiting = {start, rings, over}
        while not rings.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if start in done and start.result()["code"] == OVER_ALREADY or over in done or call.is_seatless.is_set():
                raise CameToNothing
            if start in done and start.result()["code"] != 0:
                raise Missing(f"call.start was answered {start.result()['code']}")
        await rings
        return start
    finally:
        for task in (rings, over):
            task.cancel()


async def talk_and_hang_up(call: Call, winner: Device, twice: bool = False):
    await call.connects(call.caller, winner)
    await call.pause(*TALK_SECONDS)
    await call.end(call.dice.choice((call.caller, winner)), twice)
    await call.is_over(call.caller, winner)


async def answered(call: Call):
    start = await ring(call)
    await call.pause(0.2, 2.5)
    if await call.accept(call.callee):
        await talk_and_hang_up(call, call.callee)
    await start


async def held(call: Call):
    """Rings until the crowd says so; then it is answered, with all others that were held, in the same moment."""
    start = await ring(call)
    await call.crowd.holds(call)
    if await call.accept(call.callee):
        await talk_and_hang_up(call, call.callee)
    await start


async def doubled(call: Call):
    """Every command goes out twice."""
    start = await ring(call, twice=True)
    await call.pause(0.2, 1.5)
    if await call.accept(call.callee, twice=True):
        await talk_and_hang_up(call, call.callee, twice=True)
    await start


async def declined(call: Call):
    start = await ring(call)
    await call.pause(0.2, 2.5)
    await call.end(call.dice.choice(call.callees))
    await call.is_over(call.caller, *call.rung)
    await start


async def cancelled(call: Call):
    start = await ring(call)
    await call.pause(0.0, 2.0)
    await call.end(call.caller)
    await call.is_over(call.caller)
    await start


async def cancelled_early(call: Call):
    """The end may overtake the start, or meet it anywhere."""
    start = asyncio.create_task(call.start())
    await call.pause(0.0, 0.03)
    await call.end(call.caller)
    if (await start)["code"] == 0:
        await call.is_over(call.caller)
    # Where nobody can look who is there, it may be over before it rings.
    await call.is_over(*call.rung)


async def rang_out(call: Call):
    start = await ring(call, ringTimeoutMs=SHORT_RING_MS)
    await asyncio.gather(*(device.hears_one_of(STOPS_RINGING, call.id) for device in call.rung))
    await call.is_over(call.caller, *call.rung)
    await start


async def answered_at_last(call: Call):
    """Accepted when the ring is nearly over, by the server's word of when that is. Whether it was in time is the log's to
    say: a record may be appended later than it was sent."""
    start = await ring(call, ringTimeoutMs=SHORT_RING_MS)
    rings = await call.callee.hears("call.received", call.id)
    left = call.dice.uniform(*LAST_MOMENT_SECONDS)
    await asyncio.sleep(max(0.0, rings.data["expiresAt"] / 1000 - left - time.time()))
    if await call.accept(call.callee):
        await talk_and_hang_up(call, call.callee)
    else:
        await call.is_over(call.caller, *call.rung)
    await start


async def raced_with_cancel(call: Call):
    start = await ring(call)
    await call.pause(0.2, 1.5)
    accepted, _ = await asyncio.gather(call.accept(call.callee), call.end(call.caller))
    await call.is_over(call.caller, call.callee)
    await start


async def raced_by_two(call: Call):
    """Both devices accept at once: one wins."""
    start = await ring(call)
    with suppress(Missing):
        await call.callees[1].hears("call.received", call.id, SECOND_RINGS_SECONDS)
    await call.pause(0.2, 1.5)
    won = await asyncio.gather(*(call.accept(device) for device in call.callees))
    if any(won):
        await talk_and_hang_up(call, call.callees[won.index(True)])
    await start


async def broken_lines(call: Call):
    """One of the two loses its socket while it rings, or while they talk, and comes back elsewhere."""
    start = await ring(call)
    await start
    weak = call.dice.choice((call.caller, call.callee))
    while_ringing = call.dice.random() < 0.5
    if while_ringing:
        await weak.breaks_for(call.dice.uniform(0.0, 2.0))
    await call.pause(0.2, 1.5)
    if not await call.accept(call.callee):
        return
    await call.connects(call.caller, call.callee)
    if not while_ringing:
        await weak.breaks_for(call.dice.uniform(0.0, 3.0))
    await call.pause(*TALK_SECONDS)
    await call.end(call.dice.choice((call.caller, call.callee)))
    await call.is_over(call.caller, call.callee)


# How often each kind comes, in parts of the whole.
KINDS = {
    answered: 28, answered_at_last: 6, doubled: 10, declined: 10, cancelled: 8, cancelled_early: 6, rang_out: 8,
    raced_with_cancel: 8, raced_by_two: 10, broken_lines: 6,
}
NEEDS_TWO_DEVICES = (raced_by_two,)

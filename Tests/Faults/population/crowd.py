"""The crowd: who is free calls whom, at a steady rate; and the moment in which many ring and many connect."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine

from faults.waiting import Fault, Missing, until

from . import stories
from .device import Device
from .history import History

LOGINS_AT_ONCE = 24
LAG_EVERY_SECONDS = 0.05
LAG_TOLD_SECONDS = 0.1
TWO_DEVICES_EVERY = 3  # each third callee has a tablet too
AT_LAST_EVERY = 4      # of the calls that are begun while others are held
RELEASED_PART = 0.7    # of the held calls are answered in the moment; the others ring on
MOMENT_SECONDS = 3.0
STILL_HELD_SECONDS = 1.5
HOLD_SECONDS = 60.0

# How stories end.
TOLD, NOTHING, BROKE_OFF = "told to its end", "over before it rang", "broke off"
FINE = (TOLD, NOTHING)


class Crowd:
    def __init__(self, stack, history: History, seed: int, users: int, rate: float):
        """`users` on each side; `rate` in calls per second."""
        self.stack, self.history, self.rate = stack, history, rate
        self.dice = random.Random(seed)
        gateways = stack.gateways

        def device(user: str, name: str, number: int) -> Device:
            turn = number % len(gateways)
            return Device(stack, user, name, gateways[turn:] + gateways[:turn], history, self)

        self.callers = [[device(f"a{n}", "phone", n)] for n in range(users)]
        self.callees = [
            [device(f"b{n}", "phone", n + 1)] + ([device(f"b{n}", "tablet", n)] if n % TWO_DEVICES_EVERY == 0 else [])
            for n in range(users)]
        self.free_callers, self.free_callees = list(self.callers), list(self.callees)
        self.outcomes: Counter = Counter()
        self.begun = 0
        self.connecting: set[str] = set()
        self.wants_held = 0
        self._held: list[tuple[stories.Call, asyncio.Future]] = []
        self._trigger: tuple[int, Callable[[], None]] | None = None
        self._by_sent, self._sent = False, 0
        self._stories: set[asyncio.Task] = set()
        self._tasks: list[asyncio.Task] = []

    @property
    def devices(self) -> list[Device]:
        return [device for user in self.callers + self.callees for device in user]

    # coming and going

    async def __aenter__(self):
        gate = asyncio.Semaphore(LOGINS_AT_ONCE)

        async def come(device: Device):
            async with gate:
                await device.__aenter__()

        await asyncio.gather(*(come(device) for device in self.devices))
        self._tasks.append(asyncio.create_task(self._watch_lag()))
        return self

    async def __aexit__(self, *_):
        for task in [*self._tasks, *self._stories]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._stories, return_exceptions=True)
        await asyncio.gather(*(device.__aexit__(Exception) for device in self.devices), return_exceptions=True)

    async def _watch_lag(self):
        """How late this process itself is: what it hears late is not late for that."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(LAG_EVERY_SECONDS)
            lag = time.monotonic() - before - LAG_EVERY_SECONDS
            if lag > LAG_TOLD_SECONDS:
                self.history.note("lag", seconds=round(lag, 3))

    # calling

    async def call_until(self, is_enough: Callable[[], bool]):
        """Begins calls at the rate, as far as there are free people."""
        next_at = time.monotonic()
        while not is_enough():
            next_at = max(next_at + 1 / (self.rate * (2 if self._fills_up else 1)), time.monotonic() - 1)
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
            self._begin_one()

    @property
    def _fills_up(self) -> bool:
        return len(self._held) < self.wants_held

    def _next_kind(self) -> Callable[[stories.Call], Coroutine]:
        if not self._fills_up:
            return self.dice.choices(list(stories.KINDS), list(stories.KINDS.values()))[0]
        # Rings that end soon after the stroke, and are answered just before that, whoever decides then.
        return stories.answered_at_last if self.begun % AT_LAST_EVERY == 0 else stories.held

    def _begin_one(self):
        kind = self._next_kind()
        needed = 2 if kind in stories.NEEDS_TWO_DEVICES else 1
        callees = [user for user in self.free_callees if len(user) >= needed]
        if not self.free_callers or not callees:
            return
        caller, callee = self.dice.choice(self.free_callers), self.dice.choice(callees)
        self.free_callers.remove(caller)
        self.free_callees.remove(callee)
        call = stories.Call(
            str(uuid.UUID(int=self.dice.getrandbits(128), version=4)), kind.__name__, caller[0], callee,
            random.Random(self.dice.getrandbits(64)), self)
        self.begun += 1
        task = asyncio.create_task(self._tell(kind, call, caller, callee))
        self._stories.add(task)
        task.add_done_callback(self._stories.discard)

    async def _tell(self, kind, call: stories.Call, caller: list[Device], callee: list[Device]):
        try:
            await kind(call)
            outcome = TOLD
        except stories.CameToNothing:
            outcome = NOTHING
        except (Missing, Fault) as problem:
            outcome = f"{problem}"
        self.outcomes[outcome if outcome in FINE else BROKE_OFF] += 1
        self.history.note("outcome", call=call.id, kind=call.kind, outcome=outcome, steps=call.outcome)
        if outcome not in FINE:
            # Whoever is left in it leaves it, so that it does not go on for a day.
            for device in (call.caller, *call.callees):
                if device.is_online:
                    asyncio.create_task(self._leave(device, call.id))
            return
        self.free_callers.append(caller)
        self.free_callees.append(callee)

    async def _leave(self, device: Device, call: str):
        try:
            await device.wishes("call.end", callId=call)
        except (Missing, Fault):
            pass

    async def come_to_rest(self, seconds: float):
        """Until every story has been told."""
        await until(lambda: not self._stories, lambda: f"the end of {len(self._stories)} calls", seconds)

    # the moment

    def is_connecting(self, call: str, no_longer: bool = False):
        if no_longer:
            self.connecting.discard(call)
            return
        self.connecting.add(call)
        if not self._by_sent:
            self._strike_if(len(self.connecting))

    def sends_accept(self):
        self._sent += 1
        if self._by_sent:
            self._strike_if(self._sent)

    def _strike_if(self, count: int):
        if self._trigger and count >= self._trigger[0]:
            (_, strike), self._trigger = self._trigger, None
            strike()

    async def holds(self, call: stories.Call):
        """Called by a held call that rings: it waits for the moment, if that is still to come."""
        if self.wants_held == 0:
            return
        future = asyncio.get_running_loop().create_future()
        self._held.append((call, future))
        await future

    async def moment(
            self, name: str, hold: Callable[[], None], strike: Callable[[], None], held: int, connecting: int,
            by_sent: bool = False):
        """Holds calls until so many ring; then `hold` comes, most are answered at once, and `strike` comes in the very
        moment in which so many of them are connecting. The others ring on, and are answered a little later."""
        self.wants_held = held
        await until(lambda: len(self._held) >= held, lambda: f"{held} ringing calls ({len(self._held)})", HOLD_SECONDS)
        waiting, self._held, self.wants_held = self._held, [], 0
        struck = asyncio.get_running_loop().create_future()

        def now():
            self.history.note("fault", name=name, by_sent=by_sent)
            try:
                struck.set_result(strike())
            except Exception as problem:
                struck.set_exception(problem)

        self._by_sent, self._sent = by_sent, 0
        self._trigger = ((2 if by_sent else 1) * connecting + len(self.connecting), now)
        hold()
        for _, future in waiting[: int(held * RELEASED_PART)]:
            future.set_result(None)
        await asyncio.wait([struck], timeout=MOMENT_SECONDS)
        if self._trigger:
            self._trigger = None
            now()
        await struck
        await asyncio.sleep(STILL_HELD_SECONDS)
        for _, future in waiting[int(held * RELEASED_PART):]:
            future.set_result(None)

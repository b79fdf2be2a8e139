"""Whoever hears that a call is connected may signal in it at once."""

import asyncio
import time
from collections import Counter

from stage.client import AsyncCase, Client, connected_pair
from stage.runner import stage

SIGNALS = 1000
# Each caller's 75 requests stay within the burst that a connection may send at once, however fast the machine is.
PAIRS = 20
TURN_SECONDS = 15


class SignalRace(AsyncCase):
    async def test_a_thousand_signals_sent_in_the_moment_of_call_connected_all_arrive(self):
        self.codes = Counter()
        self.delays_ms: list[float] = []
        begun = time.monotonic()
        pairs = [Pair(self, *await connected_pair(f"yara{n}", f"zeno{n}")) for n in range(PAIRS)]
        await asyncio.gather(*(pair.calls(SIGNALS // PAIRS // 2) for pair in pairs))
        for pair in pairs:
            await pair.close()
        self.assertEqual(self.codes, {0: SIGNALS})
        self.assertLess(max(self.delays_ms), 1000)
        within = sum(delay < 1 for delay in self.delays_ms)
        print(f"      {SIGNALS} signals in {SIGNALS // 2} calls, {within} of them within 1 ms of the event, "
              f"in {time.monotonic() - begun:.1f} s")


class Pair:
    """Two who call each other again and again; each signals from within its handler of `call.connected`."""

    def __init__(self, test: SignalRace, caller: Client, callee: Client):
        self.test, self.caller, self.callee = test, caller, callee
        self.answers: list[asyncio.Future] = []
        callee.on("call.received", self.accept)
        caller.on("call.connected", lambda data: self.signal(caller, callee, data))
        callee.on("call.connected", lambda data: self.signal(callee, caller, data))

    async def calls(self, number: int):
        for _ in range(number):
            await asyncio.wait_for(self.one_call(), TURN_SECONDS)

    async def one_call(self):
        self.answers.clear()
        data = await self.caller.asked("call.start", calleeIds=[self.callee.user], callType=0, mediaType=0)
        for one in (self.caller, self.callee):
            heard = await one.event("signal", roomId=data["callId"])
            assert heard["payload"] == "now", heard
        for answer in await asyncio.gather(*self.answers):
            self.test.codes[answer["code"]] += 1
        await self.caller.asked("call.end", callId=data["callId"])
        await self.callee.event("call.ended", callId=data["callId"])
        await self.caller.event("call.ended", callId=data["callId"])

    async def accept(self, data):
        await self.callee.send("call.accept", callId=data["callId"])

    async def signal(self, one: Client, other: Client, data):
        heard = time.perf_counter()
        self.answers.append(await one.send("signal", roomId=data["roomId"], to=other.user, payload="now"))
        self.test.delays_ms.append((time.perf_counter() - heard) * 1000)

    async def close(self):
        await self.caller.close()
        await self.callee.close()

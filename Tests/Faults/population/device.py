"""One device of the crowd: a client that keeps a history, and is waited for without asking again and again."""

import asyncio
import uuid

from faults.client import Client, Heard, Line
from faults.waiting import Missing

from .history import History

ANSWER_SECONDS = 120.0  # longer than any fault holds the system up
LETS_GO = ("call.ended", "call.merged")


class Device(Client):
    def __init__(self, stack, user: str, device: str, gateways: list[str], history: History, crowd):
        super().__init__(stack, user, device, gateways)
        self.history, self.crowd = history, crowd
        self._of_call: dict[tuple[str, str], Heard] = {}
        self._waiters: dict[tuple[str, str], list[asyncio.Future]] = {}

    def check(self):
        """What is wrong is told when all is over; a story goes on as far as it comes."""

    # history

    def saw(self, what: str, line: Line, frame: dict | None = None):
        self.history.frame(str(self), line.number, what, frame)
        if what == "out" and frame["type"] == "call.accept":
            self.crowd.sends_accept()
        if what == "in" and frame.get("code") == 0:
            asked = line.waiting.get(frame.get("re"))
            if asked and asked.type == "call.accept":
                self.crowd.is_connecting(asked.data["callId"])

    def _hear(self, frame: dict, line: Line):
        super()._hear(frame, line)
        event = self.heard.pop()
        call = event.data.get("callId")
        if call is None:
            return
        if event.type == "call.connected" or event.type in LETS_GO:
            self.crowd.is_connecting(call, no_longer=True)
        # A snapshot with a start time tells what call.connected told on a connection that is gone.
        type = "call.connected" if event.type == "call.snapshot" and event.data.get("startTime") else event.type
        self._of_call.setdefault((type, call), event)
        for waiter in self._waiters.pop((type, call), []):
            if not waiter.done():
                waiter.set_result(event)

    # waiting and asking

    async def hears(self, type: str, call: str, seconds: float = ANSWER_SECONDS) -> Heard:
        """The first event of this type for this call, now or later."""
        return await self.hears_one_of((type,), call, seconds)

    async def hears_one_of(self, types: tuple[str, ...], call: str, seconds: float = ANSWER_SECONDS) -> Heard:
        for type in types:
            if (type, call) in self._of_call:
                return self._of_call[type, call]
        waiter = asyncio.get_running_loop().create_future()
        for type in types:
            self._waiters.setdefault((type, call), []).append(waiter)
        try:
            return await asyncio.wait_for(waiter, seconds)
        except TimeoutError:
            raise Missing(f"{self}: none of {', '.join(types)} within {seconds:g} s") from None

    def has_heard(self, type: str, call: str) -> bool:
        return (type, call) in self._of_call

    async def wishes(self, type: str, twice: bool = False, **data) -> dict:
        """The real answer to a request; `twice`: the same command goes out two times at once."""
        command = str(uuid.uuid4())
        asks = [self.ask(type, ANSWER_SECONDS, command=command, **data) for _ in range(2 if twice else 1)]
        return (await asyncio.gather(*asks))[0]

    async def breaks_for(self, seconds: float):
        """The socket breaks, and the device comes back to the next gateway after a while."""
        if not self.is_online:
            return
        await self.drop()
        await asyncio.sleep(seconds)
        self.come_back()

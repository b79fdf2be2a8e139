"""A device without an SDK: asks once, tries nothing again, and lets a test act in the moment an event comes."""

import asyncio
import json
import unittest
from itertools import count
from uuid import uuid4

import websockets

from .runner import stage

ANSWER_SECONDS = 8
EVENT_SECONDS = 15
SUBPROTOCOL = "switchboard.v1"


class AsyncCase(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        # unittest turns it on, and a debugging loop is slow.
        asyncio.get_running_loop().set_debug(False)


class Client:
    def __init__(self, user: str, url: str):
        self.user = user
        self.url = url
        self.device = f"{user}-{uuid4().hex[:8]}"
        self.events: list[dict] = []
        self.close_code: int | None = None
        self.handlers: dict = {}
        self._ids = count(1)
        self._answers: dict[str, asyncio.Future] = {}
        self._changed = asyncio.Condition()
        self._taken = 0

    @classmethod
    async def connected(cls, user: str, gateway: int = 0) -> "Client":
        """Online with a token that an app server got; `gateway` chooses which."""
        gateways = stage.stack.known["gateways"]
        client = cls(user, gateways[gateway % len(gateways)])
        await client.log_in()
        return client

    async def log_in(self):
        await self.dial()
        token = await asyncio.to_thread(stage.stack.token, self.user)
        answer = await self.ask("connect", token=token, deviceId=self.device, platform="desktop")
        assert answer["code"] == 0, answer

    async def moved(self, gateway: int) -> "Client":
        """The same device on another gateway, which replaces this connection."""
        client = Client(self.user, stage.stack.known["gateways"][gateway])
        client.device = self.device
        await client.log_in()
        await self.ended()
        return client

    async def dial(self):
        self._frames = stage.recorder.connection(self.user)
        self._socket = await websockets.connect(self.url, subprotocols=[SUBPROTOCOL], proxy=None)
        self._reader = asyncio.create_task(self._read())

    def on(self, kind: str, handler):
        """`await handler(data)` in the moment the event comes, before anything else is read."""
        self.handlers[kind] = handler

    async def send(self, kind: str, deliberate: bool = False, **data) -> asyncio.Future:
        """What will be its answer."""
        identifier = str(next(self._ids))
        answer = self._answers[identifier] = asyncio.get_running_loop().create_future()
        text = json.dumps({"id": identifier, "cmd": uuid4().hex, "type": kind, "data": data})
        self._frames.sent(text, deliberate)
        await self._socket.send(text)
        return answer

    async def ask(self, kind: str, deliberate: bool = False, **data) -> dict:
        return await asyncio.wait_for(await self.send(kind, deliberate, **data), ANSWER_SECONDS)

    async def asked(self, kind: str, **data) -> dict:
        """The answer's data. - Throws: AssertionError unless its code is 0."""
        answer = await self.ask(kind, **data)
        assert answer["code"] == 0, f"{self.user}: {kind}: {answer}"
        return answer.get("data", {})

    async def event(self, kind: str, **members) -> dict:
        """The data of the next such event after the one taken before, with those members."""
        def found():
            for place in range(self._taken, len(self.events)):
                frame = self.events[place]
                if frame["type"] == kind and all(frame["data"].get(name) == value for name, value in members.items()):
                    self._taken = place + 1
                    return frame["data"]

        async with self._changed:
            try:
                async with asyncio.timeout(EVENT_SECONDS):
                    while not (data := found()):
                        await self._changed.wait()
                return data
            except TimeoutError:
                seen = [frame["type"] for frame in self.events[self._taken:]]
                raise AssertionError(f"{self.user} got no {kind} {members}, but {seen}") from None

    async def ended(self) -> int:
        """The code with which the server closed."""
        await asyncio.wait_for(asyncio.shield(self._reader), EVENT_SECONDS)
        return self.close_code

    async def close(self):
        await self._socket.close()
        await self._reader

    async def _read(self):
        try:
            async for text in self._socket:
                self._frames.received(text)
                frame = json.loads(text)
                if "re" in frame:
                    if answer := self._answers.pop(frame["re"], None):
                        answer.set_result(frame)
                    continue
                if handler := self.handlers.get(frame["type"]):
                    await handler(frame["data"])
                async with self._changed:
                    self.events.append(frame)
                    self._changed.notify_all()
        except websockets.ConnectionClosed:
            pass
        self.close_code = self._socket.close_code


async def connected_pair(caller: str, callee: str) -> tuple[Client, Client]:
    """Two people online, on different gateways where there are two."""
    return await Client.connected(caller, 0), await Client.connected(callee, 1)


async def call(caller: Client, callee: Client, media: int = 0) -> str:
    """The CallID of a call that both are in."""
    started = await caller.asked("call.start", calleeIds=[callee.user], callType=0, mediaType=media)
    identifier = started["callId"]
    await callee.event("call.received", callId=identifier)
    await callee.asked("call.ringing", callId=identifier)
    await callee.asked("call.accept", callId=identifier)
    await caller.event("call.connected", callId=identifier)
    await callee.event("call.connected", callId=identifier)
    return identifier

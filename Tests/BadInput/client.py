"""A client of the gateway that can also say what no SDK would, and a whole call with it."""

import asyncio
import json
import uuid

import websockets

ANSWER_SECONDS = 8
TRIES = 6


class Client:
    """One device. `answers` come by id; everything else is an event."""

    def __init__(self, stack, user: str | None = None):
        self.stack = stack
        self.user = user or f"u{uuid.uuid4().hex[:10]}"
        self.socket = None
        self.count = 0
        self.waiting: dict[str, asyncio.Future] = {}
        self.frames: asyncio.Queue = asyncio.Queue()
        self.reader = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def open(self) -> "Client":
        self.socket = await websockets.connect(
            self.stack.gateway, subprotocols=["switchboard.v1"], max_size=None, ping_interval=None)
        self.reader = asyncio.create_task(self.read())
        return self

    async def login(self, **other) -> "Client":
        await self.open()
        answer = await self.request("connect", **self.credentials() | other)
        assert answer["code"] == 0, answer
        return self

    def credentials(self) -> dict:
        return {"token": self.stack.token(self.user), "deviceId": f"{self.user}-device", "platform": "web"}

    async def close(self) -> None:
        if self.socket:
            await self.socket.close()
        if self.reader:
            await asyncio.wait([self.reader], timeout=5)

    async def read(self) -> None:
        try:
            async for text in self.socket:
                frame = json.loads(text)
                if frame.get("re") in self.waiting:
                    self.waiting.pop(frame["re"]).set_result(frame)
                else:
                    self.frames.put_nowait(frame)
        except websockets.ConnectionClosed:
            pass

    async def say(self, text: str | bytes) -> None:
        await self.socket.send(text)

    async def request(self, type: str, **data) -> dict:
        return await self.ask({"type": type, "data": data})

    async def ask(self, frame: dict) -> dict:
        """Sends a frame with an id of its own, and waits for the answer."""
        self.count += 1
        request = f"r{self.count}"
        answer = asyncio.get_running_loop().create_future()
        self.waiting[request] = answer
        await self.say(json.dumps({"id": request} | frame))
        return await asyncio.wait_for(answer, ANSWER_SECONDS)

    async def insist(self, type: str, **data) -> dict:
        """As an SDK does: the same command again as long as the answer is 50300."""
        cmd = str(uuid.uuid4())
        for attempt in range(TRIES):
            answer = await self.ask({"type": type, "cmd": cmd, "data": data})
            if answer["code"] != 50300:
                break
            await asyncio.sleep(0.2 * 2**attempt)
        assert answer["code"] == 0, (type, answer)
        return answer

    async def event(self, type: str, seconds: float = 15) -> dict:
        while True:
            frame = await asyncio.wait_for(self.frames.get(), seconds)
            if frame.get("type") == type:
                return frame

    async def closing(self, seconds: float = 15) -> int:
        """The code with which the gateway closes."""
        await asyncio.wait_for(self.socket.wait_closed(), seconds)
        await asyncio.wait([self.reader], timeout=5)
        return self.socket.close_code

    def left(self) -> list[dict]:
        """What came and nobody asked for."""
        frames = []
        while not self.frames.empty():
            frames.append(self.frames.get_nowait())
        return frames


async def check_alive(client: Client) -> None:
    answer = await client.request("ping")
    assert answer["code"] == 0, answer


async def check_call(stack, caller: str | None = None, callee: str | None = None) -> str:
    """A whole call: dialled, rung, answered, hung up. Gives its CallID."""
    async with Client(stack, caller) as a, Client(stack, callee) as b:
        await a.login()
        await b.login()
        started = asyncio.create_task(a.insist("call.start", calleeIds=[b.user], callType=0, mediaType=0))
        call = (await b.event("call.received"))["data"]["callId"]
        await started
        await b.insist("call.accept", callId=call)
        await a.event("call.connected")
        await a.insist("call.end", callId=call)
        await b.event("call.ended")
        return call

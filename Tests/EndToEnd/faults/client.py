"""A client as an SDK is one: it comes back with the same deviceId, asks again with the same `cmd`, and asks for a call
again when it sees a gap. What it hears is held against the rules of `seq` and `prev` at once."""

import asyncio
import json
import random
import time
import uuid
from dataclasses import dataclass, field

import websockets
from websockets.asyncio.client import connect

from contract.numbering import Numbering

from .waiting import POLL_SECONDS, Fault, expect, until

TRY_AGAIN = 50300
ANSWER_WITHIN_SECONDS = 6.0  # the contract says 5; one more for this machine
DO_NOT_COME_BACK = {4400, 4401, 4403, 4408, 4409, 4413, 4429}
PING_SECONDS = 10.0
BACK_OFF_SECONDS, BACK_OFF_MAX_SECONDS = 0.5, 10.0
CALLS_NAMED_MAX = 16
SHOWS = ("call.received", "call.snapshot", "call.connected")
SHOWN_BY_ANSWER = ("call.start", "call.accept")
ENDS = ("call.ended", "call.merged")


@dataclass
class Heard:
    """An event, when it came (seconds, wall clock), and on which of the client's connections."""
    type: str
    data: dict
    seq: int | None
    at: float
    connection: int


@dataclass
class Waiting:
    """A request that is not answered yet."""
    type: str
    data: dict
    future: asyncio.Future


@dataclass
class Line:
    """One connection, from its socket's opening to its end."""
    number: int
    socket: object
    numbering: Numbering = field(default_factory=Numbering)
    waiting: dict = field(default_factory=dict)
    seen: set = field(default_factory=set)
    is_admitted: bool = False


class Client:
    def __init__(self, stack, user: str, device: str = "phone", gateways: list[str] | None = None):
        """`gateways` are tried in turn, one after each lost connection."""
        self.stack, self.user, self.device = stack, user, device
        self.gateways = gateways or stack.gateways
        self.token = ""
        self.heard: list[Heard] = []
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.line: Line | None = None
        self.closed_with: int | None = None
        self.connections = 0
        self.may_connect = asyncio.Event()
        self.logs_since: int | None = None
        self.shown: set[str] = set()  # calls it has heard of, and of no end
        self.over: set[str] = set()
        self._asked = 0
        self._tasks: set[asyncio.Task] = set()

    def __str__(self):
        return f"{self.user}/{self.device}"

    async def __aenter__(self):
        self.token = await self.stack.token(self.user)
        self.may_connect.set()
        self._begin(self._live())
        await self.online()
        return self

    async def __aexit__(self, kind, *_):
        # Until they are gone: a task that is told to end in the moment in which what it waits for comes goes on.
        while self._tasks:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.wait(list(self._tasks), timeout=POLL_SECONDS)
        if self.line:
            await self.line.socket.close()
        if kind is None:
            self.check()

    def check(self):
        """- Raises: Fault with all that was heard against the rules."""
        if self.faults:
            raise Fault("; ".join(f"{self}: {fault}" for fault in self.faults))

    def _begin(self, work) -> asyncio.Task:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task):
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.faults.append(f"{type(task.exception()).__name__}: {task.exception()}")

    # connecting

    @property
    def is_online(self) -> bool:
        return self.line is not None and self.line.is_admitted

    async def online(self, seconds: float = 20):
        def holds() -> bool:
            self.check()
            return self.is_online

        await until(holds, f"{self} online", seconds)

    async def drop(self):
        """The socket breaks without a word; nothing is tried until `come_back`."""
        self.may_connect.clear()
        line = self.line
        line.socket.transport.abort()
        await until(lambda: self.line is not line, f"{self} without its socket")

    def come_back(self, gateways: list[str] | None = None):
        self.gateways = gateways or self.gateways
        self.may_connect.set()

    async def _live(self):
        tries = 0
        while True:
            await self.may_connect.wait()
            url = self.gateways[self.connections % len(self.gateways)]
            self.connections += 1
            try:
                async with connect(url, subprotocols=["switchboard.v1"], open_timeout=5, close_timeout=1,
                                   ping_interval=None, max_size=None) as socket:
                    self.line = Line(self.connections, socket)
                    self.saw("open", self.line)
                    reading = self._begin(self._read(self.line))
                    since = {} if self.logs_since is None else {"logsSince": self.logs_since}
                    shows = {"callIds": sorted(self.shown)[:CALLS_NAMED_MAX]} if self.shown else {}
                    answer = await self._request(self.line, "connect", None, {
                        "token": self.token, "deviceId": self.device, "platform": "web"} | since | shows)
                    if answer and answer["code"] == 0:
                        self.line.is_admitted = True
                        tries = 0
                        beating = self._begin(self._beat(self.line))
                        await asyncio.wait([reading])
                        beating.cancel()
                    elif answer and answer["code"] != TRY_AGAIN:
                        self.faults.append(f"connect was refused: {answer}")
                        return
                    code = socket.close_code
            except (OSError, websockets.WebSocketException, TimeoutError):
                code = None
            if self.line:
                line, self.line = self.line, None
                self.saw("lost", line)
                for waiting in line.waiting.values():
                    waiting.future.cancel()
            self.closed_with = code
            if code in DO_NOT_COME_BACK:
                return
            tries += 1
            await asyncio.sleep(random.uniform(0, min(BACK_OFF_MAX_SECONDS, BACK_OFF_SECONDS * 2**tries)))

    async def _beat(self, line: Line):
        while True:
            await asyncio.sleep(PING_SECONDS)
            await self._request(line, "ping", None, {})

    def saw(self, what: str, line: Line, frame: dict | None = None):
        """Told when a connection opens or is lost (`open`, `lost`), and of each frame `in` and `out`; for whoever keeps
        a history."""

    # asking

    async def ask(self, type: str, seconds: float = 60, on_first=None, command: str | None = None, **data) -> dict:
        """The answer to a request that is sent again, with the same `cmd` (a fresh one where none is given), until it is
        another than 50300; `on_first` is told the first answer, whatever it is."""
        command, deadline, wait = command or str(uuid.uuid4()), time.monotonic() + seconds, 2.0
        while True:
            await self.online(max(0.1, deadline - time.monotonic()))
            answer = await self._request(self.line, type, command, data)
            if answer and on_first:
                on_first(answer)
                on_first = None
            if answer and answer["code"] != TRY_AGAIN:
                return answer
            if time.monotonic() > deadline:
                raise Fault(f"{self}: {type} had no real answer within {seconds:g} s")
            if answer:
                await asyncio.sleep(wait)
                wait = min(60.0, wait * 2)
            else:
                # The line is closed, and whoever keeps it may not have seen that yet: let it.
                await asyncio.sleep(POLL_SECONDS)

    async def do(self, type: str, seconds: float = 60, **data) -> dict:
        """The data of an answer that must be 0."""
        answer = await self.ask(type, seconds, **data)
        expect(answer["code"] == 0, f"{self}: {type} was answered {answer}")
        return answer.get("data") or {}

    async def _request(self, line: Line, type: str, command: str | None, data: dict) -> dict | None:
        self._asked += 1
        request = str(self._asked)
        frame = {"id": request, "type": type, "data": data} | ({"cmd": command} if command else {})
        future = asyncio.get_running_loop().create_future()
        line.waiting[request] = Waiting(type, data, future)
        try:
            self.saw("out", line, frame)
            await line.socket.send(json.dumps(frame))
            answer = await asyncio.wait_for(future, ANSWER_WITHIN_SECONDS)
        except websockets.ConnectionClosed:
            return None
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():
                raise
            return None
        except TimeoutError:
            self.faults.append(f"{type} was not answered within {ANSWER_WITHIN_SECONDS:g} s")
            return None
        finally:
            line.waiting.pop(request, None)
        return answer

    # hearing

    async def _read(self, line: Line):
        try:
            async for text in line.socket:
                frame = json.loads(text)
                self.saw("in", line, frame)
                if "re" in frame:
                    waiting = line.waiting.get(frame["re"])
                    if waiting is None:
                        self.faults.append(f"an answer to what was not asked: {text[:200]}")
                    else:
                        self._take(frame, waiting, line)
                else:
                    self._hear(frame, line)
        except websockets.ConnectionClosed:
            pass

    def _take(self, answer: dict, waiting: "Waiting", line: Line):
        """Counted here, where it stands among the events, not where it is waited for."""
        if waiting.type == "call.sync":
            line.numbering.asked_again(waiting.data.get("callId"))
        if answer["code"] == 0:
            line.numbering.answered(waiting.type, answer.get("data") or {})
            if waiting.type in SHOWN_BY_ANSWER:
                self._shows(answer["data"]["callId"])
        if not waiting.future.done():
            waiting.future.set_result(answer)

    def _hear(self, frame: dict, line: Line):
        data, seq = frame["data"], frame.get("seq")
        event = Heard(frame["type"], data, seq, time.time(), line.number)
        call = data.get("callId") or (data.get("roomId") if seq else None)
        if seq is not None:
            if (call, seq, event.type) in line.seen:
                self.faults.append(f"{event.type} {seq} of call {call} came twice on one connection")
            line.seen.add((call, seq, event.type))
        if event.type in SHOWS:
            self._shows(data["callId"])
        elif event.type in ENDS:
            self.shown.discard(data["callId"])
            self.over.add(data["callId"])
        self.heard.append(event)
        self.faults += line.numbering.told(frame)
        if gaps := line.numbering.unhealed():
            self.notes.append(gaps[0])
            line.numbering.asked_again(call)
            self._begin(self.ask("call.sync", callId=call))
        if event.type == "call.received":
            self._begin(self._acknowledge(data["callId"], data["expiresAt"] / 1000))

    def _shows(self, call: str):
        """An answer may come behind the end."""
        if call not in self.over:
            self.shown.add(call)

    async def _acknowledge(self, call: str, expires_at: float):
        """A device that rings says so by itself; that it came too late is no fault."""
        if expires_at > time.time():
            await self.ask("call.ringing", callId=call)

    # looking at what was heard

    def events(self, type: str, call: str | None = None) -> list[Heard]:
        return [event for event in self.heard if event.type == type
                and (call is None or call in (event.data.get("callId"), event.data.get("roomId")))]

    async def hears(self, type: str, call: str | None = None, seconds: float = 10, **fields) -> Heard:
        """The first event of this type, call and fields, now or later."""
        def found() -> Heard | None:
            self.check()
            return next((event for event in self.events(type, call)
                         if all(event.data.get(name) == value for name, value in fields.items())), None)

        def missing() -> str:
            heard = ", ".join(f"{e.type} {e.seq or ''}".strip() for e in self.heard[-8:])
            return f"{self}: {type} {fields or ''} (heard last: {heard or 'nothing'})"

        return await until(found, missing, seconds)

    async def hears_once(self, type: str, call: str, seconds: float = 10, **fields) -> Heard:
        event = await self.hears(type, call, seconds, **fields)
        expect(len(self.events(type, call)) == 1, f"{self}: {type} came {len(self.events(type, call))} times")
        return event

    async def logs(self, call: str) -> list[dict]:
        """This user's records of a call, as `call.logs` tells them."""
        answer = await self.do("call.logs", count=100, order=1)
        return [entry for entry in answer["logs"] if entry["callId"] == call]

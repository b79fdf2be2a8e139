"""An app server and its users: it asks for tokens at the front door, steadily, and somebody logs in with each.

The front door knows the copies of token-service, and takes another where one refuses the connection. What it cannot send
again by itself (502, 503, 504, a broken connection) is asked again here, signed anew, as an app server does.
"""

import asyncio
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field

from .aside import Aside
from .little_socket import LittleSocket, TryAgain

PATIENCE_SECONDS = 15
ASK_AGAIN_SECONDS = 0.1
ANSWER_WITHIN_SECONDS = 10
PASSING = {502, 503, 504}
TRY_AGAIN = 50300
ISSUE = "/v4/auth/access-token/issue"
# Every second token is for a user that got one so many askings before, and is known: that writes nothing.
KNOWN_SINCE = 61


@dataclass
class Asking:
    """One token, from the wish to the login. Seconds; none where it did not come so far."""
    at: float
    issued_after: float | None = None
    let_in_after: float | None = None
    # Why a step had to be done again, each time.
    again: list[str] = field(default_factory=list)
    # Why it was given up.
    problem: str = ""


class Refused(Exception):
    """An answer that asking again does not change."""


class AppServer:
    """Begins `rate` askings each second from `begin` to `end`, however long those before take."""

    def __init__(self, aside: Aside, known: dict, rate: int):
        self.askings: list[Asking] = []
        self._aside, self._known, self._rate = aside, known, rate
        host, _, port = known["baseUrl"].partition("://")[2].rpartition(":")
        self._door = host, int(port)
        self._is_over = asyncio.Event()
        self._going: asyncio.Future | None = None

    def begin(self) -> None:
        self._going = asyncio.run_coroutine_threadsafe(self._ask_steadily(), self._aside.loop)

    def end(self) -> None:
        """Waits for those under way."""
        if self._going:
            self._aside.loop.call_soon_threadsafe(self._is_over.set)
            self._going.result()

    async def _ask_steadily(self) -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while not self._is_over.is_set():
                due = int((time.monotonic() - began) * self._rate)
                while len(self.askings) < due:
                    number = len(self.askings)
                    asking = Asking(time.time())
                    self.askings.append(asking)
                    group.create_task(self._serve(number, asking))
                await asyncio.sleep(1 / self._rate)

    async def _serve(self, number: int, asking: Asking) -> None:
        user = number - KNOWN_SINCE if number % 2 and number > KNOWN_SINCE else number
        start = time.monotonic()
        try:
            token = await self._until_done(lambda: self._issue(f"guest{user}"), asking)
            asking.issued_after = time.monotonic() - start
            start = time.monotonic()
            await self._until_done(lambda: self._log_in(token, f"device{number}"), asking)
            asking.let_in_after = time.monotonic() - start
        except Refused as refusal:
            asking.problem = str(refusal)

    async def _until_done(self, step, asking: Asking):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await asyncio.wait_for(step(), ANSWER_WITHIN_SECONDS)
            except (OSError, EOFError, TimeoutError, TryAgain) as trouble:
                if time.monotonic() > deadline:
                    raise Refused(f"after {PATIENCE_SECONDS} s: {trouble!r}") from trouble
                asking.again.append(str(trouble) or type(trouble).__name__)
            await asyncio.sleep(ASK_AGAIN_SECONDS)

    async def _issue(self, user: str) -> str:
        status, answer = await post(
            self._door, ISSUE, signed(self._known), json.dumps({"userId": user, "name": user}).encode())
        if status in PASSING:
            raise TryAgain(f"{ISSUE} is answered {status}")
        if status != 200:
            raise Refused(f"{ISSUE} is answered {status} {answer[:200]!r}")
        return json.loads(answer)["result"]["accessToken"]

    async def _log_in(self, token: str, device: str) -> None:
        async with LittleSocket(self._door) as socket:
            answer = await socket.ask("connect", {"token": token, "deviceId": device, "platform": "web"})
            if answer["code"] == TRY_AGAIN:
                raise TryAgain("connect is answered 50300")
            if answer["code"] != 0:
                raise Refused(f"connect is answered {answer}")
            await socket.tell("logout", {})


def signed(known: dict) -> dict[str, str]:
    nonce, now = secrets.token_hex(8), str(int(time.time() * 1000))
    signature = hashlib.sha1((known["appSecret"] + nonce + now).encode()).hexdigest()
    return {
        "App-Key": known["appKey"], "Nonce": nonce, "Timestamp": now, "Signature": signature,
        "Content-Type": "application/json"}


async def post(door: tuple[str, int], path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """- Raises: OSError or EOFError where the answer does not come whole."""
    reader, writer = await asyncio.open_connection(*door)
    try:
        lines = [f"POST {path} HTTP/1.1", f"Host: {door[0]}:{door[1]}", "Connection: close", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next((line[15:] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
        return int(head.split(" ", 2)[1]), await reader.readexactly(int(length))
    finally:
        writer.close()

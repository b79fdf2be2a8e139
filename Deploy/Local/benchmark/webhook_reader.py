"""A webhook endpoint that takes everything, and keeps what came and when."""

import asyncio
import time
from dataclasses import dataclass

from .aside import Aside

HEAD_END = b"\r\n\r\n"
TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Arrival:
    body: bytes
    # Of the first time; wall clock, seconds.
    at: float
    repeats: int = 0
    # Of the repeats, those whose bytes were others.
    others: int = 0
    is_delayed: bool = False


class WebhookReader:
    def __init__(self, aside: Aside):
        # By id, in the order in which they came first.
        self.arrivals: dict[str, Arrival] = {}
        self.repeated_at: list[float] = []
        self._aside = aside

    def __enter__(self) -> "WebhookReader":
        self._server = self._aside.do(self._listen())
        return self

    def __exit__(self, *_) -> None:
        self._aside.loop.call_soon_threadsafe(self._server.close)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/callbacks"

    def so_far(self) -> dict[str, Arrival]:
        """As it stands now; what comes later is not in it."""
        return dict(self.arrivals)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(lambda: Reading(self), "127.0.0.1", 0)

    def take(self, headers: dict[str, str], body: bytes) -> None:
        now, identity = time.time(), headers.get("webhook-id", "")
        known = self.arrivals.get(identity)
        if not known:
            self.arrivals[identity] = Arrival(body, now, is_delayed="webhook-delayed" in headers)
            return
        known.repeats += 1
        known.others += body != known.body
        self.repeated_at.append(now)


class Reading(asyncio.Protocol):
    """One connection; a thousand requests a second must cost little."""

    def __init__(self, reader: WebhookReader):
        self._reader, self._bytes, self._transport = reader, b"", None

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        while (end := self._bytes.find(HEAD_END)) >= 0:
            lines = self._bytes[:end].decode("latin-1").split("\r\n")[1:]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            begin = end + len(HEAD_END)
            whole = begin + int(headers.get("content-length", "0"))
            if len(self._bytes) < whole:
                return
            self._reader.take(headers, self._bytes[begin:whole])
            self._bytes = self._bytes[whole:]
            self._transport.write(TAKEN)

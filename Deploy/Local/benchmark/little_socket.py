"""As much of a WebSocket client as one login needs, for a Python without packages."""

import asyncio
import base64
import json
import os
import struct

FINAL_TEXT, CLOSE = 0x81, 0x8
MASKED = 0x80
# From here on a length takes two bytes more; from what two bytes hold on, eight.
LENGTH_IN_TWO, LENGTH_IN_EIGHT = 126, 127


class TryAgain(Exception):
    """What was answered is no for now alone."""


class LittleSocket:
    """- Raises: OSError, EOFError, or TryAgain where there is no WebSocket for now."""

    def __init__(self, door: tuple[str, int]):
        self._door = door

    async def __aenter__(self) -> "LittleSocket":
        self._reader, self._writer = await asyncio.open_connection(*self._door)
        key = base64.b64encode(os.urandom(16)).decode()
        self._writer.write((
            f"GET /ws HTTP/1.1\r\nHost: {self._door[0]}:{self._door[1]}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: switchboard.v1\r\n\r\n").encode())
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 101 "):
                raise TryAgain(f"/ws is answered {head[9:12].decode()}")
        except BaseException:
            self._writer.close()
            raise
        return self

    async def __aexit__(self, *_) -> None:
        self._writer.close()

    async def ask(self, type: str, data: dict) -> dict:
        """The answer; what comes before it is passed over."""
        await self.tell(type, data)
        while True:
            heard = json.loads(await self._text())
            if heard.get("re") == type:
                return heard

    async def tell(self, type: str, data: dict) -> None:
        text, mask = json.dumps({"id": type, "type": type, "data": data}).encode(), os.urandom(4)
        size = len(text)
        length = bytes([MASKED | size]) if size < LENGTH_IN_TWO else struct.pack(">BH", MASKED | LENGTH_IN_TWO, size)
        self._writer.write(bytes([FINAL_TEXT]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
        await self._writer.drain()

    async def _text(self) -> bytes:
        while True:
            first, size = await self._reader.readexactly(2)
            if size == LENGTH_IN_TWO:
                size, = struct.unpack(">H", await self._reader.readexactly(2))
            elif size == LENGTH_IN_EIGHT:
                size, = struct.unpack(">Q", await self._reader.readexactly(8))
            payload = await self._reader.readexactly(size)
            if first & 0xF == CLOSE:
                raise TryAgain(f"closed with {int.from_bytes(payload[:2])}")
            if first == FINAL_TEXT:
                return payload

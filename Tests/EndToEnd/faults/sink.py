"""A webhook receiver that fails every second time, and keeps all that came."""

import asyncio
from dataclasses import dataclass


@dataclass
class Arrival:
    id: str
    body: bytes
    headers: dict[str, str]
    status: int


class Sink:
    """Answers 200, 500, 200, 500 …, whatever comes."""

    def __init__(self):
        self.arrivals: list[Arrival] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in list(self._open):
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/callbacks"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._open.add(writer)
        try:
            while line := await reader.readline():
                if not line.startswith(b"POST "):
                    return
                headers = {}
                while (line := await reader.readline()).strip():
                    name, _, value = line.decode().partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status = 500 if len(self.arrivals) % 2 else 200
                self.arrivals.append(Arrival(headers.get("webhook-id", ""), body, headers, status))
                writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

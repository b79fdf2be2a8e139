"""A way to a gateway that goes dark: nothing passes any more, and the gateway is not told that its client has gone."""

import asyncio
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536


class DarkLine:
    """Carries each connection to `gateway`; `url` leads through it."""

    def __init__(self, gateway: str):
        self._gateway = urlsplit(gateway)
        self._tasks: set[asyncio.Task] = set()
        self._ends: list[asyncio.StreamWriter] = []
        self._is_dark = False
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()
        return f"ws://{host}:{port}{self._gateway.path}"

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._opened, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for end in self._ends:
            end.close()

    def goes_dark(self):
        """For good, and at once. What the gateway sends is read away, so that it sees nothing of it."""
        self._is_dark = True

    async def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        far_reader, far_writer = await asyncio.open_connection(self._gateway.hostname, self._gateway.port)
        self._ends += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter):
        try:
            while data := await source.read(CHUNK_BYTES):
                if not self._is_dark:
                    sink.write(data)
        except OSError:
            pass
        if not self._is_dark:
            sink.close()

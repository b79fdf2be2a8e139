"""A line between a browser and the front door that can be cut, as a network is: sockets end at once, no new one comes."""

import asyncio
import socket
import struct
import threading

CHUNK = 65536


class Line:
    def __init__(self, target_port: int):
        self.target_port = target_port
        self.port = 0
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._on_loop(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Resets what is open, and whatever comes until `mend`."""
        self._on_loop(self._cut())

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self.cut()
        self._on_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _on_loop(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self):
        return await asyncio.start_server(self._accepted, "127.0.0.1", 0)

    async def _stop(self):
        self._server.close()

    async def _cut(self):
        self._is_cut = True
        for writer in list(self._writers):
            reset(writer)

    async def _accepted(self, reader, writer):
        if self._is_cut:
            return reset(writer)
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            return reset(writer)
        pair = {writer, onward_writer}
        self._writers |= pair
        try:
            await asyncio.gather(pipe(reader, onward_writer), pipe(onward_reader, writer))
        finally:
            self._writers -= pair
            for end in pair:
                end.close()


async def pipe(reader, writer):
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


def reset(writer):
    """Ends it by RST: the other side sees a broken line, not a farewell."""
    handle = writer.get_extra_info("socket")
    if handle is not None:
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

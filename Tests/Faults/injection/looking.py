"""Looks at the mirror in Redis once a second, all through a run."""

import socket
import threading
import time

from checker.evidence import Look
from checker.mirror import MIRRORED

EACH_SECONDS = 1.0
ANSWER_SECONDS = 1.0


class Looker:
    def __init__(self):
        self._address = ("", 0)
        self._places: list[tuple[str, int]] = []
        self._file = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._before: dict[tuple[str, int], dict[str, str]] = {}
        self.looks: list[Look] = []

    def start(self, address: str, partitions: int):
        """`address`: host:port."""
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._places = [(ledger, partition) for ledger in MIRRORED for partition in range(partitions)]
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self, is_at_rest: bool = False):
        """`is_at_rest`: with a last look."""
        self._stopping.set()
        if self._thread:
            self._thread.join()
        if is_at_rest:
            self._look(is_last=True)
        self._hang_up()

    def _work(self):
        while not self._stopping.wait(EACH_SECONDS):
            self._look()

    def _look(self, is_last: bool = False):
        try:
            hashes = self._read_all()
        except (OSError, ValueError):
            self._hang_up()
            hashes = None
        self.looks.append(Look(time.time(), hashes, is_last))

    def _read_all(self) -> dict[tuple[str, int], dict[str, str]]:
        if not self._file:
            connection = socket.create_connection(self._address, timeout=ANSWER_SECONDS)
            self._file = connection.makefile("rwb")
        for ledger, partition in self._places:
            key = f"{{{ledger[0]}{partition}}}:{ledger}"
            self._file.write(f"*2\r\n$7\r\nHGETALL\r\n${len(key)}\r\n{key}\r\n".encode())
        self._file.flush()
        found = {place: self._hash() for place in self._places}
        for place, hash in found.items():
            # Most stay as they are from look to look, and are kept once.
            if hash == self._before.get(place):
                found[place] = self._before[place]
        self._before = found
        return found

    def _hash(self) -> dict[str, str]:
        words = [self._word() for _ in range(self._count(b"*"))]
        return dict(zip(words[::2], words[1::2], strict=True))

    def _word(self) -> str:
        length = self._count(b"$")
        text = self._file.read(length + 2)
        if len(text) != length + 2:
            raise ConnectionError("Redis hung up")
        return text[:-2].decode(errors="replace")

    def _count(self, kind: bytes) -> int:
        line = self._file.readline()
        if line[:1] != kind:
            raise ConnectionError(f"Redis answers {line!r}")
        return int(line[1:])

    def _hang_up(self):
        if self._file:
            try:
                self._file.close()
            except OSError:
                pass
            self._file = None

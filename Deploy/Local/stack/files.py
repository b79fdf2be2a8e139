"""Files and ports that a stack keeps from one start to the next."""

import json
import os
import random
import secrets
import socket
from pathlib import Path

# Below the ports that systems hand out by themselves, so that no client's socket takes one between two starts.
PORTS = range(20000, 32000)


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replaces the file as a whole: a reader sees the old one or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.chmod(draft, mode)
    os.replace(draft, path)


def load(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


class Ports:
    """A free port for each name, the same at each start as long as nobody else has taken it."""

    def __init__(self, path: Path):
        self.path = path
        self.known: dict[str, int] = load(path)
        self.given: set[int] = set()

    def port(self, name: str) -> int:
        return self.block(name, 1)

    def block(self, name: str, count: int) -> int:
        """The first of `count` ports in a row."""
        first = self.known.get(name)
        if not isinstance(first, int) or not self._usable(first, count):
            first = next(p for p in random.sample(PORTS, len(PORTS)) if self._usable(p, count))
        self.known[name] = first
        self.given.update(range(first, first + count))
        return first

    def _usable(self, first: int, count: int) -> bool:
        ports = range(first, first + count)
        return not self.given.intersection(ports) and all(is_free(p) for p in ports)

    def save(self) -> None:
        write(self.path, json.dumps(self.known, indent=1) + "\n")


def kept_secrets(path: Path) -> dict[str, str]:
    """The secrets of this stack, made at its first start."""
    known = load(path)
    for name in ("adminToken", "turnSecret"):
        known.setdefault(name, secrets.token_urlsafe(32))
    write(path, json.dumps(known, indent=1) + "\n")
    return known

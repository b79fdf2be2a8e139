"""Nodes of Apache Kafka (KAFKA_HOME) on this machine, for tests: each can be killed, halted and started again with its data."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .files import PORTS, is_free
from .settings import ROOT

START_SECONDS = 90
# A node's controller listens so far above its clients' port.
CONTROLLER_OFFSET = 1000
HEAP_OF_SEVERAL = "256m"


class Kafka:
    """One node, or three: then each partition has three copies, two of them in sync at least."""

    def __init__(self, nodes: int = 1):
        self.nodes = range(1, nodes + 1)
        self.folder = Path(tempfile.mkdtemp(prefix="kafka-"))
        self._first = next(port for port in random.sample(PORTS, len(PORTS)) if self._fits(port))
        self.bootstrap = ",".join(f"127.0.0.1:{self.port(node)}" for node in self.nodes)
        self._processes: dict[int, subprocess.Popen] = {}

    def port(self, node: int) -> int:
        return self._first + node - 1

    def pid(self, node: int) -> int:
        return self._processes[node].pid

    def start(self, *nodes: int) -> None:
        """Starts these, or all. - Throws: RuntimeError when one does not listen in time, with its last words."""
        for node in nodes or self.nodes:
            self._launch(node)
        for node in nodes or self.nodes:
            self._await(node)

    def send(self, node: int, kind: signal.Signals) -> None:
        self._processes[node].send_signal(kind)

    def wait(self, node: int) -> None:
        """Until the node's process has ended."""
        self._processes[node].wait(60)

    def ended(self) -> dict[int, str]:
        """The last words of each node whose process is gone."""
        return {node: self._words(node).read_text(errors="replace")[-2000:]
                for node, process in self._processes.items() if process.poll() is not None}

    def heal(self) -> None:
        """Wakes who was halted, starts who has ended."""
        gone = [node for node, process in self._processes.items() if process.poll() is not None]
        for node in set(self._processes) - set(gone):
            self.send(node, signal.SIGCONT)
        if gone:
            self.start(*gone)

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self, node: int) -> None:
        several = [str(node), str(len(self.nodes))] if len(self.nodes) > 1 else []
        heap = {"KAFKA_HEAP": HEAP_OF_SEVERAL} if several else {}
        with open(self._words(node), "a") as out:
            self._processes[node] = subprocess.Popen(
                [str(ROOT / "Deploy/Local/kafka-node"), str(self.folder / "data"), str(self._first), *several],
                stdout=out, stderr=out, env=heap | os.environ)

    def _await(self, node: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers(node):
            if time.monotonic() > deadline or self._processes[node].poll() is not None:
                raise RuntimeError(f"Apache Kafka did not start:\n{self._words(node).read_text()[-2000:]}")
            time.sleep(0.1)

    def _answers(self, node: int) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port(node)), timeout=1).close()
            return True
        except OSError:
            return False

    def _words(self, node: int) -> Path:
        return self.folder / f"out-{node}"

    def _fits(self, first: int) -> bool:
        ports = range(first, first + len(self.nodes))
        return all(is_free(port) and is_free(port + CONTROLLER_OFFSET) for port in ports)

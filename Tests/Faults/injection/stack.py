"""The stack that is hurt: two of each deciding service, on a broker that the run chooses."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from signal import Signals

from faults.stack import Stack

from .disk import SmallDisk

START_SECONDS = 60
# Below those that systems hand out by themselves; the node takes the one 1000 above too.
PORTS = range(20000, 30000)


class FaultStack(Stack):
    """`disk`: where the broker's data stand, if it can be filled."""

    def __init__(self, kafka: "Kafka | None" = None, on_small_disk: bool = False):
        super().__init__()
        self.kafka = kafka
        self.environment |= {"ALLOCATORS": "2"}
        if kafka:
            self.environment["KAFKA_BOOTSTRAP"] = kafka.address
        data = kafka.folder / "data" if kafka else self.run / "data/embedded-log"
        self.disk = SmallDisk(data) if on_small_disk else None

    def start(self):
        if self.disk:
            self.disk.mount()
        if self.kafka:
            self.kafka.start()
        super().start()

    def end(self, keep: bool):
        super().end(keep)
        if self.kafka:
            self.kafka.end()
        if self.disk:
            self.disk.unmount()
            shutil.rmtree(self.run, ignore_errors=True)

    @property
    def bootstrap(self) -> str:
        return self.connection["kafkaBootstrap"]

    @property
    def broker_name(self) -> str:
        return "Apache Kafka" if self.kafka else "embedded-log"

    def send(self, service: str, number: int | None, kind: Signals) -> list[int]:
        """One copy, counted from 1, or all of them; the pids."""
        pids = [self.pid_of(service, number)] if number else self.pids(service)
        for pid in pids:
            os.kill(pid, kind)
        return pids

    def broker_pids(self) -> list[int]:
        return [self.kafka.pid] if self.kafka else self.pids("embedded-log")

    def send_broker(self, kind: Signals):
        for pid in self.broker_pids():
            os.kill(pid, kind)

    def keep(self, folder: Path):
        """The processes' own words, for whoever looks at a failed run."""
        shutil.copytree(self.run / "logs", folder / "logs", dirs_exist_ok=True)


class Kafka:
    """One node of Apache Kafka that can be killed and started again with its data."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="switchboard-kafka-"))
        self.port = next(p for p in random.sample(PORTS, len(PORTS)) if is_free(p) and is_free(p + 1000))
        self.address = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self):
        out = open(self.folder / "out", "a")
        self._process = subprocess.Popen(
            [f"{os.environ['KAFKA_HOME']}/bin/broker", str(self.folder / "data"), str(self.port)], stdout=out, stderr=out)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"Apache Kafka did not start:\n{(self.folder / 'out').read_text()[-2000:]}")
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def wait(self):
        """Until the process has ended."""
        self._process.wait(60)

    def end(self):
        if self._process:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

"""The stack that is hurt: two of each deciding service, on a broker that the run chooses."""

import os
import shutil
from pathlib import Path
from signal import Signals

from checker.processes import Words
from faults.stack import Stack
from stack import supervisor
from stack.kafka import Kafka

from .disk import HURT_NODE, SmallDisk
from .looking import Looker


def named(kafka: Kafka | None) -> str:
    if not kafka:
        return "embedded-log"
    return "Apache Kafka" if len(kafka.nodes) == 1 else f"Apache Kafka, {len(kafka.nodes)} nodes"


class FaultStack(Stack):
    """`disk`: where the broker's data stand, if it can be filled. `struck`: what was sent to which process.
    `looker`: looks at the mirror from the start on."""

    def __init__(self, kafka: "Kafka | None" = None, on_small_disk: bool = False):
        super().__init__()
        self.kafka = kafka
        self.environment |= {"ALLOCATORS": "2"}
        if kafka:
            self.environment |= {"KAFKA_BOOTSTRAP": kafka.bootstrap, "SWITCHBOARD_REPLICATION": f"{len(kafka.nodes)}"}
        data = kafka.folder / f"data/node-{HURT_NODE}" if kafka else self.run / "data/embedded-log"
        self.disk = SmallDisk(data) if on_small_disk else None
        self.struck: dict[int, set[str]] = {}
        self.looker = Looker()

    def start(self):
        if self.disk:
            self.disk.mount()
        if self.kafka:
            self.kafka.start()
        super().start()
        partitions = int(self.environment.get("SWITCHBOARD_PARTITIONS") or 8)
        self.looker.start(self.connection["redisUrl"].removeprefix("redis://"), partitions)

    def end(self, keep: bool):
        self.looker.stop()
        super().end(keep)
        if self.kafka:
            self.kafka.end()
        if self.disk:
            self.disk.unmount()
            shutil.rmtree(self.kafka.folder if self.kafka else self.run, ignore_errors=True)

    @property
    def bootstrap(self) -> str:
        return self.connection["kafkaBootstrap"]

    @property
    def broker_name(self) -> str:
        return named(self.kafka)

    def send(self, service: str, number: int | None, kind: Signals) -> list[int]:
        """One copy, counted from 1, or all of them; the pids."""
        pids = [self.pid_of(service, number)] if number else self.pids(service)
        self._strike(pids, kind)
        return pids

    def broker_pids(self) -> list[int]:
        """Of several nodes the one that is hurt; the others stay."""
        return [self.kafka.pid(HURT_NODE)] if self.kafka else self.pids("embedded-log")

    def send_broker(self, kind: Signals):
        self._strike(self.broker_pids(), kind)

    def _strike(self, pids: list[int], kind: Signals):
        for pid in pids:
            os.kill(pid, kind)
            self.struck.setdefault(pid, set()).add(kind.name)

    def stop_and_kill(self, name: str, pid: int):
        self.struck.setdefault(pid, set()).add("SIGKILL")
        super().stop_and_kill(name, pid)

    def words(self) -> Words:
        """What the processes have said and how they have ended so far."""
        ended = self.kafka.ended() if self.kafka else {}
        running = {info["name"]: info["pid"] for info in supervisor.ask(self.run).getAllProcessInfo()}
        return Words(self.logs(), self.struck, running, ended)

    def logs(self) -> dict[str, str]:
        return {path.name: path.read_text(errors="replace") for path in sorted((self.run / "logs").glob("*.log*"))}

    def bring_back_kafka(self, *nodes: int):
        """Starts these again with their data, when they have ended."""
        for node in nodes:
            self.kafka.wait(node)
        self.kafka.start(*nodes)

    def keep(self, folder: Path):
        """The processes' own words, for whoever looks at a failed run."""
        shutil.copytree(self.run / "logs", folder / "logs", dirs_exist_ok=True)

"""What there is to judge."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

LEDGERS = ("calls", "rooms", "users")


@dataclass
class Entry:
    """A record of a topic. `at`: append time by the broker's clock, milliseconds."""
    partition: int
    offset: int
    at: int
    key: str
    value: dict
    headers: dict[str, str] = field(default_factory=dict)
    bytes: bytes = b""

    def as_json(self) -> dict:
        return {"partition": self.partition, "offset": self.offset, "at": self.at, "key": self.key,
                "value": self.value, "headers": self.headers}


@dataclass
class Evidence:
    """`logs` and `inboxes` by ledger; each list in the order of its partitions' offsets."""
    logs: dict[str, list[Entry]] = field(default_factory=lambda: {name: [] for name in LEDGERS})
    inboxes: dict[str, list[Entry]] = field(default_factory=lambda: {name: [] for name in LEDGERS})
    deliveries: list[Entry] = field(default_factory=list)
    callbacks: list[Entry] = field(default_factory=list)
    records: list[Entry] = field(default_factory=list)
    history: list[dict] = field(default_factory=list)
    client_faults: list[str] = field(default_factory=list)

    def topics(self) -> Iterable[tuple[str, list[Entry]]]:
        for name in LEDGERS:
            yield f"{name}.log", self.logs[name]
            yield f"{name}.inbox", self.inboxes[name]
        yield "gateway.deliveries", self.deliveries
        yield "callbacks", self.callbacks
        yield "calls.records", self.records

    def keep(self, folder):
        """For whoever looks at a failed run."""
        for name, entries in self.topics():
            with open(folder / f"{name}.jsonl", "w") as file:
                for entry in entries:
                    file.write(json.dumps(entry.as_json(), separators=(",", ":")) + "\n")

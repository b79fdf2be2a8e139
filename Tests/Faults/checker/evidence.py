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
class Look:
    """What stood in Redis at a moment: by ledger and partition its hash; nothing where Redis did not answer. `at`: seconds,
    when the answer was there. `is_last`: everything has come to rest."""
    at: float
    hashes: dict[tuple[str, int], dict[str, str]] | None
    is_last: bool = False

    def as_json(self) -> dict:
        hashes = {f"{ledger}/{partition}": hash for (ledger, partition), hash in (self.hashes or {}).items()}
        return {"at": self.at, "hashes": hashes if self.hashes is not None else None, "isLast": self.is_last}


@dataclass
class Evidence:
    """`logs` and `inboxes` by ledger; each list in the order of its partitions' offsets."""
    logs: dict[str, list[Entry]] = field(default_factory=lambda: {name: [] for name in LEDGERS})
    inboxes: dict[str, list[Entry]] = field(default_factory=lambda: {name: [] for name in LEDGERS})
    deliveries: list[Entry] = field(default_factory=list)
    callbacks: list[Entry] = field(default_factory=list)
    records: list[Entry] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
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
        with open(folder / "mirror.jsonl", "w") as file:
            for look in self.looks:
                file.write(json.dumps(look.as_json(), separators=(",", ":")) + "\n")

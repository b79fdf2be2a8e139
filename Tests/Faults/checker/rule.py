"""Which records of a log count: those of the ruling incarnation, in unbroken ordinals; the latest marker rules."""

from dataclasses import dataclass, field

from .evidence import Entry


@dataclass
class Reading:
    """One ledger's log, read by the rule. `zombies` stand behind a marker newer than theirs, or before any; `skipped`
    are repeats, and what stands behind a gap. Neither is wrong: the log says so by itself."""
    counted: list[Entry] = field(default_factory=list)
    markers: int = 0
    zombies: list[Entry] = field(default_factory=list)
    skipped: list[Entry] = field(default_factory=list)
    unreadable: int = 0

    def places(self) -> set[tuple[int, int]]:
        return {(entry.partition, entry.offset) for entry in self.counted}


def read(log: list[Entry]) -> Reading:
    reading = Reading()
    ruling: dict[int, tuple[str, int]] = {}  # partition → incarnation, next ordinal
    for entry in sorted(log, key=lambda entry: (entry.partition, entry.offset)):
        record = entry.value
        if "incarnation" not in record:
            reading.unreadable += 1
            continue
        incarnation, ordinal = ruling.get(entry.partition, ("", 0))
        if record.get("kind") == "marker":
            ruling[entry.partition] = (record["incarnation"], 0)
            reading.markers += 1
        elif record["incarnation"] != incarnation:
            reading.zombies.append(entry)
        elif record.get("ordinal", 0) != ordinal:
            reading.skipped.append(entry)
        else:
            ruling[entry.partition] = (incarnation, ordinal + 1)
            reading.counted.append(entry)
    return reading

"""The topics as they stand at the end, through a client that is not ours."""

import json
import time

from confluent_kafka import Consumer, TopicPartition

from checker import rule
from checker.evidence import LEDGERS, Entry, Evidence

REST_SECONDS = 3.0
REST_MAX_SECONDS = 90.0
POLL_SECONDS = 0.5
READ_SECONDS = 120.0


def consumer(bootstrap: str) -> Consumer:
    return Consumer({
        "bootstrap.servers": bootstrap, "group.id": "faults-checker", "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "allow.auto.create.topics": False, "log_level": 0})


def name(topic: str) -> str:
    return f"switchboard.{topic}.v1"


def ends(reader: Consumer, topic: str) -> dict[int, int]:
    partitions = reader.list_topics(name(topic), timeout=20).topics[name(topic)].partitions
    return {p: reader.get_watermark_offsets(TopicPartition(name(topic), p), timeout=20)[1] for p in partitions}


def log_ends(bootstrap: str, topic: str) -> dict[int, int]:
    reader = consumer(bootstrap)
    try:
        return ends(reader, topic)
    finally:
        reader.close()


def zombies_since(bootstrap: str, topic: str, begin: dict[int, int]) -> int:
    reader = consumer(bootstrap)
    try:
        return zombies_among(read_topic(reader, topic, begin))
    finally:
        reader.close()


def zombies_among(entries: list[Entry]) -> int:
    """Records behind a marker that is newer than theirs, in the end of a log; who ruled before its first marker is not
    asked."""
    ruled: set[int] = set()
    behind = []
    for entry in entries:
        if entry.value.get("kind") == "marker":
            ruled.add(entry.partition)
        if entry.partition in ruled:
            behind.append(entry)
    return len(rule.read(behind).zombies)


def wait_for_rest(bootstrap: str):
    """Until nothing is decided, rendered or recorded any more. Beats of gateways go on, and decide nothing."""
    reader = consumer(bootstrap)
    topics = [*(f"{ledger}.log" for ledger in LEDGERS), "calls.inbox", "rooms.inbox", "callbacks", "calls.records"]
    seen, since, deadline = None, time.monotonic(), time.monotonic() + REST_MAX_SECONDS
    while time.monotonic() - since < REST_SECONDS and time.monotonic() < deadline:
        now = [ends(reader, topic) for topic in topics]
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(POLL_SECONDS)
    reader.close()


def read(bootstrap: str) -> Evidence:
    reader, evidence = consumer(bootstrap), Evidence()
    for topic, entries in evidence.topics():
        entries += read_topic(reader, topic)
    reader.close()
    return evidence


def read_topic(reader: Consumer, topic: str, begin: dict[int, int] | None = None) -> list[Entry]:
    begin = begin or {}
    missing = {p: end for p, end in ends(reader, topic).items() if end > begin.get(p, 0)}
    reader.assign([TopicPartition(name(topic), p, begin.get(p, 0)) for p in missing])
    found: list[Entry] = []
    deadline = time.monotonic() + READ_SECONDS
    while missing:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{topic} could not be read to its end; missing: {missing}")
        for message in reader.consume(1000, timeout=1.0):
            if message.error():
                continue
            found.append(entry(message))
            if message.offset() + 1 >= missing.get(message.partition(), 0):
                missing.pop(message.partition(), None)
    reader.unassign()
    return sorted(found, key=lambda e: (e.partition, e.offset))


def entry(message) -> Entry:
    try:
        value = json.loads(message.value() or b"")
    except ValueError:
        value = {}
    headers = {key: (text or b"").decode(errors="replace") for key, text in message.headers() or ()}
    return Entry(message.partition(), message.offset(), message.timestamp()[1], (message.key() or b"").decode(errors="replace"),
                 value, headers, message.value() or b"")

"""Kafka's clients that give up: librdkafka ends a producer for good that has lost count of what a broker has.

An intruder writes with a producer's own id and the sequence that is its turn, so that the producer's next record is out of
order. What it writes asks nothing: a probe, as services write themselves. It is a batch of a size that no service writes:
one that looked like the producer's next would be taken for it, and the record be lost."""

import asyncio
import struct
import time

import wire
from confluent_kafka import Consumer

from .field import Field
from .inboxes import INBOXES
from .topics import consumer, name

STROKES = 2
BETWEEN_SECONDS = 10.0
SAID = "Kafka's client gave up, and another goes on"
SAID_SECONDS = 15.0
WHO_WRITES_INBOXES = ("signaling-gateway", "call-orchestrator", "room-allocator")
PROBE_KEY = b"probe"
RECORDS = 97
LOOKS_BACK = 300
TRIES = 50
OUT_OF_ORDER, DUPLICATE = 45, 46


def leaders(reader: Consumer, topic: str) -> dict[int, str]:
    known = reader.list_topics(name(topic), timeout=20)
    return {number: f"{known.brokers[partition.leader].host}:{known.brokers[partition.leader].port}"
            for number, partition in known.topics[name(topic)].partitions.items()}


def probes(count: int) -> bytes:
    records = b""
    for index in range(count):
        key = wire.varint(len(PROBE_KEY)) + PROBE_KEY
        body = b"\0" + wire.varint(0) + wire.varint(index) + key + wire.varint(0) + wire.varint(0)
        records += wire.varint(len(body)) + body
    return records


def producers(data: bytes) -> dict[int, tuple[int, int]]:
    """Of the batches of a fetched part: each producer's id, its epoch and the sequence that comes next."""
    found, at = {}, 0
    while at + 61 <= len(data):
        length = struct.unpack(">i", data[at + 8:at + 12])[0]
        last = struct.unpack(">i", data[at + 23:at + 27])[0]
        producer, epoch, sequence = struct.unpack(">qhi", data[at + 43:at + 57])
        if producer >= 0:
            found[producer] = epoch, sequence + last + 1
        at += 12 + length
    return found


class Intruder:
    def __init__(self, bootstrap: str):
        self._reader = consumer(bootstrap)
        self._lines: dict[str, wire.Wire] = {}

    def close(self):
        self._reader.close()
        for line in self._lines.values():
            line.close()

    def strike(self) -> int:
        """Those that write now, not those that go on in their place.

        - Returns: how often it came before the producer whose turn it was."""
        places = []
        for topic in INBOXES:
            for partition, address in leaders(self._reader, topic).items():
                if address not in self._lines:
                    self._lines[address] = wire.Wire(address)
                places.append((self._lines[address], name(topic), partition))
        present = set().union(*(producers(self._tail(*place)) for place in places))
        return sum(self._take_turns(*place, present) for place in places)

    def _take_turns(self, line: wire.Wire, topic: str, partition: int, present: set[int]) -> int:
        waiting = present & set(producers(self._tail(line, topic, partition)))
        taken = 0
        for _ in range(TRIES):
            now = producers(self._tail(line, topic, partition))
            for producer in waiting & set(now):
                epoch, sequence = now[producer]
                batch = wire.batch([b""] * RECORDS, producer, epoch, sequence, pack=lambda _: probes(RECORDS))
                code = wire.produce(line, topic, partition, batch)[0]
                if code == 0:
                    waiting.discard(producer)
                    taken += 1
                elif code not in (OUT_OF_ORDER, DUPLICATE):
                    raise RuntimeError(f"an intruder's records were answered {code}")
            if not waiting:
                break
        return taken

    def _tail(self, line: wire.Wire, topic: str, partition: int) -> bytes:
        _, end, start, _ = wire.fetch(line, topic, partition, 0, wait=0)
        return wire.fetch(line, topic, partition, max(end - LOOKS_BACK, max(start, 0)), wait=0)[3]


def who_said(field: Field) -> dict[str, int]:
    """How often each process has said that its client gave up."""
    return {file: text.count(SAID) for file, text in field.stack.words().logs.items() if text.count(SAID)}


async def give_up(field: Field):
    intruder = await field.run(Intruder, field.stack.bootstrap)
    copies = sum(len(field.stack.connection["services"][service]) for service in WHO_WRITES_INBOXES)
    try:
        for stroke in range(1, STROKES + 1):
            before = sum((await field.run(who_said, field)).values())
            striking: list[asyncio.Task] = []
            await field.moment(
                f"Kafka's clients lose count, {stroke}", lambda: striking.append(
                    asyncio.get_running_loop().create_task(field.run(intruder.strike))) or None)
            taken = await striking[0]
            field.remark(f"an intruder took the turn of a producer {taken} times")

            async def all_said() -> bool:
                return sum((await field.run(who_said, field)).values()) - before >= copies

            deadline = time.monotonic() + SAID_SECONDS
            while not await all_said() and time.monotonic() < deadline:
                await asyncio.sleep(0.2)
            field.owes("seen", text=f"clients that gave up and were replaced, stroke {stroke}", least=copies,
                       has=sum((await field.run(who_said, field)).values()) - before)
            await asyncio.sleep(BETWEEN_SECONDS)
    finally:
        await field.run(intruder.close)

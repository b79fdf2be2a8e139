"""Inbox records that come twice, and in another order: each is read, kept for a moment, shuffled with others, and
produced again with the same key, value and headers into the same partition.

The copies alone come out of order that way. For the originals one gateway after the other stands still for a moment: what
its clients sent meanwhile comes behind what the others sent later. Between two records of one gateway the order is the
producer's promise, and is not touched."""

import asyncio
import os
import random
import threading
import time
from signal import SIGCONT, SIGSTOP

from confluent_kafka import Producer, TopicPartition

from faults.waiting import Missing

from .field import Field
from .topics import consumer, ends, name

INBOXES = ("calls.inbox", "rooms.inbox", "users.inbox")
GATEWAY = "signaling-gateway"
EACH_SECONDS = 0.5
PART = 0.5
FOR_SECONDS = 40.0
GATEWAY_EVERY_SECONDS, GATEWAY_STILL_SECONDS = 1.0, 0.3  # far below the second that a ring may last too long
DOUBLED_LEAST, DISORDERED_LEAST = 500, 20  # of some 20,000 and some 170; a calm run has no command out of order


class Doubler:
    def __init__(self, bootstrap: str, seed: int):
        self._dice = random.Random(seed)
        self._reader = consumer(bootstrap)
        self._reader.assign([
            TopicPartition(name(topic), p, end) for topic in INBOXES for p, end in ends(self._reader, topic).items()])
        self._producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "log_level": 0})
        self._ours: set[tuple[str, bytes]] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.again = 0
        self.failure: Exception | None = None

    def start(self):
        self._thread.start()

    def stop(self):
        self._stopping.set()
        self._thread.join(30)
        self._producer.flush(10)
        self._reader.close()

    @property
    def is_at_work(self) -> bool:
        return self._thread.is_alive()

    def _work(self):
        try:
            self._double()
        except Exception as problem:
            self.failure = problem

    def _double(self):
        kept: list = []
        next_at = time.monotonic() + EACH_SECONDS
        while not self._stopping.is_set():
            for message in self._reader.consume(500, timeout=0.1):
                if not message.error() and (message.topic(), message.value()) not in self._ours:
                    kept.append(message)
            if time.monotonic() < next_at:
                continue
            next_at = time.monotonic() + EACH_SECONDS
            # Some go now, in any order; the others may go with the next ones, behind what came later.
            self._dice.shuffle(kept)
            now, kept = kept[: int(len(kept) * PART)], kept[int(len(kept) * PART):]
            for message in now:
                self._ours.add((message.topic(), message.value()))
                self._producer.produce(
                    message.topic(), message.value(), message.key(), message.partition(), headers=message.headers() or [])
                self.again += 1
            self._producer.poll(0)


async def doubled(field: Field):
    doubler = await field.run(Doubler, field.stack.bootstrap, 1)
    since = await field.moment("inbox records doubled and reordered", doubler.start)
    over, number = time.monotonic() + FOR_SECONDS, 0
    while time.monotonic() < over:
        number = number % len(field.stack.gateways) + 1
        for pid in field.stack.send(GATEWAY, number, SIGSTOP):
            await asyncio.sleep(GATEWAY_STILL_SECONDS)
            os.kill(pid, SIGCONT)
        await asyncio.sleep(GATEWAY_EVERY_SECONDS)
    is_at_work = doubler.is_at_work
    await field.run(doubler.stop)
    field.remark(f"{doubler.again} inbox records produced again")
    if not is_at_work:
        raise Missing(f"the thread that doubles inbox records, at its end: {doubler.failure}")
    field.owes("doubled", least=DOUBLED_LEAST)
    field.owes("disordered", least=DISORDERED_LEAST, since=since)

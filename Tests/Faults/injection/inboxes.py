"""Inbox records that come twice, and in another order: each is read, kept for a moment, shuffled with others, and
produced again with the same key, value and headers into the same partition."""

import asyncio
import random
import threading
import time

from confluent_kafka import Producer, TopicPartition

from .field import Field
from .topics import consumer, ends, name

INBOXES = ("calls.inbox", "rooms.inbox", "users.inbox")
EACH_SECONDS = 0.5
PART = 0.5
FOR_SECONDS = 40.0


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

    def start(self):
        self._thread.start()

    def stop(self):
        self._stopping.set()
        self._thread.join(30)
        self._producer.flush(10)
        self._reader.close()

    def _work(self):
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
    await field.moment("inbox records doubled and reordered", doubler.start)
    await asyncio.sleep(FOR_SECONDS)
    await field.run(doubler.stop)
    field.remark(f"{doubler.again} inbox records produced again")

"""The dispatcher killed in the middle of a call, with a receiver that fails every second time."""

import asyncio
import json
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from standardwebhooks import Webhook

from .. import calls
from ..client import Client
from ..sink import Sink
from ..stack import Stack
from ..waiting import expect, until

TOPIC = "switchboard.callbacks.v1"
ARRIVED_SECONDS = 40


async def dispatcher_killed(stack: Stack):
    async with Sink() as sink, Client(stack, "a-callbacks") as a, Client(stack, "b-callbacks") as b:
        endpoint = await asyncio.to_thread(stack.post, "/v1/callbacks/endpoints", {"url": sink.url, "types": ["call.*"]})
        call = await calls.ring(a, b)
        await calls.answer(a, b, call)
        subject = f"calls/{call}"
        await until(lambda: "call.connected" in types(sink, subject), "call.connected at the receiver", ARRIVED_SECONDS)
        killed = stack.kill("callback-dispatcher")
        await calls.hang_up(a, b, call)
        await stack.is_back(killed)

        def taken() -> set[str]:
            return {arrival.id for arrival in of(sink, subject) if arrival.status == 200}

        published: dict[str, bytes] = {}
        deadline = time.monotonic() + ARRIVED_SECONDS
        while "call.log" not in [json.loads(body)["type"] for body in published.values()]:
            expect(time.monotonic() < deadline, f"the topic has only {len(published)} events of the call")
            published = await asyncio.to_thread(events, stack, subject)
        await until(lambda: set(published) <= taken(),
                    lambda: f"the receiver: {[json.loads(b)['type'] for i, b in published.items() if i not in taken()]}",
                    ARRIVED_SECONDS)

        bytes_by_id: dict[str, bytes] = {}
        for arrival in of(sink, subject):
            expect(bytes_by_id.setdefault(arrival.id, arrival.body) == arrival.body,
                   f"{arrival.id} came with other bytes the second time")
            Webhook(endpoint["secret"]).verify(arrival.body, arrival.headers)
        expect(bytes_by_id == published, "the receiver was sent what is not in the topic")
        order = [int(json.loads(body)["sequence"]) for body in bytes_by_id.values()]
        expect(order == sorted(set(order)), f"first arrivals came in the order {order}")
        kinds = [json.loads(body)["type"] for body in bytes_by_id.values()]
        for kind in ("call.started", "call.accepted", "call.connected", "call.ended", "call.log"):
            expect(kinds.count(kind) == 1, f"{kind} is there {kinds.count(kind)} times: {kinds}")
        repeats = len(of(sink, subject)) - len(bytes_by_id)
        await asyncio.to_thread(stack.delete, f"/v1/callbacks/endpoints/{endpoint['id']}")
    return f"{len(kinds)} events, {repeats} sent again"


def of(sink: Sink, subject: str):
    return [arrival for arrival in sink.arrivals if json.loads(arrival.body)["subject"] == subject]


def types(sink: Sink, subject: str) -> list[str]:
    return [json.loads(arrival.body)["type"] for arrival in of(sink, subject)]


def events(stack: Stack, subject: str) -> dict[str, bytes]:
    """What the topic holds of a subject, by id: the first record of each counts."""
    consumer = Consumer({
        "bootstrap.servers": stack.connection["kafkaBootstrap"], "group.id": "faults", "enable.auto.commit": False,
        "enable.partition.eof": True})
    try:
        partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
        consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in partitions])
        found: dict[str, bytes] = {}
        ended: set[int] = set()
        deadline = time.monotonic() + 10
        while len(ended) < len(partitions) and time.monotonic() < deadline:
            record = consumer.poll(0.2)
            if record is None:
                continue
            if record.error():
                ended.add(record.partition())
                continue
            event = json.loads(record.value())
            if event["subject"] == subject:
                found.setdefault(event["id"], record.value())
        return found
    finally:
        consumer.close()


def cases():
    yield "the dispatcher killed in a call, every second webhook refused: all events arrive, in order, the same bytes", \
        dispatcher_killed

"""What a disk without room does: it refuses, loses nothing, and is emptied by what goes."""

import os
import tempfile

from confluent_kafka import KafkaException, TopicPartition

from broker import SmallDiskBroker, needs, wait_until
from wire import Wire, batch, batches, fetch, produce, producer_id


@needs("own")
def test_a_full_disk_refuses_and_loses_nothing(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    assert produce(wire, topic, 0, batch([b"x" * 1000]))[0] == 0
    broker.forget_log()
    broker.limit_files(20_500)
    codes = [produce(wire, topic, 0, batch([b"x" * 1000]))[0] for _ in range(30)]
    taken = codes.count(0)
    assert set(codes) == {0, 56} and codes == sorted(codes) and taken in (17, 18), codes
    assert sum(b["count"] for b in batches(fetch(wire, topic, 0, 0)[3])) == taken + 1
    # An idempotent producer whose first batches are refused, and who sends several at once, loses none and their order.
    producer, problems = broker.producer(retry_backoff_ms=50, message_timeout_ms=30_000), []
    for number in range(200):
        producer.produce(topic, str(number).encode() * 500, on_delivery=lambda e, m: e and problems.append(e))
        producer.poll(0.005)
    broker.limit_files(None)
    producer.flush(30)
    assert not problems, problems[:3]
    values = [m.value() for m in broker.read(topic, taken + 201)][taken + 1:]
    assert values == [str(number).encode() * 500 for number in range(200)]
    assert any("the disk refuses" in line for line in broker.log_lines())


def small_disk(case):
    """Gives the case a broker on a small disk of its own; it is left out where this system has none to give."""
    @needs("own", "disk")
    def on_small_disk(broker):
        with tempfile.TemporaryDirectory(prefix="broker-disk-") as folder:
            small = SmallDiskBroker(broker.binary, folder, 6 << 20)
            try:
                case(small)
            finally:
                small.stop()
    return on_small_disk


@small_disk
def test_a_disk_without_room_loses_nothing_and_goes_on_when_there_is_some(broker):
    give_back = broker.fill(leaving=2 << 20)
    topic, group, wire = broker.topic(), "g-disk", Wire(broker.bootstrap)
    codes = [produce(wire, topic, 0, batch([b"x" * 50_000]))[0] for _ in range(60)]
    taken = codes.count(0)
    assert set(codes) == {0, 56} and 20 < taken < 45, codes
    while produce(wire, topic, 0, batch([b"x"]))[0] == 0:
        taken += 1
    producer, problems = broker.producer(retry_backoff_ms=50, message_timeout_ms=60_000), []
    for number in range(300):
        producer.produce(topic, str(number).encode() * 500, on_delivery=lambda e, m: e and problems.append(e))
        producer.poll(0.003)
    consumer = broker.consumer(group)
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert len(broker.read(topic, taken, consumer=consumer)) == taken
    refused = None
    for offset in range(2000):
        try:
            consumer.commit(offsets=[TopicPartition(topic, 0, offset, "y" * 4000)], asynchronous=False)
        except KafkaException as failure:
            refused = failure
            break
    assert refused is not None, "a commit was taken that had no room"
    give_back()
    producer.flush(60)
    assert not problems, problems[:3]
    consumer.commit(offsets=[TopicPartition(topic, 0, 17)], asynchronous=False)
    assert consumer.committed([TopicPartition(topic, 0)], timeout=10)[0].offset == 17
    consumer.close()
    values = [m.value() for m in broker.read(topic, taken + 300)][taken:]
    assert values == [str(number).encode() * 500 for number in range(300)]
    assert broker.process.poll() is None


@small_disk
def test_a_broker_started_on_a_full_disk_serves_what_is_there_and_says_what_it_lacks(broker):
    topic, wire = broker.topic(partitions=2), Wire(broker.bootstrap)
    producer, epoch = producer_id(wire)
    sent = [batch([b"x" * 1000], producer, epoch, sequence) for sequence in range(10)]
    assert [produce(wire, topic, 0, data)[:2] for data in sent] == [(0, offset) for offset in range(10)]
    broker.kill()
    os.remove(broker.seen_by_broker(f"{broker.data}/spare"))
    give_back = broker.fill()
    broker.start()
    wire = Wire(broker.bootstrap)
    code, mark, _, records = fetch(wire, topic, 0, 0)
    assert (code, mark) == (0, 10) and sum(b["count"] for b in batches(records)) == 10
    assert len(broker.read(topic, 10)) == 10
    refused = batch([b"x"], producer, epoch, 10)
    assert [produce(wire, topic, partition, refused)[0] for partition in (0, 0)] == [56, 56]
    assert produce(wire, topic, 0, sent[9])[:2] == (0, 9), "a repeated batch is known all the same"
    assert any("the disk is full" in line and '"error"' in line for line in broker.log_lines())
    give_back()
    wait_until("there is room", lambda: produce(wire, topic, 0, refused)[:2] == (0, 10))
    assert any("there is room on the disk again" in line for line in broker.log_lines())


@small_disk
def test_a_full_disk_is_emptied_by_deleting_a_topic(broker):
    kept, gone, wire = broker.topic(), broker.topic(), Wire(broker.bootstrap)
    broker.fill(leaving=1 << 20)
    assert produce(wire, kept, 0, batch([b"kept"]))[0] == 0
    while produce(wire, gone, 0, batch([b"x" * 20_000]))[0] == 0:
        pass
    while produce(wire, kept, 0, batch([b"y"]))[0] == 0:
        pass
    broker.fill()
    admin = broker.admin()
    admin.delete_topics([gone])[gone].result(10)
    wait_until("records are taken", lambda: produce(wire, kept, 0, batch([b"x" * 20_000]))[0] == 0)
    broker.restart()
    wire = Wire(broker.bootstrap)
    assert gone not in broker.admin().list_topics(timeout=10).topics
    assert produce(wire, kept, 0, batch([b"x" * 20_000]))[0] == 0


@small_disk
def test_a_full_disk_is_emptied_by_what_is_old(broker):
    topic, wire = broker.topic(retention_ms=3000), Wire(broker.bootstrap)
    broker.fill(leaving=1 << 20)
    while produce(wire, topic, 0, batch([b"x" * 20_000]))[0] == 0:
        pass
    broker.fill()
    wait_until("records are taken", lambda: produce(wire, topic, 0, batch([b"x" * 20_000]))[0] == 0)

"""Plain use through librdkafka and kcat: what goes in comes out, as it was, in order."""

import os
import subprocess
import time

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import ConfigResource, NewPartitions, NewTopic

from broker import needs, wait_until


def test_what_is_produced_is_consumed_in_order(broker):
    topic = broker.topic(partitions=4)
    values = [(f"k{i % 9}".encode(), f"v{i}".encode(), None) for i in range(3000)]
    places = broker.send(topic, values)
    messages = broker.read(topic, 3000)
    assert {(m.partition(), m.offset()): m.value() for m in messages} == {
        place: value[1] for place, value in zip(places, values)}
    for key in range(9):
        numbers = [int(m.value()[1:]) for m in messages if m.key() == f"k{key}".encode()]
        assert numbers == sorted(numbers)


def test_headers_keys_and_nulls_come_back_as_they_were(broker):
    topic = broker.topic()
    headers = [("a", b"1"), ("a", b"2"), ("empty", b""), ("none", None), ("ü", bytes(range(256)))]
    broker.send(topic, [(b"k", b"v", headers), (None, None, None), (b"", b"", [])])
    first, second, third = broker.read(topic, 3)
    assert first.headers() == headers
    assert (second.key(), second.value(), second.headers()) == (None, None, None)
    assert (third.key(), third.value()) == (b"", b"")


def test_every_codec_comes_back(broker):
    topic = broker.topic()
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        broker.send(topic, [f"{codec}-{i}-".encode() * 50 for i in range(200)], compression_type=codec, linger_ms=20)
    messages = broker.read(topic, 1000)
    assert messages[999].value().startswith(b"zstd-199-")
    assert [m.offset() for m in messages] == list(range(1000))


def test_a_megabyte_in_one_message(broker):
    topic = broker.topic()
    values = [os.urandom(1_000_000) for _ in range(8)]
    broker.send(topic, values, message_max_bytes=1_048_576)
    assert [m.value() for m in broker.read(topic, 8)] == values


@needs("own")
def test_eight_megabytes_in_one_message(broker):
    topic = broker.topic()
    value = os.urandom(8_000_000)
    broker.send(topic, [b"before", value, b"behind"], message_max_bytes=10_000_000)
    assert [m.value() for m in broker.read(topic, 3)] == [b"before", value, b"behind"]


def test_a_message_that_is_too_large_is_refused_alone(broker):
    topic = broker.topic(max_message_bytes=10_000)
    producer, codes = broker.producer(enable_idempotence=False), []
    for size in [100, 20_000, 100]:
        producer.produce(topic, b"x" * size, on_delivery=lambda e, m: codes.append(e.name() if e else "fine"))
        producer.flush(10)
    assert codes == ["fine", "MSG_SIZE_TOO_LARGE", "fine"], codes
    assert len(broker.read(topic, 2)) == 2


def test_the_time_of_a_record_is_when_it_was_appended(broker):
    topic = broker.topic()
    before = int(time.time() * 1000)
    producer = broker.producer()
    for _ in range(20):
        producer.produce(topic, b"x", timestamp=1)
        producer.flush(10)
    after = int(time.time() * 1000)
    times = [m.timestamp() for m in broker.read(topic, 20)]
    assert all(kind == 2 and before <= time <= after for kind, time in times), times[:3]
    assert times == sorted(times)


def test_offsets_are_found_by_time(broker):
    topic, marks = broker.topic(), []
    for index in range(5):
        broker.send(topic, [b"x"] * 300)
        time.sleep(0.03)
        marks.append(int(time.time() * 1000))
        time.sleep(0.03)
    consumer = broker.consumer()
    for index, mark in enumerate(marks):
        found = consumer.offsets_for_times([TopicPartition(topic, 0, mark)], timeout=10)[0].offset
        assert found == (300 * (index + 1) if index < 4 else -1), (index, found)
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10) == (0, 1500)
    consumer.close()


def test_a_reader_may_start_anywhere(broker):
    topic = broker.topic()
    broker.send(topic, [str(i).encode() for i in range(2000)], linger_ms=5)
    consumer = broker.consumer()
    for start in [0, 1, 999, 1234, 1999]:
        consumer.assign([TopicPartition(topic, 0, start)])
        assert broker.read(topic, 1, consumer=consumer)[0].value() == str(start).encode()
    consumer.close()


def test_an_offset_out_of_range_is_told(broker):
    topic = broker.topic()
    broker.send(topic, [b"x"])
    consumer = broker.consumer(auto_offset_reset="error")
    consumer.assign([TopicPartition(topic, 0, 77)])
    message = wait_until("an error", lambda: consumer.poll(0.2))
    assert message.error() and message.error().name() in ("OFFSET_OUT_OF_RANGE", "_AUTO_OFFSET_RESET"), message.error()
    consumer.close()


@needs("own")
def test_an_unknown_topic_is_an_error_and_is_not_created(broker):
    producer, codes = broker.producer(topic_metadata_propagation_max_ms=500), []
    producer.produce("nobody-made-this", b"x", on_delivery=lambda e, m: codes.append(e and e.name()))
    producer.flush(10)
    assert codes == ["UNKNOWN_TOPIC_OR_PART"] or codes == ["_UNKNOWN_TOPIC"], codes
    assert "nobody-made-this" not in broker.admin().list_topics(timeout=5).topics


def test_topics_are_made_grown_described_and_deleted(broker):
    admin, topic = broker.admin(), broker.topic(partitions=2, retention_ms=86_400_000)
    assert len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == 2
    for new, code in [
        (NewTopic(topic, 1, 1), "TOPIC_ALREADY_EXISTS"), (NewTopic("no/slash", 1, 1), "TOPIC_EXCEPTION"),
        (NewTopic("x", 0, 1), "INVALID_PARTITIONS"), (NewTopic("x", 1, 7), "INVALID_REPLICATION_FACTOR"),
        (NewTopic("x", 1, 1, config={"retention.ms": "soon"}), "INVALID_CONFIG"),
    ]:
        try:
            admin.create_topics([new])[new.topic].result(10)
            raise AssertionError(f"{new.topic} was made in spite of {code}")
        except KafkaException as refused:
            assert refused.args[0].name() == code, (refused, code)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    config = admin.describe_configs([resource])[resource].result(10)
    assert config["retention.ms"].value == "86400000" and config["message.timestamp.type"].value == "LogAppendTime"
    assert config["cleanup.policy"].value == "delete"
    admin.create_partitions([NewPartitions(topic, 5)])[topic].result(10)
    wait_until("five partitions", lambda: len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == 5)
    broker.send(topic, [(str(i).encode(), b"x", None) for i in range(100)])
    admin.delete_topics([topic])[topic].result(10)
    wait_until("the topic is gone", lambda: topic not in admin.list_topics(timeout=10).topics)


def test_a_topic_made_again_is_empty(broker):
    admin, topic = broker.admin(), broker.topic()
    broker.send(topic, [b"old"] * 50)
    admin.delete_topics([topic])[topic].result(10)
    wait_until("the topic is gone", lambda: topic not in admin.list_topics(timeout=10).topics)
    time.sleep(0.5)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
    broker.send(topic, [b"new"])
    assert broker.read(topic, 1)[0].value() == b"new"


def test_kcat_writes_reads_lists_and_asks_by_time(broker):
    topic = broker.topic()

    def kcat(*arguments, text=None):
        done = subprocess.run(
            ["kcat", "-b", broker.bootstrap, *arguments], input=text, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    kcat("-P", "-t", topic, "-K", ":", "-H", "h=1", "-z", "lz4", text="".join(f"k{i}:v{i}\n" for i in range(500)))
    lines = kcat("-C", "-t", topic, "-e", "-q", "-f", "%o %k %s %h\n").splitlines()
    assert lines[499] == "499 k499 v499 h=1" and len(lines) == 500
    assert f'topic "{topic}" with 1 partitions' in kcat("-L", "-t", topic)
    assert "offset 0" in kcat("-Q", "-t", f"{topic}:0:1")
    assert len(kcat("-C", "-t", topic, "-o", "-10", "-e", "-q").splitlines()) == 10

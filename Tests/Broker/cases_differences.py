"""Where embedded-log and Apache Kafka differ on purpose: each row of the table in docs/operating.md is asked of the broker
under trial, and must be answered with the words of its column."""

import os
import struct
import time
import uuid

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ConfigResource
from confluent_kafka.admin import NewTopic, ResourcePatternType, ResourceType

from cases_protocol import advertised
from wire import Wire, array, batch, blob, fetch, fetch_body, i16, i32, i64, produce, producer_id, string

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/operating.md")
HEADING = "### Where embedded-log differs from Apache Kafka"
ASKED = {}


def asked(what):
    """What a row's first column says; the function answers in the words of the others."""
    def mark(function):
        ASKED[what] = function
        return function
    return mark


def table():
    lines = open(PAGE).read().partition(HEADING)[2].split("\n#")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: {"embedded-log": row[1], "Apache Kafka": row[2]} for row in rows[2:]}


def test_every_difference_that_is_documented_is_one(broker):
    documented = table()
    assert set(documented) == set(ASKED), set(documented) ^ set(ASKED)
    mine = "embedded-log" if broker.is_own else "Apache Kafka"
    wrong = {}
    for what, answers in documented.items():
        found = ASKED[what](broker)
        assert answers["embedded-log"] != answers["Apache Kafka"], f"no difference: {what}"
        if found != answers[mine]:
            wrong[what] = f"documented '{answers[mine]}', found '{found}'"
    assert not wrong, wrong


def code(body):
    """`taken`, or the name of the error."""
    try:
        body()
        return "taken"
    except KafkaException as refused:
        return f"`{refused.args[0].name()}`"


def number(value):
    return "taken" if value == 0 else f"error {value}"


@asked("A record for a topic that nobody has made")
def _(broker):
    producer, codes = broker.producer(topic_metadata_propagation_max_ms=500), []
    producer.produce(f"n-{uuid.uuid4().hex[:8]}", b"x", on_delivery=lambda e, m: codes.append(e))
    producer.flush(20)
    return "refused" if codes[0] else "the topic is made"


@asked("Time of a record where the topic does not say which")
def _(broker):
    name, admin = f"d-{uuid.uuid4().hex[:8]}", broker.admin()
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(15)
    broker.await_partitions(name, 1)
    producer = broker.producer()
    producer.produce(name, b"x", timestamp=1_700_000_000_000)
    producer.flush(10)
    kind, _ = broker.read(name, 1)[0].timestamp()
    return {1: "the producer's", 2: "when it was appended"}[kind]


def with_config(broker, **config):
    name, admin = f"c-{uuid.uuid4().hex[:8]}", broker.admin()
    settings = {key.replace("_", "."): value for key, value in config.items()}
    return code(lambda: admin.create_topics([NewTopic(name, 1, 1, config=settings)])[name].result(15))


@asked("A topic with `cleanup.policy=compact`")
def _(broker): return with_config(broker, cleanup_policy="compact")


@asked("A topic with `compression.type=gzip`")
def _(broker): return with_config(broker, compression_type="gzip")


@asked("A topic with `message.timestamp.type=CreateTime`")
def _(broker): return with_config(broker, message_timestamp_type="CreateTime")


@asked("A topic with `min.insync.replicas=2`")
def _(broker): return with_config(broker, min_insync_replicas="2")


@asked("A topic with a setting that is Kafka's alone (`flush.messages`)")
def _(broker): return with_config(broker, flush_messages="1")


@asked("A transaction")
def _(broker):
    producer = broker.producer(transactional_id=f"x-{uuid.uuid4().hex[:8]}")
    return code(lambda: producer.init_transactions(20))


@asked("A setting of a topic is changed")
def _(broker):
    resource = ConfigResource(ConfigResource.Type.TOPIC, broker.topic(), set_config={"retention.ms": "3600000"})
    admin = broker.admin()
    return code(lambda: admin.alter_configs([resource])[resource].result(15))


@asked("Someone is allowed something (ACLs)")
def _(broker):
    binding = AclBinding(
        ResourceType.TOPIC, "t", ResourcePatternType.LITERAL, "User:x", "*", AclOperation.READ, AclPermissionType.ALLOW)
    admin = broker.admin()
    return code(lambda: admin.create_acls([binding])[binding].result(15))


@asked("Records are deleted up to an offset")
def _(broker):
    topic, admin = broker.topic(), broker.admin()
    broker.send(topic, [b"x"] * 3)
    place = TopicPartition(topic, 0, 2)
    return code(lambda: admin.delete_records([place])[place].result(15))


@asked("A message of 8 MB")
def _(broker):
    producer, errors = broker.producer(message_max_bytes=10_000_000), []
    producer.produce(broker.topic(), b"x" * 8_000_000, on_delivery=lambda e, m: errors.append(e))
    producer.flush(30)
    return f"`{errors[0].name()}`" if errors[0] else "taken"


@asked("An idempotent producer that is not known begins in the middle of its sequence")
def _(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    producer, epoch = producer_id(wire)
    return number(produce(wire, topic, 0, batch([b"x"], producer, epoch, 4))[0])


@asked("A batch with a right checksum whose compressed records are none")
def _(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    broken = batch([b"x"], attributes=1, pack=lambda records: b"\x1f\x8bnothing of the kind")
    return "kept as it is" if produce(wire, topic, 0, broken)[0] == 0 else "refused"


@asked("Produce of the versions 0 to 2")
def _(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap, timeout=5)
    try:
        answer = wire.ask("produce", 0, i16(1) + i32(1000) + array(
            [string(topic) + array([i32(0) + blob(batch([b"x"]))])]))
    except (ConnectionError, TimeoutError):
        return "the connection is closed"
    return number(answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16()))))[0][1][0][1])


@asked("A fetch session (KIP-227)")
def _(broker):
    wire, topic = Wire(broker.bootstrap), broker.topic()
    body = fetch_body(topic, 0, 0, wait=0).replace(i32(0) + i32(-1), i32(0) + i32(0), 1)
    answer = wire.ask("fetch", 11, body)
    answer.i32(), answer.i16()
    return "none is kept" if answer.i32() == 0 else "is begun"


@asked("A Fetch of 50 MB where there are 5")
def _(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    for _ in range(5):
        assert produce(wire, topic, 0, batch([bytes(990_000)]))[0] == 0
    found = len(fetch(wire, topic, 0, 0, most=50 << 20)[3])
    return "all of it" if found > 4_950_000 else "2 MB" if 1_980_000 < found <= 2 << 20 else f"{found} bytes"


@asked("A partition that ListOffsets names twice")
def _(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    answer = wire.ask("listOffsets", 1, i32(-1) + array([string(topic) + array([i32(0) + i64(-1)] * 2)]))
    codes = [part[1] for _, parts in answer.array(lambda: (answer.string(), answer.array(
        lambda: (answer.i32(), answer.i16(), answer.i64(), answer.i64())))) for part in parts]
    return "answered once" if codes == [0] else f"error {codes[0]}"


@asked("A byte behind the end of a request")
def _(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    wire.send("listOffsets", 1, i32(-1) + array([string(topic) + array([i32(0) + i64(-1)])]) + b"\0")
    try:
        wire.receive()
        return "is passed over"
    except ConnectionError:
        return "the connection is closed"


@asked("A request of 17 MB")
def _(broker):
    wire = Wire(broker.bootstrap, timeout=2)
    wire.send_raw(struct.pack(">i", 17 << 20) + b"\0\0")
    return "the connection is closed" if wire.is_closed() else "is waited for"


@asked("The newest Fetch that is spoken")
def _(broker):
    high = advertised(Wire(broker.bootstrap))[1][1]
    return "version 11" if high == 11 else "later ones" if high > 11 else f"version {high}"

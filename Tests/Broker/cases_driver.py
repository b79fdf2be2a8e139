"""Our own driver as a client, in processes of its own (`switchboard-load log`): its records are the ones that come out. More
of it, on both brokers too, is in Tests/IntegrationTests."""

import json
import select
import struct
import subprocess
import time
import uuid

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, TopicPartition

from broker import needs, wait_until
from cases_durability import Cutter
from cases_groups import Member, shared_out


class Driver:
    def __init__(self, broker, word, topic, rate, count):
        self.process = subprocess.Popen(
            [broker.driver, "log", word, broker.bootstrap, topic, str(rate), str(count)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def await_ready(self):
        assert self.process.stdout.readline() == "ready\n", self.process.stderr.read()
        return self

    def says_nothing_for(self, seconds):
        return not select.select([self.process.stdout], [], [], seconds)[0] and self.process.poll() is None

    def report(self, seconds=60):
        try:
            out, problems = self.process.communicate(timeout=seconds)
        finally:
            self.process.kill()
        assert self.process.returncode == 0, problems
        lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return {line["what"]: line for line in lines}


def numbers(messages):
    """Each record of the driver begins with its number."""
    return [struct.unpack("<Q", m.value()[:8])[0] for m in messages]


@needs("driver")
def test_our_driver_writes_and_reads_in_order_as_fast_as_it_goes(broker):
    topic = broker.topic()
    reader = Driver(broker, "consume", topic, 0, 50_000).await_ready()
    assert Driver(broker, "produce", topic, 0, 50_000).report()["acknowledged"]["count"] == 50_000
    read = reader.report()["read"]
    assert (read["count"], read["outOfOrder"]) == (50_000, 0), read
    assert numbers(broker.read(topic, 50_000)) == list(range(50_000))


@needs("driver")
def test_our_driver_reads_what_others_compressed(broker):
    for codec in ["gzip", "snappy", "lz4", "zstd"]:
        topic, values = broker.topic(), [struct.pack("<QQ", i, 0) + b"a" * 184 for i in range(2000)]
        reader = Driver(broker, "consume", topic, 0, 2000).await_ready()
        broker.send(topic, values, compression_type=codec, linger_ms=20)
        read = reader.report()["read"]
        assert (read["count"], read["outOfOrder"]) == (2000, 0), (codec, read)


@needs("driver")
def test_our_driver_makes_topics(broker):
    topic = f"t-{uuid.uuid4().hex[:12]}"
    Driver(broker, "topics", topic, 0, 1).report()
    made = {name for name in broker.admin().list_topics(timeout=10).topics if name.startswith(topic)}
    assert made == {topic, f"{topic}.inbox", f"{topic}.log", f"{topic}.deliveries"}, made


@needs("driver")
def test_our_driver_waits_for_an_unknown_topic_and_does_not_make_it(broker):
    topic = f"t-{uuid.uuid4().hex[:12]}"
    waiting = [Driver(broker, word, topic, 0, 500) for word in ("consume", "produce")]
    try:
        assert all(driver.says_nothing_for(1) for driver in waiting), "one did not wait"
        assert topic not in broker.admin().list_topics(timeout=10).topics, "asking for it made it"
        Driver(broker, "topics", topic, 0, len(broker.addresses)).report()
        # A reader that has all records before it reaches an end does not say that it is ready.
        reader, writer = waiting
        assert writer.report()["acknowledged"]["count"] == 500
        read = reader.report()["read"]
        assert (read["count"], read["outOfOrder"]) == (500, 0), read
    finally:
        for driver in waiting:
            driver.process.kill()


@needs("driver")
def test_records_of_our_driver_have_the_time_of_the_broker(broker):
    topic, start = broker.topic(), time.time()
    Driver(broker, "produce", topic, 0, 500).report()
    end = time.time()
    times = [message.timestamp() for message in broker.read(topic, 500)]
    assert {kind for kind, _ in times} == {TIMESTAMP_LOG_APPEND_TIME}, times[0]
    milliseconds = [moment for _, moment in times]
    assert milliseconds == sorted(milliseconds), "times go back"
    assert int(start * 1000) <= milliseconds[0] and milliseconds[-1] <= int(end * 1000) + 1, (start, milliseconds, end)


@needs("driver", "single")
def test_lost_answers_make_no_duplicates_for_our_driver(broker):
    topic, cutter, direct = broker.topic(), Cutter(broker.bootstrap), broker.bootstrap
    broker.bootstrap, rounds = f"{cutter.host}:{cutter.port}", 0
    try:
        # Who gets few turns sends much at once, and has few answers.
        while cutter.cuts <= 4:
            rounds += 1
            written = Driver(broker, "produce", topic, 2000, 6000).report()["acknowledged"]
            assert written["count"] == 6000 and rounds <= 10, (written, cutter.cuts)
    finally:
        broker.bootstrap = direct
        cutter.close()
    assert numbers(broker.read(topic, 6000 * rounds)) == list(range(6000)) * rounds
    consumer = broker.consumer()
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10) == (0, 6000 * rounds)
    consumer.close()


class DriverMember(Member):
    """A member of a group by our driver; it reads each partition that it is given from its beginning."""

    def __init__(self, broker, group, topic):
        self.begin([broker.driver, "group", broker.bootstrap, topic, group])

    def leave(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0


def runs(places):
    """Per partition, how far each reading from the beginning came; none may leave anything out."""
    ends = {}
    for partition, offset in places:
        of = ends.setdefault(partition, [])
        if offset == 0:
            of.append(0)
        else:
            assert of and of[-1] == offset - 1, f"{partition}: {offset} came after {of[-1:]}"
            of[-1] = offset
    return ends


@needs("driver")
def test_a_group_of_our_driver_from_one_to_three_to_one_with_kills(broker):
    topic, group = broker.topic(partitions=6), f"g-{uuid.uuid4().hex[:8]}"

    def send(count):
        broker.send(topic, [(str(i).encode(), b"x", None) for i in range(count)])
        with_ends = broker.consumer()
        places = [with_ends.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(6)]
        with_ends.close()
        return places

    def has_read(member, ends):
        read = set(member.read)
        return all((p, end - 1) in read for p, end in enumerate(ends))

    members = [DriverMember(broker, group, topic)]
    try:
        wait_until("one member has all", lambda: shared_out(members, 6), 30)
        members += [DriverMember(broker, group, topic) for _ in range(2)]
        wait_until("three members share", lambda: shared_out(members, 6) and all(len(m.held) == 2 for m in members), 40)
        assert members[0].lost == 4, f"{members[0].lost} partitions were taken where four had to move"
        ends = send(300)
        wait_until("all is read", lambda: all(
            any((p, end - 1) in set(m.read) for m in members if p in m.held) for p, end in enumerate(ends)), 30)
        for member in members[1:]:
            member.end()
        wait_until("the one that is left has all", lambda: shared_out(members[:1], 6), 40)
        assert members[0].lost == 4, "something was taken from the one that stayed"
        ends = send(300)
        wait_until("it reads all", lambda: has_read(members[0], ends), 30)
        for member in members:
            runs(member.read)
    finally:
        for member in members:
            member.end()


@needs("driver")
def test_a_member_of_our_driver_that_leaves_is_not_waited_for(broker):
    topic, group = broker.topic(partitions=4), f"g-{uuid.uuid4().hex[:8]}"
    members = [DriverMember(broker, group, topic) for _ in range(2)]
    try:
        wait_until("two members share", lambda: shared_out(members, 4) and all(len(m.held) == 2 for m in members), 40)
        start = time.monotonic()
        members[1].leave()
        wait_until("the other has all", lambda: shared_out(members[:1], 4), 30)
        # Who is killed is missed after 6 s.
        assert time.monotonic() - start < 5.5, "it was missed, and had not left"
    finally:
        for member in members:
            member.end()


@needs("driver")
def test_our_driver_copies_keys_headers_and_up_to_a_megabyte(broker):
    topic, copy = broker.topic(max_message_bytes=2_000_000), broker.topic()
    kept = [
        (b"k1", b"small", [("trace", b"\x00\x01")]), (b"", b"", None), (b"k2", b"m" * 990_000, [("trace", b"big")]),
    ]
    # The driver writes a million bytes in a record at most, whatever the topic would take.
    refused = (b"k3", b"x" * 1_100_000, None)
    last = (b"k4", b"after", [("other", b"gone")])
    producer = broker.producer(message_max_bytes=2_000_000)
    for key, value, headers in [*kept, refused, last]:
        producer.produce(topic, value, key, headers=headers, partition=0)
    assert producer.flush(30) == 0
    done = subprocess.run(
        [broker.driver, "copy", broker.bootstrap, topic, copy, "5"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1 and done.stdout.startswith("refused ") and "too large" in done.stdout, done.stdout
    came = [(m.key() or b"", m.value() or b"", m.headers()) for m in broker.read(copy, 4)]
    assert came == [*kept, (b"k4", b"after", None)], [(k, len(v), h) for k, v, h in came]

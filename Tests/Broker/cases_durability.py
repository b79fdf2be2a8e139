"""What was acknowledged is there: after kills, restarts, lost answers, torn ends; and goes when it is old."""

import glob
import os
import select
import socket
import tempfile
import threading
import time

from confluent_kafka import KafkaException, TopicPartition

from broker import SmallDiskBroker, needs, wait_until
from wire import (Wire, array, batch, batches, fetch, i8, i16, i32, i64, produce, produce_body, producer_id,
                  string)


POLICIES = ("every", "interval", "never")
# Records that a producer has sent and was not answered for yet.
ON_THE_WAY = 100


def produce_under(broker, topic, count, disturb, calm=lambda: None, **config):
    """Produces `count` numbers over 7 keys while `disturb` does what it wants; all must be there once and in order, as
    read when `calm` has let the broker alone."""
    producer, problems, acknowledged = broker.producer(
        reconnect_backoff_max_ms=300, retry_backoff_ms=50, message_timeout_ms=60_000, **config), [], []

    def delivered(error, message):
        (problems if error else acknowledged).append(error or message)

    for number in range(count):
        producer.produce(topic, str(number).encode(), key=str(number % 7), on_delivery=delivered)
        producer.poll(0)
        while len(producer) > ON_THE_WAY:
            producer.poll(0.01)
        disturb(number)
    producer.flush(60)
    assert not problems and len(acknowledged) == count, (problems[:3], len(acknowledged))
    calm()
    messages = broker.read(topic, count, seconds=30)
    numbers = [int(m.value()) for m in messages]
    assert len(set(numbers)) == count, "something is there twice"
    for key in range(7):
        of_key = [number for number in numbers if number % 7 == key]
        assert of_key == sorted(of_key), "out of order"


def under_each_policy(case):
    """The case is tried under each policy of fsync; a kill takes nothing under any."""
    @needs("own")
    def under_all(broker):
        for policy in POLICIES:
            def restart():
                broker.restart(SWITCHBOARD_FSYNC=policy)

            restart()
            try:
                case(broker, restart)
            except Exception as problem:
                raise AssertionError(f"with {policy}: {problem}") from problem
        broker.restart()
    return under_all


@under_each_policy
def test_nothing_is_lost_or_doubled_when_the_broker_is_killed_under_load(broker, restart):
    topic = broker.topic(partitions=3)
    produce_under(broker, topic, 3000, lambda n: restart() if n in (1000, 2000) else None)


@needs("own")
def test_with_every_batch_on_the_disk_first_records_are_read_that_nobody_is_answered_for(broker):
    broker.restart(SWITCHBOARD_FSYNC="every")
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    wire.send("produce", 7, produce_body(topic, 0, batch([b"x"]), acks=0))
    assert fetch(wire, topic, 0, 0, wait=5000)[1] == 1
    broker.restart()


class Cutter:
    """Stands between client and broker, and cuts connections in the moment an answer comes by. Where an answer names
    the broker, it is made to name the cutter, so that clients come back to it."""

    def __init__(self, bootstrap):
        self.host, port = bootstrap.rsplit(":", 1)
        self.target, self.cuts, self.answers, self.is_open, self.is_cutting = int(port), 0, 0, True, True
        self.listener = socket.create_server((self.host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.is_open:
            try:
                client, _ = self.listener.accept()
                broker = socket.create_connection((self.host, self.target))
            except OSError:
                continue
            for source, sink, is_answer in [(client, broker, False), (broker, client, True)]:
                threading.Thread(target=self.pump, args=(source, sink, is_answer), daemon=True).start()

    def pump(self, source, sink, is_answer):
        try:
            while data := source.recv(65536):
                if is_answer:
                    self.answers += 1
                    if self.is_cutting and self.answers % 8 == 0:
                        self.cuts += 1
                        break
                    data = data.replace(self.host.encode() + i32(self.target), self.host.encode() + i32(self.port))
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def calm(self):
        self.is_cutting = False

    def close(self):
        self.is_open = False
        self.listener.close()


@needs("single")
def test_lost_answers_make_no_duplicates(broker):
    topic = broker.topic(partitions=3)
    cutter, direct = Cutter(broker.bootstrap), broker.bootstrap
    broker.bootstrap = f"{cutter.host}:{cutter.port}"
    try:
        produce_under(broker, topic, 6000, lambda n: None, cutter.calm)
        assert cutter.cuts > 4, cutter.cuts
    finally:
        cutter.close()
        broker.bootstrap = direct


@under_each_policy
def test_producers_offsets_and_topics_are_known_after_a_kill(broker, restart):
    topic, group, wire = broker.topic(partitions=2), f"g-{time.time_ns()}", Wire(broker.bootstrap)
    producer, epoch = producer_id(wire)
    sent = [batch([b"x"] * 2, producer, epoch, sequence) for sequence in (0, 2, 4)]
    first = [produce(wire, topic, 0, data) for data in sent]
    place = TopicPartition(topic, 1, 17, metadata="a note")
    consumer = broker.consumer(group)
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.close()
    restart()
    wire = Wire(broker.bootstrap)
    assert producer_id(wire)[0] > producer
    assert [produce(wire, topic, 0, data) for data in sent] == first
    assert produce(wire, topic, 0, batch([b"x"], producer, epoch, 9))[0] == 45
    assert produce(wire, topic, 0, batch([b"x"], producer, epoch, 6))[:2] == (0, 6)
    consumer = broker.consumer(group)
    committed = consumer.committed([TopicPartition(topic, 1)], timeout=10)[0]
    consumer.close()
    assert (committed.offset, committed.metadata) == (17, "a note")
    assert len(broker.admin().list_topics(topic, timeout=10).topics[topic].partitions) == 2


def active_segment(broker, topic):
    return sorted(glob.glob(f"{broker.data}/partitions/{topic}-0/*.log"))[-1]


@needs("own")
def test_a_torn_end_is_cut_and_written_over(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    for index in range(3):
        produce(wire, topic, 0, batch([b"whole"]))
    broker.kill()
    path = active_segment(broker, topic)
    size = os.path.getsize(path)
    one = size // 3
    data = open(path, "rb").read()
    for torn, left in [
        (data + data[:30], 3), (data + os.urandom(500), 3), (data + b"\0" * 4096, 3), (data[:-1], 2),
        (data[:2 * one + 5], 2), (data[:-3] + b"\xff" + data[-2:], 2), (data[:one + 70] + b"\xff" + data[one + 71:], 1),
    ]:
        open(path, "wb").write(torn)
        broker.start()
        wire = Wire(broker.bootstrap)
        code, mark, _, records = fetch(wire, topic, 0, 0, wait=0)
        assert (code, mark) == (0, left) and all(b["intact"] for b in batches(records)), (mark, left)
        assert produce(wire, topic, 0, batch([b"next"]))[:2] == (0, left)
        broker.kill()
    broker.start()


@needs("own")
def test_offsets_are_found_by_time_also_where_the_file_is_not_in_memory(broker):
    topic, wire, first = broker.topic(), Wire(broker.bootstrap), {}
    for offset in range(200):
        code, told, appended = produce(wire, topic, 0, batch([b"x" * 300]))
        assert (code, told) == (0, offset)
        first.setdefault(appended, offset)
    file = os.open(active_segment(broker, topic), os.O_RDONLY)
    for asked in [*first, max(first) + 1]:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        assert by_time(wire, [(topic, 0, asked)]) == [(0, first.get(asked, -1))], (asked, first)
    os.close(file)
    # What a request repeats is looked into and answered once.
    some = max(first)
    assert by_time(wire, [(topic, 0, some)] * 3 + [(topic, 1, some)]) == [(0, first[some]), (3, -1)]


def by_time(wire, asked):
    """-> of each the error and the offset"""
    body = i32(-1) + i8(0) + array([string(t) + array([i32(partition) + i64(at)]) for t, partition, at in asked])
    answer = wire.ask("listOffsets", 2, body)
    answer.i32()
    told = answer.array(lambda: (answer.string(), answer.array(
        lambda: (answer.i32(), answer.i16(), answer.i64(), answer.i64()))))
    return [(code, offset) for _, parts in told for _, code, _, offset in parts]


@needs("own")
def test_many_partitions_are_made_while_others_are_answered(broker):
    broker.restart(SWITCHBOARD_FSYNC="every")
    making, other, slowest = Wire(broker.bootstrap, timeout=60), Wire(broker.bootstrap), 0
    begin = time.monotonic()
    new = string(f"t-{time.time_ns()}") + i32(1000) + i16(1) + array([]) + array([])
    asked = making.send("createTopics", 1, array([new]) + i32(60_000) + i8(0))
    while not select.select([making.socket], [], [], 0)[0]:
        before = time.monotonic()
        other.ask("listGroups", 0)
        slowest = max(slowest, time.monotonic() - before)
    answer, whole = making.receive(asked), time.monotonic() - begin
    ((_, code, _),) = answer.array(lambda: (answer.string(), answer.i16(), answer.string()))
    assert code == 0 and slowest < whole / 2, (code, slowest, whole)
    broker.restart()


@needs("own")
def test_old_segments_go_by_time_and_by_size(broker):
    by_time = broker.topic(retention_ms=1500)
    by_size = broker.topic(retention_bytes=200_000)
    kept = broker.topic()
    wire = Wire(broker.bootstrap)
    for _ in range(60):
        for topic in (by_time, by_size, kept):
            assert produce(wire, topic, 0, batch([os.urandom(10_000)]))[0] == 0
    wait_until("all that is old has gone", lambda: fetch(wire, by_time, 0, 60, wait=0)[2] == 60)
    wait_until("size is kept", lambda: 60 - fetch(wire, by_size, 0, 59)[2] <= 25)
    start = fetch(wire, by_size, 0, 59)[2]
    assert 60 - start >= 20, start
    assert fetch(wire, by_time, 0, 0)[0] == 1
    assert fetch(wire, kept, 0, 0)[2] == 0
    broker.restart()
    wire = Wire(broker.bootstrap)
    assert fetch(wire, by_time, 0, 60, wait=0)[1:3] == (60, 60)
    assert fetch(wire, by_size, 0, 59)[1:3] == (60, start)
    assert produce(wire, by_time, 0, batch([b"x"]))[:2] == (0, 60)


@needs("own")
def test_a_producer_is_known_although_its_records_have_gone(broker):
    topic, wire = broker.topic(retention_ms=1000), Wire(broker.bootstrap)
    producer, epoch = producer_id(wire)
    last = batch([b"x"], producer, epoch, 1)
    produce(wire, topic, 0, batch([b"x"], producer, epoch, 0))
    assert produce(wire, topic, 0, last)[:2] == (0, 1)
    wait_until("they have gone", lambda: fetch(wire, topic, 0, 2, wait=0)[2] == 2)
    broker.restart()
    wire = Wire(broker.bootstrap)
    assert produce(wire, topic, 0, last)[:2] == (0, 1)
    assert produce(wire, topic, 0, batch([b"x"], producer, epoch, 2))[:2] == (0, 2)


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


@needs("own")
def test_a_topic_may_be_deleted_in_the_moment_after_it_grew_by_a_file(broker):
    broker.restart(SWITCHBOARD_FSYNC="interval", SWITCHBOARD_FSYNC_INTERVAL="60s")
    wire, admin = Wire(broker.bootstrap), broker.admin()
    for _ in range(5):
        topic = broker.topic(segment_bytes=1024)
        for _ in range(4):
            assert produce(wire, topic, 0, batch([b"x" * 900]))[0] == 0
        admin.delete_topics([topic])[topic].result(10)
    # Its end brings to the disk what it has not yet: with a failure where it looks for a file that has gone.
    broker.stop()
    broker.start()

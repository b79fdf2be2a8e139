"""Bad, greedy and vanishing clients: they lose their own connection, and nobody else notices."""

import os
import random
import select
import socket
import struct
import tempfile
import time

from confluent_kafka import TopicPartition

from broker import OwnBroker, needs, wait_until
from cases_protocol import advertised, join, new_group, sync
from wire import Wire, array, batch, blob, crc32c, fetch, fetch_body, i8, i16, i32, i64, produce, string

MALFORMED = {
    "a length below nothing": i32(-5),
    "a length of nothing": i32(0) + b"xxxx",
    "a length of two gigabytes": i32(2**31 - 1),
    "an http request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tls hello": bytes.fromhex("16030100c8010000c40303"),
    "an unknown request": blob(i16(999) + i16(0) + i32(1) + string("x")),
    "a request below nothing": blob(i16(-1) + i16(0) + i32(1) + string("x")),
    "an unknown version": blob(i16(3) + i16(99) + i32(1) + string("x") + array([])),
    "a client id longer than the request": blob(i16(3) + i16(1) + i32(1) + i16(3000) + b"x"),
    "an array longer than the request": blob(i16(3) + i16(1) + i32(1) + string("x") + i32(2**31 - 1)),
    "an array below nothing": blob(i16(0) + i16(7) + i32(1) + string("x") + string(None) + i16(1) + i32(1) + i32(-7)),
    "a request that ends early": blob(i16(1) + i16(11) + i32(1) + string("x") + i32(-1) + i32(0)),
    "records longer than the request": blob(
        i16(0) + i16(7) + i32(1) + string("x") + string(None) + i16(1) + i32(1000)
        + array([string("t") + array([i32(0) + i32(2**30) + b"abc"])])),
}


def test_malformed_requests_close_their_own_connection(broker):
    other = Wire(broker.bootstrap)
    for what, data in MALFORMED.items():
        wire = Wire(broker.bootstrap, timeout=5)
        wire.send_raw(data)
        assert wire.is_closed(), f"{what}: still open"
        assert advertised(other), what


@needs("own")
def test_each_malformed_request_leaves_one_line(broker):
    before = len(broker.log_lines())
    for data in MALFORMED.values():
        wire = Wire(broker.bootstrap, timeout=5)
        wire.send_raw(data)
        assert wire.is_closed()
    lines = [line for line in broker.log_lines()[before:] if "for what it sent" in line]
    assert len(lines) == len(MALFORMED), lines


def test_noise_disturbs_nobody(broker):
    other, dice = Wire(broker.bootstrap), random.Random(7)
    for _ in range(300):
        wire = Wire(broker.bootstrap, timeout=5)
        key, version = dice.choice([0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 22, 32, 37]), dice.randrange(8)
        body = dice.randbytes(dice.randrange(200))
        try:
            wire.send_raw(blob(i16(key) + i16(version) + i32(1) + string("noise") + body))
            wire.socket.shutdown(dice.choice([socket.SHUT_RDWR, socket.SHUT_WR]))
        except OSError:
            pass
        wire.close()
    assert advertised(other)


def test_a_request_that_comes_byte_by_byte_is_understood(broker):
    wire = Wire(broker.bootstrap)
    wire.correlation = 1
    for byte in blob(i16(18) + i16(0) + i32(1) + string("slow")):
        wire.send_raw(bytes([byte]))
        time.sleep(0.002)
    assert wire.receive(1).i16() == 0


def test_clients_that_vanish_in_every_order(broker):
    topic = broker.topic()
    request = fetch_body(topic, 0, 0, wait=3000)
    for index in range(60):
        wire = Wire(broker.bootstrap)
        wire.send("fetch", 11, request)
        if index % 3 == 0:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif index % 3 == 1:
            wire.socket.shutdown(socket.SHUT_WR)
        wire.close()
    wire = Wire(broker.bootstrap)
    for _ in range(5):
        assert produce(wire, topic, 0, batch([b"x"]))[0] == 0


@needs("own")
def test_readers_that_do_not_read_take_little_memory(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    for _ in range(16):
        assert produce(wire, topic, 0, batch([os.urandom(900_000)]))[0] == 0
    before = broker.resident_bytes()
    lazy = []
    for _ in range(100):
        reader = Wire(broker.bootstrap)
        reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(20):
            reader.send("fetch", 11, fetch_body(topic, 0, 0, wait=0, most=50 << 20))
        lazy.append(reader)
    start = time.time()
    for _ in range(50):
        assert produce(wire, topic, 0, batch([b"x"]))[0] == 0
    assert time.time() - start < 5, f"the others are slow: {time.time() - start:.1f} s"
    grown = broker.resident_bytes() - before
    assert grown < 400 << 20, f"{grown >> 20} MiB more"
    for reader in lazy:
        reader.close()
    wait_until("memory is given back", lambda: broker.resident_bytes() - before < 150 << 20)


@needs("own")
def test_a_fetch_finds_nothing_while_others_have_not_taken_their_answers(broker):
    size = 12 << 20
    topic, wire = broker.topic(max_message_bytes=size + 1000), Wire(broker.bootstrap, timeout=30)
    assert produce(wire, topic, 0, batch([os.urandom(size)]))[0] == 0
    assert len(fetch(wire, topic, 0, 0)[3]) > size
    before, lazy = broker.resident_bytes(), []
    for _ in range(60):
        reader = Wire(broker.bootstrap)
        reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.send("fetch", 11, fetch_body(topic, 0, 0, wait=0))
        lazy.append(reader)
    wait_until("a fetch finds nothing", lambda: fetch(wire, topic, 0, 0, wait=0)[::3] == (0, b""))
    grown = broker.resident_bytes() - before
    assert 200 << 20 < grown < 400 << 20, f"{grown >> 20} MiB more"
    for reader in lazy:
        reader.close()
    wait_until("it finds what is there", lambda: len(fetch(wire, topic, 0, 0)[3]) > size)


@needs("own")
def test_answers_that_are_not_taken_take_little_memory_whatever_was_asked(broker):
    wire = Wire(broker.bootstrap, timeout=30)
    group, topics = new_group(wire), [broker.topic(partitions=1000) for _ in range(4)]
    head = string(group) + i32(-1) + string("") + i64(-1)
    for topic in topics:
        parts = [i32(partition) + i64(7) + string("n" * 4096) for partition in range(1000)]
        answer = wire.ask("offsetCommit", 2, head + array([string(topic) + array(parts)]))
        ((_, told),) = answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16()))))
        assert {code for _, code in told} == {0}

    # 16 MB, more than the system keeps for a connection.
    question = "offsetFetch", 2, string(group) + array(None)
    before, lazy = broker.resident_bytes(), []
    for _ in range(60):
        reader = Wire(broker.bootstrap)
        reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.send(*question)
        lazy.append(reader)
    wait_until("much is not taken", lambda: broker.resident_bytes() - before > 200 << 20, 60)
    for _ in range(20):
        assert advertised(wire), "what is answered briefly does not wait"
    wire.send(*question)
    grown = broker.resident_bytes() - before
    assert grown < 400 << 20, f"{grown >> 20} MiB more"
    assert not select.select([wire.socket], [], [], 0.2)[0], "a long answer waits for room"
    for reader in lazy:
        reader.close()
    answer = wire.receive()
    assert sum(len(parts) for _, parts in answer.array(lambda: (answer.string(), answer.array(
        lambda: (answer.i32(), answer.i64(), answer.string(), answer.i16()))))) == 4000
    answer = wire.ask("deleteGroups", 0, array([string(group)]))
    answer.i32()
    assert [code for _, code in answer.array(lambda: (answer.string(), answer.i16()))] == [0]


def take_little_memory_unfinished(broker, requests, size):
    before, halves = broker.resident_bytes(), []
    for _ in range(requests):
        wire = Wire(broker.bootstrap)
        try:
            wire.send_raw(i32(15 << 20) + b"x" * size)
        except OSError:
            pass  # it is one of those that are closed
        halves.append(wire)
    grown = broker.resident_bytes() - before
    for wire in halves:
        wire.close()
    assert grown < 450 << 20, f"{grown >> 20} MiB more"
    assert advertised(Wire(broker.bootstrap))


@needs("own")
def test_unfinished_requests_take_little_memory(broker): take_little_memory_unfinished(broker, 40, 14 << 20)
@needs("own")
def test_many_small_unfinished_requests_take_little_memory(broker): take_little_memory_unfinished(broker, 700, 900 << 10)


@needs("own")
def test_connections_are_limited(broker):
    broker.restart()  # No case before has left a connection open.
    wires = [Wire(broker.bootstrap, timeout=5) for _ in range(1100)]
    assert all(advertised(wire) for wire in wires[:1000])
    assert all(wire.is_closed() for wire in wires[1000:])
    wait_until("it is told", lambda: any("too many are open" in line for line in broker.log_lines()))
    for wire in wires:
        wire.close()

    def again():
        try:
            return advertised(Wire(broker.bootstrap))
        except (OSError, ConnectionError):
            return None

    wait_until("it takes connections again", again)


def ask_to_join(wire, group, times):
    """Asks so often to be a new member; -> the codes of the answers."""
    body = string(group) + i32(60_000) + i32(60_000) + string("") + string(None) + string("consumer")
    body += array([string("range") + blob(b"")])
    codes = []
    for _ in range(times // 50):
        for correlation in [wire.send("joinGroup", 5, body) for _ in range(50)]:
            answer = wire.receive(correlation)
            answer.i32()
            codes.append(answer.i16())
    return codes


@needs("own")
def test_members_of_a_group_and_of_all_are_limited(broker):
    broker.restart()  # Nobody is in a group.
    wire = Wire(broker.bootstrap, timeout=20)
    assert ask_to_join(wire, "crowd", 1200) == [79] * 1000 + [81] * 200
    for group in ("two", "three"):
        assert ask_to_join(wire, group, 1000) == [79] * 1000
    assert ask_to_join(wire, "four", 900) == [79] * 900
    assert ask_to_join(wire, "five", 200) == [79] * 100 + [81] * 100
    assert ask_to_join(wire, "six", 50) == [81] * 50
    broker.restart()


def create(wire, topics, partitions):
    """-> the codes of the answers"""
    answer = wire.ask("createTopics", 0, array([
        string(name) + i32(partitions) + i16(1) + array([]) + array([]) for name in topics]) + i32(60_000))
    return [code for _, code in answer.array(lambda: (answer.string(), answer.i16()))]


class NarrowBroker(OwnBroker):
    """May have so many files and connections open, all together."""
    descriptors = 2600

    def command(self):
        return ["prlimit", f"--nofile={self.descriptors}:{self.descriptors}", self.binary]


def with_a_broker_of_its_own(kind):
    """Its data go with it."""
    def mark(case):
        @needs("own")
        def on_its_own(broker):
            with tempfile.TemporaryDirectory(prefix="broker-own-") as folder:
                other = kind(broker.binary, folder)
                try:
                    case(other)
                finally:
                    other.stop()
        return on_its_own
    return mark


@with_a_broker_of_its_own(OwnBroker)
def test_topics_are_limited(broker):
    wire = Wire(broker.bootstrap, timeout=60)
    assert create(wire, [f"t{index}" for index in range(999)], 1) == [0] * 999
    assert create(wire, ["last", "beyond"], 1) == [0, 44]
    answer = wire.ask("deleteTopics", 0, array(["last"], string) + i32(1000))
    assert answer.array(lambda: (answer.string(), answer.i16())) == [("last", 0)]
    assert create(wire, ["beyond"], 1) == [0]


@with_a_broker_of_its_own(NarrowBroker)
def test_partitions_are_limited_by_what_may_be_open_and_connections_find_room(broker):
    most, wire = broker.descriptors - 1600, Wire(broker.bootstrap, timeout=60)
    assert create(wire, ["wide"], 1001) == [37]
    assert create(wire, ["much", "beyond", "last"], most // 2) == [0, 0, 37]
    answer = wire.ask("createPartitions", 0, array([string("much") + i32(most // 2 + 1) + array(None)]) + i32(1000) + i8(0))
    answer.i32()
    assert answer.array(lambda: (answer.string(), answer.i16(), answer.string()))[0][1] == 37
    wires = [Wire(broker.bootstrap, timeout=5) for _ in range(999)]
    assert all(advertised(other) for other in wires)


def with_head(data, changes):
    """The batch with other bytes in its head, and the checksum that is right for them."""
    data = bytearray(data)
    for at, value in changes:
        data[at:at + len(value)] = value
    data[17:21] = struct.pack(">I", crc32c(data[21:]))
    return bytes(data)


@needs("own")
def test_no_head_of_a_batch_ends_the_broker(broker):
    topic, sound, dice = broker.topic(), batch([b"x"]), random.Random(7)
    highest, count = struct.pack(">i", 2**31 - 1), 57
    wire = Wire(broker.bootstrap)
    assert produce(wire, topic, 0, with_head(sound, [(23, highest)]))[0] == 87
    assert produce(wire, topic, 0, with_head(sound, [(23, highest), (count, highest)]))[0] == 87
    for _ in range(400):
        fields = [(21, 2), (23, 4), (27, 8), (35, 8), (43, 8), (51, 2), (53, 4), (57, 4)]
        chosen = dice.sample(fields, dice.randint(1, 3))
        edges = [b"\xff", b"\x00", b"\x7f" + b"\xff" * 7, b"\x80" + b"\x00" * 7]
        changes = [(at, (dice.choice(edges) * size)[:size]) for at, size in chosen]
        produce(wire, topic, 0, with_head(sound, changes))
    assert produce(Wire(broker.bootstrap), topic, 0, sound)[0] == 0
    broker.read(topic, 1)


@needs("own")
def test_what_is_asked_many_times_is_answered_once(broker):
    topic, group = broker.topic(partitions=500), new_group(Wire(broker.bootstrap))
    consumer = broker.consumer(group)
    consumer.commit(offsets=[TopicPartition(topic, 0, 0, metadata="m" * 4000)], asynchronous=False)
    consumer.close()
    before, times = broker.resident_bytes(), 20_000
    asked = [
        ("metadata", 1, array([string(topic)] * times)),
        ("describeGroups", 0, array([string(group)] * times)),
        ("describeConfigs", 0, array([i8(2) + string(topic) + i32(-1)] * times)),
        ("offsetFetch", 1, string(group) + array([string(topic) + array([i32(0)] * (times // 2))] * 2)),
    ]
    for api, version, body in asked:
        answer = Wire(broker.bootstrap).ask(api, version, body)
        assert len(answer.data) < 100_000, (api, len(answer.data))
    assert broker.resident_bytes() - before < 100 << 20


@needs("own")
def test_what_a_member_says_of_itself_is_limited(broker):
    wire = Wire(broker.bootstrap)
    group = new_group(wire)
    assert join(wire, 5, group, offers=[("range", b"m" * (65 << 10))])["code"] == 42
    assert join(wire, 5, group, offers=[("", b"")] * 20_000)["code"] == 42
    assert join(wire, 5, group, instance="i" * 32_000, offers=[("range", b"m" * (40 << 10))])["code"] == 42
    member = join(wire, 5, group, offers=[("range", b"m" * (60 << 10))])
    assert member["code"] == 0
    code, _ = sync(wire, 3, group, member["generation"], member["member"], [(member["member"], b"a" * (65 << 10))])
    assert code == 42
    code, assignment = sync(
        wire, 3, group, member["generation"], member["member"], [(member["member"], b"a" * (60 << 10))])
    assert code == 0 and len(assignment) == 60 << 10


@needs("own")
def test_notes_beside_committed_offsets_are_limited_all_together(broker):
    topic, wire, note, partitions = broker.topic(partitions=200), Wire(broker.bootstrap), "n" * 4096, 200

    def commit(group, note, count=partitions):
        body = string(group) + i32(-1) + string("") + i64(-1)
        parts = [i32(partition) + i64(7) + string(note) for partition in range(count)]
        answer = wire.ask("offsetCommit", 2, body + array([string(topic) + array(parts)]))
        ((_, told),) = answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16()))))
        return [code for _, code in told]

    groups, taken, codes = [], 0, [0]
    while 12 not in codes and len(groups) < 100:
        groups.append(new_group(wire))
        codes = commit(groups[-1], note)
        assert set(codes) <= {0, 12} and codes == sorted(codes), codes
        taken += codes.count(0)
    # What cases before this one have committed counts too.
    assert 63 << 20 <= taken * len(note) <= 64 << 20, taken
    assert set(commit(groups[0], note)) == {0}, "a group that is there goes on"
    assert set(commit(groups[-1], "")) == {0}
    assert commit(new_group(wire), note, 1) == [0], "room was given back"
    broker.restart()
    wire = Wire(broker.bootstrap)
    last = new_group(wire)
    assert 12 in commit(last, note) and set(commit(last, "")) == {0}
    answer = wire.ask("deleteGroups", 0, array([string(group) for group in groups]))
    answer.i32()
    assert {code for _, code in answer.array(lambda: (answer.string(), answer.i16()))} == {0}
    assert set(commit(last, note)) == {0}

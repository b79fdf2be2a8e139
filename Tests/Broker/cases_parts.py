"""What one request may name, how often, and what may follow it: who asks for too much loses the connection, and nobody else
notices."""

import select
import time
import uuid

from broker import needs, wait_until
from cases_protocol import OURS, advertised, join, new_group
from wire import (NAMES, Wire, array, batch, blob, fetch_body, i8, i16, i32, i64, produce, read_fetch, string)

PARTS_PER_REQUEST = 21_000
PARTS_WAITING = 200_000


def bodies(topic, group, times=1):
    """Every request in every version that is advertised, sound, with what it names named so many times."""
    def named(part): return array([string(topic) + array([part] * times)])
    for version in range(OURS["produce"] + 1):
        head = (string(None) if version >= 3 else b"") + i16(1) + i32(1000)
        yield "produce", version, head + named(i32(0) + blob(None))
    for version in range(OURS["fetch"] + 1):
        yield "fetch", version, fetch_body(topic, 0, 0, wait=0, version=version, times=times)
    for version in range(OURS["listOffsets"] + 1):
        head = i32(-1) + (i8(0) if version >= 2 else b"")
        yield "listOffsets", version, head + named(i32(0) + i64(-1) + (i32(1) if version == 0 else b""))
    for version in range(OURS["metadata"] + 1):
        yield "metadata", version, array([string(topic)] * times) + (i8(0) if version >= 4 else b"")
    for version in range(OURS["offsetCommit"] + 1):
        head = string(group) + (i32(-1) + string("") if version >= 1 else b"")
        head += (string(None) if version >= 7 else b"") + (i64(-1) if 2 <= version <= 4 else b"")
        middle = (i32(-1) if version >= 6 else b"") + (i64(-1) if version == 1 else b"")
        yield "offsetCommit", version, head + named(i32(0) + i64(7) + middle + string(""))
    for version in range(OURS["offsetFetch"] + 1):
        yield "offsetFetch", version, string(group) + named(i32(0))
    for version in range(OURS["findCoordinator"] + 1):
        yield "findCoordinator", version, string(group) + (i8(0) if version >= 1 else b"")
    for version in range(OURS["joinGroup"] + 1):
        head = string(f"{group}-{version}") + i32(1000) + (i32(1000) if version >= 1 else b"") + string("")
        head += (string(None) if version >= 5 else b"") + string("consumer")
        yield "joinGroup", version, head + array([string("") + blob(b"")] * times)
    for version in range(OURS["heartbeat"] + 1):
        tail = string(None) if version >= 3 else b""
        yield "heartbeat", version, string(group) + i32(1) + string("nobody") + tail
        yield "syncGroup", version, string(group) + i32(1) + string("nobody") + tail + array(
            [string("nobody") + blob(b"")] * times)
    for version in range(OURS["leaveGroup"] + 1):
        yield "leaveGroup", version, string(group) + string("nobody")
    yield "describeGroups", 0, array([string(group)] * times)
    yield "listGroups", 0, b""
    for version in range(OURS["apiVersions"] + 1):
        yield "apiVersions", version, b"\x05wire\x021\0" if version >= 3 else b""
    for version in range(OURS["createTopics"] + 1):
        yield "createTopics", version, array([string("no/name") + i32(1) + i16(1) + array([]) + array([])] * times) + i32(
            1000) + (i8(0) if version >= 1 else b"")
    for version in range(OURS["deleteTopics"] + 1):
        yield "deleteTopics", version, array([string("nothing")] * times) + i32(1000)
    for version in range(OURS["initProducerId"] + 1):
        yield "initProducerId", version, string(None) + i32(60_000)
    for version in range(OURS["describeConfigs"] + 1):
        yield "describeConfigs", version, array([i8(2) + string(topic) + i32(-1)] * times) + (
            i8(0) if version >= 1 else b"")
    yield "createPartitions", 0, array([string("nothing") + i32(2) + array(None)] * times) + i32(1000) + i8(0)
    for version in range(OURS["deleteGroups"] + 1):
        yield "deleteGroups", version, array([string("nothing")] * times)


def told(broker, words, since):
    return [line for line in broker.log_lines()[since:] if words in line]


@needs("own")
def test_a_byte_behind_a_request_closes_its_connection(broker):
    topic, group = broker.topic(), new_group(Wire(broker.bootstrap))
    asked = list(bodies(topic, group))
    assert {api for api, _, _ in asked} == set(NAMES) and len(asked) == sum(OURS.values()) + len(OURS)
    before, open_still = len(broker.log_lines()), []
    for api, version, body in asked:
        wire = Wire(broker.bootstrap, timeout=5)
        wire.ask(api, version, body)
        wire.send(api, version, body + b"\0")
        wire.socket.settimeout(1)
        if not wire.is_closed():
            open_still.append((api, version))
        wire.close()
    assert not open_still, open_still
    assert len(told(broker, "bytes behind", before)) == len(asked)


@needs("own")
def test_a_request_that_names_too_much_closes_its_connection(broker):
    topic, group = broker.topic(), new_group(Wire(broker.bootstrap))
    before, open_still = len(broker.log_lines()), []
    asked = [body for body in bodies(topic, group, PARTS_PER_REQUEST + 1) if len(body[2]) > PARTS_PER_REQUEST]
    newest = {api: (version, body) for api, version, body in asked}
    for api, (version, body) in newest.items():
        wire = Wire(broker.bootstrap, timeout=2)
        wire.send(api, version, body)
        if not wire.is_closed():
            open_still.append(api)
        wire.close()
    assert len(newest) == 14 and not open_still, open_still
    assert len(told(broker, "more parts than", before)) == len(newest)


@needs("own")
def test_a_partition_that_is_named_again_is_answered_once(broker):
    topic, group = broker.topic(partitions=2), new_group(Wire(broker.bootstrap))
    wire = Wire(broker.bootstrap)
    produce(wire, topic, 0, batch([b"x"] * 3))
    answer = wire.ask("fetch", 4, fetch_body(topic, 0, 0, version=4, times=20_000))
    assert len(answer.data) < 1000, len(answer.data)
    assert read_fetch(answer, 4)[:2] == (0, 3)

    def twice(*parts): return array([string(topic) + array(list(parts)), string(topic) + array(list(parts))] * 2000)
    answer = wire.ask("listOffsets", 1, i32(-1) + twice(i32(0) + i64(-2), i32(0) + i64(-1)))
    assert answer.array(lambda: (answer.string(), answer.array(
        lambda: (answer.i32(), answer.i16(), answer.i64(), answer.i64())))) == [(topic, [(0, 0, -1, 3)])]
    answer.end()
    parts = i32(1) + i64(4) + string("first"), i32(0) + i64(1) + string(""), i32(1) + i64(5) + string("last")
    answer = wire.ask("offsetCommit", 2, string(group) + i32(-1) + string("") + i64(-1) + twice(*parts))
    assert answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16())))) == [
        (topic, [(1, 0), (0, 0)])]
    answer.end()
    answer = wire.ask("offsetFetch", 1, string(group) + twice(i32(0), i32(1)))
    assert answer.array(lambda: (answer.string(), answer.array(
        lambda: (answer.i32(), answer.i64(), answer.string(), answer.i16())))) == [
            (topic, [(0, 1, "", 0), (1, 5, "last", 0)])]
    answer.end()


def slowest_answer(wire, until, seconds=20):
    """How long the broker took to answer the slowest of small questions, asked one after another."""
    slowest, end = 0, time.time() + seconds
    while not until() and time.time() < end:
        start = time.time()
        advertised(wire)
        slowest = max(slowest, time.time() - start)
    return slowest


def has_come(wire):
    """Whether something has, an answer or the end, without taking it."""
    return bool(select.select([wire.socket], [], [], 0)[0])


@needs("own")
def test_fetches_that_name_a_partition_very_often_hold_up_nobody(broker):
    topic, other = broker.topic(), Wire(broker.bootstrap)
    greedy = []
    for times in [900_000] * 6 + [20_000] * 6:
        wire = Wire(broker.bootstrap, timeout=60)
        wire.send("fetch", 4, fetch_body(topic, 0, 0, wait=30_000, version=4, times=times))
        greedy.append(wire)
    assert advertised(other)
    assert produce(Wire(broker.bootstrap), topic, 0, batch([b"x"]))[0] == 0
    slowest = slowest_answer(other, lambda: all(has_come(wire) for wire in greedy))
    assert slowest < 1, f"{slowest:.1f} s"
    assert all(wire.is_closed() for wire in greedy[:6])
    assert [read_fetch(wire.receive(), 4)[:2] for wire in greedy[6:]] == [(0, 1)] * 6
    assert broker.process.poll() is None


@needs("own")
def test_fetches_that_wait_for_all_partitions_are_limited_and_hold_up_nobody(broker):
    count, other = 1000, Wire(broker.bootstrap, timeout=30)
    topic = f"t-{uuid.uuid4().hex[:12]}"
    other.ask("createTopics", 0, array([string(topic) + i32(count) + i16(1) + array([]) + array([])]) + i32(20_000))
    body = i32(-1) + i32(30_000) + i32(1) + i32(1 << 20) + i8(0) + array(
        [string(topic) + array([i32(number) + i64(0) + i32(1 << 20) for number in range(count)])])
    before, readers = len(broker.log_lines()), []
    for _ in range(PARTS_WAITING // count + 10):
        reader = Wire(broker.bootstrap, timeout=30)
        reader.send("fetch", 4, body)
        readers.append(reader)
    assert advertised(other)
    wait_until("ten are closed", lambda: len(told(broker, "too much is waited for", before)) == 10)
    assert not any(has_come(reader) for reader in readers[:-10]) and all(reader.is_closed() for reader in readers[-10:])
    assert produce(Wire(broker.bootstrap), topic, 7, batch([b"x"]))[0] == 0
    slowest = slowest_answer(other, lambda: all(has_come(reader) for reader in readers))
    assert slowest < 1, f"{slowest:.1f} s"
    assert all(len(reader.receive().data) > count * 30 for reader in readers[:-10])
    for reader in readers[:5]:
        assert reader.send("fetch", 4, body) and reader.receive()
    answer = other.ask("deleteTopics", 0, array([topic], string) + i32(20_000))
    assert answer.array(lambda: (answer.string(), answer.i16())) == [(topic, 0)]


def join_body(group, session=6000):
    return string(group) + i32(session) + string("") + string("consumer") + array([string("range") + blob(b"")])


@needs("own")
def test_joins_with_much_behind_them_take_no_memory(broker):
    group, member = new_group(Wire(broker.bootstrap)), Wire(broker.bootstrap)
    assert join(member, 0, group)["code"] == 0
    before, lines, padded = broker.resident_bytes(), len(broker.log_lines()), []
    for _ in range(22):
        wire = Wire(broker.bootstrap, timeout=5)
        padded.append(wire)
        try:
            wire.send("joinGroup", 0, join_body(group) + bytes(15 << 20))
        except OSError:
            pass
    assert advertised(Wire(broker.bootstrap))
    grown = broker.resident_bytes() - before
    assert all(wire.is_closed() for wire in padded)
    assert grown < 150 << 20, f"{grown >> 20} MiB more"
    assert len(told(broker, "bytes behind", lines)) == 22


@needs("own")
def test_syncs_that_wait_keep_nothing_of_what_they_sent(broker):
    members, group = [Wire(broker.bootstrap, timeout=30) for _ in range(20)], new_group(Wire(broker.bootstrap))
    for wire in members:
        wire.send("joinGroup", 0, join_body(group, session=30_000))
    joined = []
    for wire in members:
        answer = wire.receive()
        assert answer.i16() == 0
        generation, _, leader, member = answer.i32(), answer.string(), answer.string(), answer.string()
        joined.append((wire, leader == member, string(group) + i32(generation) + string(member)))
    before = broker.resident_bytes()
    share = array([string(str(index)) + blob(bytes(60 << 10)) for index in range(240)])
    for wire, leads, body in joined:
        if not leads:
            wire.send("syncGroup", 0, body + share)
    assert advertised(Wire(broker.bootstrap))
    grown = broker.resident_bytes() - before
    assert not any(has_come(wire) for wire, _, _ in joined)
    for wire, leads, body in joined:
        if leads:
            wire.send("syncGroup", 0, body + array([]))
    assert [wire.receive().i16() for wire in members] == [0] * 20
    assert grown < 150 << 20, f"{grown >> 20} MiB more"

"""The protocol by hand: every request and version that is advertised, and the rules between the lines."""

import threading
import time
import uuid

from broker import needs
from wire import (NAMES, Wire, array, batch, batches, blob, fetch, i8, i16, i32, i64, produce, string)

OURS = {"produce": 7, "fetch": 11, "listOffsets": 2, "metadata": 4, "offsetCommit": 7, "offsetFetch": 5,
        "findCoordinator": 2, "joinGroup": 5, "heartbeat": 3, "leaveGroup": 1, "syncGroup": 3, "describeGroups": 0,
        "listGroups": 0, "apiVersions": 3, "createTopics": 4, "deleteTopics": 1, "initProducerId": 1,
        "describeConfigs": 1, "createPartitions": 0, "deleteGroups": 1}


UNKNOWN_TOPIC = 3
# A broker of several parts tells all of them of a new topic a moment after it has answered.
PROPAGATION_SECONDS = 10


def advertised(wire):
    answer = wire.ask("apiVersions", 0)
    assert answer.i16() == 0
    versions = {key: (low, high) for key, low, high in answer.array(lambda: (answer.i16(), answer.i16(), answer.i16()))}
    answer.end()
    return versions


def versions(broker, api):
    """Those that this suite speaks and the broker has."""
    wire = Wire(broker.bootstrap)
    low, high = advertised(wire)[NAMES[api]]
    wire.close()
    return range(low, min(high, OURS[api]) + 1)


@needs("own")
def test_what_is_advertised_is_what_is_documented(broker):
    assert advertised(Wire(broker.bootstrap)) == {NAMES[api]: (0, high) for api, high in OURS.items()}


def test_api_versions_of_every_version(broker):
    wire = Wire(broker.bootstrap)
    for version in range(3):
        answer = wire.ask("apiVersions", version)
        assert answer.i16() == 0
        assert len(answer.array(lambda: (answer.i16(), answer.i16(), answer.i16()))) >= len(OURS)
        if version >= 1:
            answer.i32()
        answer.end()
    answer = wire.ask("apiVersions", 3, b"\x05wire\x021\0")
    assert answer.i16() == 0
    for _ in range(answer.i8() - 1):
        answer.i16(), answer.i16(), answer.i16()
        assert answer.i8() == 0
    answer.i32()
    if broker.is_own:
        assert answer.i8() == 0
        answer.end()


def test_api_versions_of_tomorrow_are_answered_in_the_oldest_form(broker):
    wire = Wire(broker.bootstrap)
    answer = wire.ask("apiVersions", 99, b"\x05wire\x021\0")
    assert answer.i16() == 35
    assert NAMES["apiVersions"] in [key for key, _, _ in answer.array(lambda: (answer.i16(), answer.i16(), answer.i16()))]
    answer.end()
    assert advertised(wire)


def test_metadata_of_every_version(broker):
    topic, wire = broker.topic(partitions=3), Wire(broker.bootstrap)
    for version in versions(broker, "metadata"):
        body = array([topic], string) + (i8(0) if version >= 4 else b"")
        answer = wire.ask("metadata", version, body)
        if version >= 3:
            answer.i32()
        brokers = answer.array(
            lambda: (answer.i32(), answer.string(), answer.i32(), answer.string() if version >= 1 else None))
        assert sorted(f"{host}:{port}" for _, host, port, _ in brokers) == broker.addresses
        if version >= 2:
            assert answer.string()
        if version >= 1:
            answer.i32()
        topics = answer.array(lambda: (
            answer.i16(), answer.string(), answer.i8() if version >= 1 else 0, answer.array(lambda: (
                answer.i16(), answer.i32(), answer.i32(), answer.array(answer.i32), answer.array(answer.i32)))))
        answer.end()
        assert topics[0][:2] == (0, topic) and sorted(p[1] for p in topics[0][3]) == [0, 1, 2]


def test_produce_and_fetch_of_every_version(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    known = time.time() + PROPAGATION_SECONDS
    count = 0
    for version in versions(broker, "produce"):
        if version < 3:
            continue
        code, offset, _ = produce(wire, topic, 0, batch([b"one", b"two"]), version)
        while code == UNKNOWN_TOPIC and time.time() < known:
            code, offset, _ = produce(wire, topic, 0, batch([b"one", b"two"]), version)
        assert (code, offset) == (0, count), (version, code, offset)
        count += 2
    for version in versions(broker, "fetch"):
        if version < 4:
            continue
        code, mark, _, records = fetch(wire, topic, 0, 0, version)
        found = batches(records)
        assert (code, mark) == (0, count) and sum(b["count"] for b in found) == count
        assert all(b["intact"] and b["attributes"] & 8 for b in found)


@needs("own")
def test_formats_older_than_ours_are_refused_by_code(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    for version in range(3):
        answer = wire.ask("produce", version, i16(1) + i32(1000) + array(
            [string(topic) + array([i32(0) + blob(batch([b"x"]))])]))
        assert answer.array(lambda: (answer.string(), answer.array(lambda: (
            answer.i32(), answer.i16(), answer.i64(), answer.i64() if version >= 2 else 0))))[0][1][0][1] == 43
        if version >= 1:
            answer.i32()
        answer.end()
    for version in range(4):
        assert fetch(wire, topic, 0, 0, version)[0] == 43


def test_list_offsets_of_every_version(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    produce(wire, topic, 0, batch([b"x"] * 3))
    for version in versions(broker, "listOffsets"):
        for time_asked, expected in [(-1, 3), (-2, 0), (0, 0)]:
            part = i32(0) + i64(time_asked) + (i32(1) if version == 0 else b"")
            body = i32(-1) + (i8(0) if version >= 2 else b"") + array([string(topic) + array([part])])
            answer = wire.ask("listOffsets", version, body)
            if version >= 2:
                answer.i32()
            result = answer.array(lambda: (answer.string(), answer.array(lambda: (
                answer.i32(), answer.i16(),
                answer.array(answer.i64) if version == 0 else (answer.i64(), answer.i64())[1:]))))
            answer.end()
            _, code, offsets = result[0][1][0]
            assert code == 0 and offsets[0] == expected, (version, time_asked, offsets)


def new_group(wire):
    """The name of a group that the node at the other end coordinates, and is ready to."""
    while True:
        group = f"g-{uuid.uuid4().hex[:8]}"
        answer = wire.ask("findCoordinator", 0, string(group))
        code, _, _, port = answer.i16(), answer.i32(), answer.string(), answer.i32()
        if code == 0 and port == wire.socket.getpeername()[1]:
            return group
        if code:
            time.sleep(0.1)


def join(wire, version, group, member="", instance=None, session=6000, offers=(("range", b"meta"),)):
    body = string(group) + i32(session) + (i32(session) if version >= 1 else b"") + string(member)
    body += string(instance) if version >= 5 else b""
    body += string("consumer") + array([string(name) + blob(data) for name, data in offers])
    answer = wire.ask("joinGroup", version, body)
    if version >= 2:
        answer.i32()
    result = {"code": answer.i16(), "generation": answer.i32(), "protocol": answer.string(),
              "leader": answer.string(), "member": answer.string()}
    result["members"] = answer.array(
        lambda: (answer.string(), answer.string() if version >= 5 else None, answer.blob()))
    answer.end()
    if result["code"] == 79:
        return join(wire, version, group, result["member"], instance, session, offers)
    return result


def coded(wire, api, version, body, more=lambda answer: None):
    answer = wire.ask(api, version, body)
    if version >= 1:
        answer.i32()
    code = answer.i16()
    rest = more(answer)
    answer.end()
    return (code, rest) if rest is not None else code


def sync(wire, version, group, generation, member, assignments, instance=None):
    body = string(group) + i32(generation) + string(member) + (string(instance) if version >= 3 else b"")
    return coded(wire, "syncGroup", version, body + array([string(m) + blob(a) for m, a in assignments]),
                 lambda answer: answer.blob())


def heartbeat(wire, version, group, generation, member, instance=None):
    body = string(group) + i32(generation) + string(member) + (string(instance) if version >= 3 else b"")
    return coded(wire, "heartbeat", version, body)


def leave(wire, version, group, member):
    return coded(wire, "leaveGroup", version, string(group) + string(member))


def test_a_member_lives_its_life_in_every_version(broker):
    wire = Wire(broker.bootstrap, timeout=30)
    for version in versions(broker, "joinGroup"):
        group = new_group(wire)
        joined = join(wire, version, group)
        assert joined["code"] == 0 and joined["leader"] == joined["member"] and joined["protocol"] == "range", joined
        assert [(m[0], m[2]) for m in joined["members"]] == [(joined["member"], b"meta")]
        lower = min(version, 3)
        generation, member = joined["generation"], joined["member"]
        assert sync(wire, lower, group, generation, member, [(member, b"mine")]) == (0, b"mine")
        assert heartbeat(wire, lower, group, generation, member) == 0
        assert heartbeat(wire, lower, group, generation + 1, member) == 22
        assert heartbeat(wire, lower, group, generation, "nobody") == 25
        assert leave(wire, min(version, 1), group, member) == 0
        assert leave(wire, min(version, 1), group, member) == 25
        assert heartbeat(wire, lower, group, generation, member) == 25


def test_joining_wrongly_is_refused_by_code(broker):
    wire = Wire(broker.bootstrap, timeout=30)
    group = new_group(wire)
    assert join(wire, 2, "")["code"] == 24
    assert join(wire, 2, group, session=1)["code"] == 26
    assert join(wire, 2, group, member="nobody")["code"] == 25
    assert join(wire, 2, group, offers=[])["code"] == 23
    first = join(wire, 2, group)
    assert join(Wire(broker.bootstrap), 2, group, offers=[("other", b"")])["code"] == 23
    assert leave(wire, 1, group, first["member"]) == 0


def test_a_static_member_fences_the_one_before_it(broker):
    wire = Wire(broker.bootstrap, timeout=30)
    group = new_group(wire)
    old = join(wire, 5, group, instance="i")
    assert sync(wire, 3, group, old["generation"], old["member"], [(old["member"], b"mine")], "i") == (0, b"mine")
    new = join(wire, 5, group, instance="i")
    assert new["code"] == 0 and new["member"] != old["member"] and new["generation"] == old["generation"]
    assert heartbeat(wire, 3, group, old["generation"], old["member"], "i") == 82
    assert sync(wire, 3, group, new["generation"], new["member"], [], "i") == (0, b"mine")
    assert heartbeat(wire, 3, group, new["generation"], new["member"], "i") == 0


def test_a_rebalance_waits_for_all_and_tells_the_others(broker):
    first, second = Wire(broker.bootstrap, timeout=30), Wire(broker.bootstrap, timeout=30)
    group = new_group(first)
    one = join(first, 2, group)
    sync(first, 1, group, one["generation"], one["member"], [(one["member"], b"")])
    results = []
    thread = threading.Thread(target=lambda: results.append(join(second, 2, group)))
    thread.start()
    end = time.time() + 10
    while heartbeat(first, 1, group, one["generation"], one["member"]) != 27:
        assert time.time() < end, "nobody told of the rebalance"
        time.sleep(0.02)
    assert not results, "the second joined before the first came again"
    again = join(first, 2, group, member=one["member"])
    thread.join(10)
    assert again["generation"] == results[0]["generation"] == one["generation"] + 1
    assert len(again["members"]) == 2 and results[0]["members"] == [] and results[0]["leader"] == one["member"]
    for wire, member in [(first, again), (second, results[0])]:
        leave(wire, 1, group, member["member"])


def test_offsets_are_committed_and_fetched_in_every_version(broker):
    topic, wire = broker.topic(partitions=2), Wire(broker.bootstrap)
    for version in versions(broker, "offsetCommit"):
        group = new_group(wire)
        body = string(group) + (i32(-1) + string("") if version >= 1 else b"")
        body += string(None) if version >= 7 else b""
        body += i64(-1) if 2 <= version <= 4 else b""
        part = i32(1) + i64(7 + version) + (i32(-1) if version >= 6 else b"") + (i64(-1) if version == 1 else b"")
        answer = wire.ask("offsetCommit", version, body + array([string(topic) + array([part + string("note")])]))
        if version >= 3:
            answer.i32()
        assert answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16())))) == [
            (topic, [(1, 0)])]
        answer.end()
        for fetching in versions(broker, "offsetFetch"):
            if fetching == 0 and not broker.is_own:
                continue
            answer = wire.ask("offsetFetch", fetching, string(group) + array([string(topic) + array([i32(1), i32(0)])]))
            if fetching >= 3:
                answer.i32()
            found = answer.array(lambda: (answer.string(), answer.array(lambda: (
                answer.i32(), answer.i64(), answer.i32() if fetching >= 5 else -1, answer.string(), answer.i16()))))
            if fetching >= 2:
                assert answer.i16() == 0
            answer.end()
            places = {part[0]: (part[1], part[3], part[4]) for part in found[0][1]}
            assert places == {1: (7 + version, "note", 0), 0: (-1, "", 0)}, places


def test_groups_are_deleted_in_every_version(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    for version in versions(broker, "deleteGroups"):
        group = new_group(wire)
        answer = wire.ask("offsetCommit", 2, string(group) + i32(-1) + string("") + i64(-1) + array(
            [string(topic) + array([i32(0) + i64(7) + string("")])]))
        assert answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16())))) == [
            (topic, [(0, 0)])]
        for expected in (0, 69):
            answer = wire.ask("deleteGroups", version, array([group], string))
            answer.i32()
            assert answer.array(lambda: (answer.string(), answer.i16())) == [(group, expected)]
            answer.end()


def described(wire, name, version):
    body = array([i8(2) + string(name) + array(["retention.ms"], string)])
    answer = wire.ask("describeConfigs", version, body + (i8(1) if version >= 1 else b""))
    answer.i32()
    found = answer.array(lambda: (answer.i16(), answer.string(), answer.i8(), answer.string(), answer.array(
        lambda: (answer.string(), answer.string(), answer.i8(), answer.i8(), answer.i8(),
                 answer.array(lambda: (answer.string(), answer.string(), answer.i8())) if version >= 1 else None))))
    answer.end()
    return found[0][0], [config[:2] for config in found[0][4]]


def test_topics_by_hand_in_every_version(broker):
    wire = Wire(broker.bootstrap)
    for version in versions(broker, "createTopics"):
        name = f"h-{uuid.uuid4().hex[:8]}"
        body = array([string(name) + i32(2) + i16(1) + array([]) + array([string("retention.ms") + string("60000")])])
        answer = wire.ask("createTopics", version, body + i32(5000) + (i8(0) if version >= 1 else b""))
        if version >= 2:
            answer.i32()
        assert answer.array(
            lambda: (answer.string(), answer.i16(), answer.string() if version >= 1 else None))[0][:2] == (name, 0)
        answer.end()
        for describing in versions(broker, "describeConfigs"):
            known = time.time() + PROPAGATION_SECONDS
            found = described(wire, name, describing)
            while found != (0, [("retention.ms", "60000")]) and time.time() < known:
                found = described(wire, name, describing)
            assert found == (0, [("retention.ms", "60000")]), (describing, found)
        for growing in versions(broker, "createPartitions"):
            answer = wire.ask("createPartitions", growing, array([string(name) + i32(3) + array(None)]) + i32(5000) + i8(0))
            answer.i32()
            assert answer.array(lambda: (answer.string(), answer.i16(), answer.string()))[0][:2] == (name, 0)
            answer.end()
        deleting = version % (max(versions(broker, "deleteTopics")) + 1)
        deleting = max(deleting, min(versions(broker, "deleteTopics")))
        answer = wire.ask("deleteTopics", deleting, array([name], string) + i32(5000))
        if deleting >= 1:
            answer.i32()
        assert answer.array(lambda: (answer.string(), answer.i16())) == [(name, 0)]
        answer.end()


def test_group_tools_and_coordinators_by_hand(broker):
    wire = Wire(broker.bootstrap, timeout=30)
    group = new_group(wire)
    for version in versions(broker, "findCoordinator"):
        answer = wire.ask("findCoordinator", version, string(group) + (i8(0) if version >= 1 else b""))
        if version >= 1:
            answer.i32()
        assert answer.i16() == 0
        if version >= 1:
            answer.string()
        answer.i32()
        assert f"{answer.string()}:{answer.i32()}" == broker.addresses[0]
        answer.end()
    joined = join(wire, 2, group)
    sync(wire, 1, group, joined["generation"], joined["member"], [(joined["member"], b"mine")])
    answer = wire.ask("listGroups", 0)
    assert answer.i16() == 0
    assert (group, "consumer") in answer.array(lambda: (answer.string(), answer.string()))
    answer.end()
    answer = wire.ask("describeGroups", 0, array([group], string))
    code, name, state, kind, protocol, members = answer.array(lambda: (
        answer.i16(), answer.string(), answer.string(), answer.string(), answer.string(), answer.array(lambda: (
            answer.string(), answer.string(), answer.string(), answer.blob(), answer.blob()))))[0]
    answer.end()
    assert (code, name, state, kind, protocol) == (0, group, "Stable", "consumer", "range")
    assert members[0][:2] == (joined["member"], "wire") and members[0][3:] == (b"meta", b"mine")
    leave(wire, 1, group, joined["member"])


@needs("own")
def test_a_partition_is_kept_on_this_node_alone_or_refused(broker):
    wire = Wire(broker.bootstrap)

    def made(*assigned):
        parts = array([i32(partition) + array([i32(node) for node in nodes]) for partition, nodes in assigned])
        answer = wire.ask("createTopics", 0, array([
            string(f"t-{uuid.uuid4().hex[:12]}") + i32(-1) + i16(-1) + parts + array([])]) + i32(30_000))
        return answer.array(lambda: (answer.string(), answer.i16()))[0][1]

    assert made((0, [1]), (1, [1])) == 0
    for wrong in [(0, [1, 2, 3])], [(0, [2])], [(0, [])], [(0, [1]), (0, [1])], [(0, [1]), (2, [1])], [(-1, [1])]:
        assert made(*wrong) == 39, wrong
    topic = broker.topic()
    for nodes, code in ([2], 39), ([1, 2], 39), ([1], 0):
        grown = array([array([i32(node) for node in nodes])])
        answer = wire.ask("createPartitions", 0, array([string(topic) + i32(2) + grown]) + i32(30_000) + i8(0))
        answer.i32()
        assert answer.array(lambda: (answer.string(), answer.i16(), answer.string()))[0][1] == code, nodes

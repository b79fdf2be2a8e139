"""Consumer groups: members come, go and die; what one has committed the next one continues."""

import json
import signal
import subprocess
import sys
import threading
import time
import uuid

from confluent_kafka import KafkaException, TopicPartition

from broker import needs, wait_until

MEMBER = """
import json, sys
from confluent_kafka import Consumer
settings, topic = json.loads(sys.argv[1]), sys.argv[2]
consumer = Consumer(settings)
held = set()
cooperative = settings["partition.assignment.strategy"] == "cooperative-sticky"
def tell(what): print(what, *sorted(held), flush=True)
def given(c, parts):
    if not cooperative: held.clear()
    held.update(p.partition for p in parts); tell("held")
def taken(c, parts):
    held.difference_update(p.partition for p in parts); tell("held")
consumer.subscribe([topic], on_assign=given, on_revoke=taken, on_lost=taken)
while True:
    message = consumer.poll(0.1)
    if message is not None and not message.error():
        consumer.commit(message=message, asynchronous=False)
        print("read", message.partition(), message.offset(), flush=True)
"""


class Member:
    """A consumer in a process of its own, so that it can be killed."""

    def __init__(self, broker, group, topic, strategy, instance=None):
        settings = {
            "bootstrap.servers": broker.bootstrap, "group.id": group, "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000, "heartbeat.interval.ms": 300, "enable.auto.commit": False,
            "partition.assignment.strategy": strategy, "log_level": 0,
        }
        if instance:
            settings["group.instance.id"] = instance
        self.begin([sys.executable, "-c", MEMBER, json.dumps(settings), topic])

    def begin(self, words):
        self.held, self.read, self.changes, self.lost = set(), [], 0, 0
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            word, *numbers = line.split()
            if word == "held":
                self.held, self.changes = set(map(int, numbers)), self.changes + 1
            elif word == "lost":
                self.lost += len(numbers)
            else:
                self.read.append(tuple(map(int, numbers)))

    def end(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait()


def shared_out(members, count):
    """All partitions are held, each once, by all of the members."""
    held = [partition for member in members for partition in member.held]
    return sorted(held) == list(range(count)) and all(member.held for member in members)


def one_three_one(broker, strategy):
    topic, group = broker.topic(partitions=6), f"g-{uuid.uuid4().hex[:8]}"
    members = [Member(broker, group, topic, strategy)]
    try:
        wait_until("one member has all", lambda: shared_out(members, 6))
        members += [Member(broker, group, topic, strategy) for _ in range(2)]
        wait_until("three members share", lambda: shared_out(members, 6), 30)
        broker.send(topic, [(str(i).encode(), b"x", None) for i in range(300)])
        wait_until("all is read", lambda: sum(len(m.read) for m in members) >= 300, 30)
        for member in members[1:]:
            member.end()
        wait_until("the one that is left has all", lambda: shared_out(members[:1], 6), 30)
        broker.send(topic, [(str(i).encode(), b"y", None) for i in range(300)])
        wait_until("all is read", lambda: sum(len(m.read) for m in members) >= 600, 30)
        places = [place for member in members for place in member.read]
        assert len(set(places)) == 600, "something was not read"
        assert len(places) <= 600 + 2, "more was read twice than the killed members had uncommitted"
    finally:
        for member in members:
            member.end()


def test_range_from_one_to_three_to_one_with_kills(broker): one_three_one(broker, "range")
def test_roundrobin_from_one_to_three_to_one_with_kills(broker): one_three_one(broker, "roundrobin")
def test_cooperative_from_one_to_three_to_one_with_kills(broker): one_three_one(broker, "cooperative-sticky")


def test_a_static_member_that_comes_back_moves_nothing(broker):
    topic, group = broker.topic(partitions=4), f"g-{uuid.uuid4().hex[:8]}"
    members = [Member(broker, group, topic, "range", instance=f"i{i}") for i in range(2)]
    try:
        wait_until("two members share", lambda: shared_out(members, 4), 30)
        held, changes = set(members[1].held), members[0].changes
        members[1].end()
        members[1] = Member(broker, group, topic, "range", instance="i1")
        wait_until("it has the same again", lambda: members[1].held == held)
        time.sleep(1)
        assert members[0].changes == changes, "the other was disturbed"
    finally:
        for member in members:
            member.end()


def test_a_group_goes_on_where_it_committed(broker):
    topic, group = broker.topic(), f"g-{uuid.uuid4().hex[:8]}"
    broker.send(topic, [str(i).encode() for i in range(100)])
    consumer = broker.consumer(group)
    consumer.subscribe([topic])
    messages = broker.read(topic, 40, consumer=consumer)
    consumer.commit(
        offsets=[TopicPartition(topic, 0, messages[-1].offset() + 1, "a note")], asynchronous=False)
    committed = consumer.committed([TopicPartition(topic, 0)], timeout=10)[0]
    assert (committed.offset, committed.metadata) == (40, "a note")
    consumer.close()
    assert [m.value() for m in broker.read(topic, 60, group)] == [str(i).encode() for i in range(40, 100)]


def test_a_clean_leave_is_noticed_at_once(broker):
    topic, group = broker.topic(partitions=2), f"g-{uuid.uuid4().hex[:8]}"
    first, second = broker.consumer(group), broker.consumer(group)
    for consumer in (first, second):
        consumer.subscribe([topic])

    def both():
        first.poll(0.05)
        second.poll(0.05)
        return len(first.assignment()) == 1 and len(second.assignment()) == 1

    wait_until("both have one", both, 30)
    start = time.time()
    second.close()
    wait_until("the other has both", lambda: first.poll(0.05) or len(first.assignment()) == 2)
    assert time.time() - start < 3, time.time() - start
    first.close()


def test_a_fenced_or_unknown_member_cannot_commit(broker):
    topic, group = broker.topic(), f"g-{uuid.uuid4().hex[:8]}"
    member = broker.consumer(group)
    member.subscribe([topic])
    wait_until("it has the partition", lambda: member.poll(0.1) or member.assignment())
    stranger = broker.consumer(group)
    try:
        stranger.commit(offsets=[TopicPartition(topic, 0, 5)], asynchronous=False)
        raise AssertionError("a stranger committed into a group that has members")
    except KafkaException as refused:
        assert refused.args[0].name() in ("UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION"), refused
    member.close()
    stranger.commit(offsets=[TopicPartition(topic, 0, 5)], asynchronous=False)
    assert stranger.committed([TopicPartition(topic, 0)], timeout=10)[0].offset == 5
    stranger.close()


def test_groups_are_listed_and_described(broker):
    topic, group = broker.topic(), f"g-{uuid.uuid4().hex[:8]}"
    member = broker.consumer(group, client_id="someone")
    member.subscribe([topic])
    wait_until("it has the partition", lambda: member.poll(0.1) or member.assignment())
    listed = {g.id: g for g in broker.admin().list_groups(timeout=10)}
    assert group in listed
    described = broker.admin().list_groups(group, timeout=10)[0]
    assert described.state == "Stable" and len(described.members) == 1, described.state
    assert described.members[0].client_id == "someone"
    member.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
    member.close()
    assert broker.admin().list_groups(group, timeout=10)[0].state == "Empty"


def test_a_group_is_deleted_once_nobody_is_in_it(broker):
    topic, group, admin = broker.topic(), f"g-{uuid.uuid4().hex[:8]}", broker.admin()
    member = broker.consumer(group)
    member.subscribe([topic])
    wait_until("it has the partition", lambda: member.poll(0.1) or member.assignment())
    member.commit(offsets=[TopicPartition(topic, 0, 3)], asynchronous=False)

    def delete(name):
        try:
            admin.delete_consumer_groups([name], request_timeout=10)[name].result()
            return "fine"
        except KafkaException as refused:
            return refused.args[0].name()

    assert delete(group) == "NON_EMPTY_GROUP"
    member.close()
    assert delete(group) == "fine"
    assert delete(group) == "GROUP_ID_NOT_FOUND"
    assert group not in {g.id for g in admin.list_groups(timeout=10)}
    again = broker.consumer(group)
    assert again.committed([TopicPartition(topic, 0)], timeout=10)[0].offset < 0
    again.close()


@needs("own")
def test_members_and_offsets_survive_a_killed_broker(broker):
    topic, group = broker.topic(partitions=4), f"g-{uuid.uuid4().hex[:8]}"
    members = [Member(broker, group, topic, "cooperative-sticky") for _ in range(2)]
    try:
        wait_until("two members share", lambda: shared_out(members, 4), 30)
        broker.send(topic, [(str(i).encode(), b"x", None) for i in range(200)])
        wait_until("all is read", lambda: sum(len(m.read) for m in members) >= 200)
        broker.restart()
        broker.send(topic, [(str(i).encode(), b"x", None) for i in range(200)])
        wait_until("the rest is read", lambda: len({p for m in members for p in m.read}) == 400, 30)
        assert sum(len(m.read) for m in members) <= 402
    finally:
        for member in members:
            member.end()

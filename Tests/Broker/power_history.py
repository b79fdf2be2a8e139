"""Clients that write and remember what they were told when, and what a broker must know of it after a loss of power.

A history outlives several losses: what was found after one is what must be there after the next.
"""

import bisect
import random
import threading
import time

from wire import (Wire, array, batch, batches, fetch, i8, i16, i32, i64, produce, produce_body, producer_id,
                  read_produce, string)

# A loss that takes nothing that was acknowledged; and one that may take all of it.
NOTHING, EVERYTHING = 0, None


def now():
    return time.monotonic_ns()


class Progress:
    """A count of things done in their order: some told to be safe at some moment, some found after a loss."""

    def __init__(self):
        self.found, self.told = 0, []

    def tell(self, count):
        self.told.append((now(), count))

    def required(self, when, lost):
        """How far it must have come at the moment `when`, of which the last `lost` nanoseconds may be missing."""
        if lost is EVERYTHING:
            return self.found
        index = bisect.bisect_right(self.told, (when - lost, float("inf")))
        return max([self.found, *(count for _, count in self.told[:index])])

    def settle(self, count):
        self.found, self.told = count, []


class Writer:
    """An idempotent producer of one partition. Its batches have one to three records; some are longer than a page."""
    WINDOW = 5
    # Where records may go, it is silent for so long that all of them do.
    PAUSE_AFTER_SECONDS, PAUSE_SECONDS = 0.5, 1.4

    def __init__(self, topic, seed, may_go=False, partition=0):
        self.topic, self.partition, self.may_go = topic, partition, may_go
        self.chance, self.progress, self.known = random.Random(seed), Progress(), Progress()
        self.producer, self.epoch, self.sent, self.ends = None, None, [], [0]

    def next(self):
        values = [f"{self.topic} {self.ends[-1] + n} ".encode() + self.chance.randbytes(
            self.chance.choice((20, 20, 100, 600))) for n in range(self.chance.randint(1, 3))]
        if self.chance.random() < 0.05:
            values[0] += self.chance.randbytes(9000)
        self.sent.append(batch(values, self.producer, self.epoch, self.ends[-1]))
        self.ends.append(self.ends[-1] + len(values))

    def run(self, bootstrap, goes_on):
        wire = Wire(bootstrap)
        self.producer, self.epoch = producer_id(wire)
        self.known.tell(1)
        waiting, pause_at = [], time.monotonic() + self.PAUSE_AFTER_SECONDS if self.may_go else float("inf")
        while goes_on() or waiting:
            if time.monotonic() > pause_at and not waiting:
                time.sleep(self.PAUSE_SECONDS)
                pause_at = float("inf")
            while len(waiting) < self.WINDOW and goes_on() and time.monotonic() <= pause_at:
                self.next()
                waiting.append((wire.send("produce", 7, produce_body(self.topic, self.partition, self.sent[-1])),
                                len(self.sent)))
            if not waiting:
                continue
            correlation, count = waiting.pop(0)
            code, offset, _ = read_produce(wire.receive(correlation))
            self.progress.tell(count)
            assert (code, offset) == (0, self.ends[count - 1]), (self.topic, code, offset)
            time.sleep(self.chance.choice((0, 0, 0, 0.01)))

    def check(self, wire, when, lost):
        """All that is there is what was sent, from its first record on; nothing is missing that must be there; and the
        producer goes on where the log does."""
        count = self.check_records(wire, self.progress.required(when, lost))
        self.progress.settle(count)
        self.check_sequence(wire, count)

    def check_records(self, wire, required):
        code, end, start, data = fetch(wire, self.topic, self.partition, self.ends[-1], wait=0)
        assert code in (0, 1), code
        if code == 1:
            _, end, start, _ = fetch(wire, self.topic, self.partition, 0, wait=0)
        assert end in self.ends, f"{self.topic} ends at {end}, which no batch does"
        count = self.ends.index(end)
        assert count >= required, f"{self.topic}: of {required} batches that must be there {count} are"
        assert start == 0 or self.may_go, f"{self.topic} begins at {start}"
        at = start
        while at < end:
            code, _, start, data = fetch(wire, self.topic, self.partition, at, wait=0)
            if code == 1 and start > at:
                at = start
                continue
            assert code == 0, (self.topic, at, code)
            found, position = batches(data), 0
            assert found, f"{self.topic} has nothing at {at}"
            for one in found:
                assert one["intact"] and one["base"] == at, (self.topic, one, at)
                sent = self.sent[self.ends.index(at)]
                # All but offset, times and checksum is as it was sent.
                assert data[position + 43:position + len(sent)] == sent[43:], f"{self.topic} has something else at {at}"
                position += len(sent)
                at += one["count"]
        return count

    def check_sequence(self, wire, count):
        if self.producer is None:
            return
        for index in range(max(0, count - self.WINDOW), count):
            told = self.offset(wire, index)
            assert told == (0, self.ends[index]), f"{self.topic}: batch {index} of {count} a second time gives {told}"
        if self.chance.random() < 0.5:
            # What was lost is not sent again: others take its offsets.
            del self.sent[count:], self.ends[count + 1:]
        more = self.chance.randint(2, 20)
        while len(self.sent) < count + more:
            self.next()
        # Behind one that is missing none is taken; where nothing of the producer is left it is not known.
        told = self.offset(wire, count + 1)[0]
        assert told == (45 if count else 59), f"{self.topic}: {told} for a batch whose predecessor is missing"
        for index in range(count, count + more):
            told = self.offset(wire, index)
            assert told == (0, self.ends[index]), f"{self.topic}: the next batch, {index}, gives {told}"
            self.progress.tell(index + 1)

    def offset(self, wire, index):
        return produce(wire, self.topic, self.partition, self.sent[index])[:2]


class Committer:
    """A group that commits ever later offsets, of all partitions of a topic at once."""

    def __init__(self, group, topic, partitions=1, note_bytes=0):
        self.group, self.topic, self.partitions, self.note_bytes = group, topic, partitions, note_bytes
        self.sent, self.newest, self.progress = 0, 0, Progress()

    def commit(self, wire):
        self.sent += 1
        code = commit(wire, self.group, self.topic, self.sent, self.note(self.sent), self.partitions)
        assert code == 0, code
        self.progress.tell(self.sent)

    def note(self, count):
        return f"all before {count}".ljust(self.note_bytes)

    def run(self, bootstrap, goes_on):
        wire = Wire(bootstrap)
        while goes_on():
            self.commit(wire)
            time.sleep(0.003)

    def check(self, wire, when, lost):
        required = self.progress.required(when, lost)
        sent = max(self.progress.required(when, NOTHING), self.newest) + 1
        places = [committed(wire, self.group, self.topic, partition) for partition in range(self.partitions)]
        for offset, metadata in places:
            found = max(offset, 0)
            assert required <= found <= sent, f"{self.group} is at {offset}, committed {required} … {sent}"
            assert metadata == (self.note(found) if found else ""), metadata
        found = [max(offset, 0) for offset, _ in places]
        self.progress.settle(min(found))
        self.sent = self.newest = max(found)
        self.commit(wire)


class Maker:
    """Makes a topic, writes a record, commits, and deletes the topic: again and again under the same name. A life is
    made, written to, committed for and deleted: four steps."""
    NAME, GROUP, STEPS = "again", "g-again", 4

    def __init__(self):
        self.sent, self.topics, self.contents = 0, Progress(), Progress()

    def run(self, bootstrap, goes_on):
        wire = Wire(bootstrap)
        while goes_on():
            self.step(wire)

    def step(self, wire):
        life, step = divmod(self.sent, self.STEPS)
        self.sent += 1
        if step == 0:
            assert (code := create(wire, self.NAME)) == 0, code
        elif step == 1:
            assert (told := produce(wire, self.NAME, 0, batch([self.life(life)]))[:2]) == (0, 0), told
        elif step == 2:
            assert (code := commit(wire, self.GROUP, self.NAME, 1, f"life {life}")) == 0, code
        else:
            assert (code := delete(wire, self.NAME)) == 0, code
        (self.topics if step in (0, 3) else self.contents).tell(self.sent)

    @staticmethod
    def life(number):
        return f"life {number}".encode()

    def check(self, wire, when, lost):
        """Whether there is a topic depends on no policy; what is in it does, and is of this life alone."""
        certain, likely = self.topics.required(when, NOTHING), self.contents.required(when, lost)
        told = max(certain, self.contents.required(when, NOTHING))
        steps = max(certain, likely)
        life, is_there = steps // self.STEPS, topic_exists(wire, self.NAME)
        possible = {step % self.STEPS > 0 for step in range(steps, told + 2)}
        assert is_there in possible, f"there: {is_there}, after step {steps % self.STEPS} of life {life}"
        if not is_there:
            self.settle(-(-steps // self.STEPS) * self.STEPS)
            self.step(wire)
            assert self.contents_of(wire) == ("", ""), "a new topic knows of one of the same name before it"
            return
        record, commit = self.contents_of(wire)
        begun, name = life * self.STEPS, f"life {life}"
        assert record == name or (record == "" and likely < begun + 2), (record, likely, begun)
        assert commit == name or (commit == "" and likely < begun + 3), (commit, likely, begun)
        self.settle(begun + 3)
        self.contents.settle(begun + (3 if record and commit else 2 if record else 1))
        self.step(wire)

    def contents_of(self, wire):
        """Which life its record tells of, and which what was committed."""
        code, end, _, data = fetch(wire, self.NAME, 0, 0, wait=0)
        assert code == 0 and end in (0, 1), (code, end)
        offset, metadata = committed(wire, self.GROUP, self.NAME)
        assert offset == (1 if metadata else -1), (offset, metadata)
        return data[data.index(b"life"):-1].decode() if end else "", metadata

    def settle(self, steps):
        self.sent = steps
        self.topics.settle(steps)
        self.contents.settle(steps)


class History:
    """All that the clients of one broker did."""

    def __init__(self, seed):
        self.writers = [Writer("plain", seed), Writer("rolled", seed + 1), Writer("short", seed + 2, may_go=True)]
        # One commits so much that the file of offsets is written anew, again and again, while the other commits.
        self.committers = [Committer("g-plain", "plain"), Committer("g-wide", "wide", self.WIDE, note_bytes=4000)]
        self.maker = Maker()
        self.made = Progress()

    WIDE = 16
    # Of each its partitions and settings.
    TOPICS = {"plain": (1, {}), "rolled": (1, {"segment.bytes": "4096"}),
              "short": (1, {"segment.bytes": "4096", "retention.ms": "300"}), "wide": (WIDE, {})}

    def run(self, bootstrap, seconds):
        wire = Wire(bootstrap)
        for count, (name, (partitions, settings)) in enumerate(self.TOPICS.items()):
            assert create(wire, name, settings, partitions) == 0
            self.made.tell(count + 1)
        end, problems = time.monotonic() + seconds, []

        def guarded(client):
            try:
                client.run(bootstrap, lambda: time.monotonic() < end and not problems)
            except Exception as problem:
                problems.append(problem)

        clients = [*self.writers, *self.committers, self.maker]
        threads = [threading.Thread(target=guarded, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            raise problems[0]

    def check(self, bootstrap, when, lost):
        wire = Wire(bootstrap)
        there = sum(topic_exists(wire, name) for name in self.TOPICS)
        required = self.made.required(when, NOTHING)
        assert there >= required, f"{there} topics of {required}"
        self.made.settle(there)
        for count, (name, (partitions, settings)) in list(enumerate(self.TOPICS.items()))[there:]:
            assert create(wire, name, settings, partitions) == 0
            self.made.tell(count + 1)
        given = producer_id(wire)[0]
        for writer in self.writers:
            is_known = writer.known.required(when, NOTHING)
            assert given != writer.producer or not is_known, "a producer's id is given again"
            writer.known.settle(is_known)
        for client in [*self.writers, *self.committers, self.maker]:
            client.check(wire, when, lost)
        wire.close()


def create(wire, name, settings={}, partitions=1):
    told = array([string(setting) + string(value) for setting, value in settings.items()])
    asked = string(name) + i32(partitions) + i16(1) + array([]) + told
    answer = wire.ask("createTopics", 1, array([asked]) + i32(5000) + i8(0))
    (_, code, _), = answer.array(lambda: (answer.string(), answer.i16(), answer.string()))
    return code


def delete(wire, name):
    answer = wire.ask("deleteTopics", 1, array([string(name)]) + i32(5000))
    answer.i32()
    (_, code), = answer.array(lambda: (answer.string(), answer.i16()))
    return code


def topic_exists(wire, name):
    return fetch(wire, name, 0, 0, wait=0)[0] != 3


def commit(wire, group, topic, offset, metadata, partitions=1):
    """-> the first error, or 0"""
    parts = [i32(partition) + i64(offset) + string(metadata) for partition in range(partitions)]
    body = string(group) + i32(-1) + string("") + i64(-1) + array([string(topic) + array(parts)])
    answer = wire.ask("offsetCommit", 2, body)
    ((_, told),) = answer.array(lambda: (answer.string(), answer.array(lambda: (answer.i32(), answer.i16()))))
    return next((code for _, code in told if code), 0)


def committed(wire, group, topic, partition=0):
    """-> (offset, metadata)"""
    answer = wire.ask("offsetFetch", 2, string(group) + array([string(topic) + array([i32(partition)])]))
    ((_, ((_, offset, metadata, _),)),) = answer.array(lambda: (answer.string(), answer.array(
        lambda: (answer.i32(), answer.i64(), answer.string(), answer.i16()))))
    assert answer.i16() == 0
    return offset, metadata

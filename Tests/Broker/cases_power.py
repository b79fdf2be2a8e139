"""What a loss of power takes, under each policy of fsync: for the real process on a disk that remembers what it was
asked to keep (disk_recorder.c, lost_power.py), at moments chosen by chance, and again while it starts over from what
was left."""

import copy
import glob
import os
import random
import shutil
import subprocess
import tempfile

from broker import OwnBroker, needs
from lost_power import Disk, journal
from power_history import EVERYTHING, NOTHING, History, create
from wire import Wire, batch, produce

HERE = os.path.dirname(os.path.abspath(__file__))
RUN_SECONDS = 2.5
LOSSES = 10
# Losses one after another, each in the life that begins with the one before.
LIVES = 2
# Changes of the disk.
SHORTLY = 6
# What an fsync of the disk that is played takes.
SYNC_MICROSECONDS = 1000
INTERVAL_MILLISECONDS = 150
# Behind the interval: until the disk has what it was asked for before, and what is asked for then.
MARGIN_MILLISECONDS = 250
# On a machine that has more to do, so many times the longest that an fsync took.
SLOWEST_TIMES = 5
MILLISECOND = 1_000_000
# What may be lost under each policy: of the last nanoseconds before the loss, where no fsync took longer than that.
LOST = {
    "every": lambda slowest: NOTHING,
    "interval": lambda slowest: (
        (INTERVAL_MILLISECONDS + MARGIN_MILLISECONDS) * MILLISECOND + SLOWEST_TIMES * slowest),
    "never": lambda slowest: EVERYTHING,
}


class RecordedBroker(OwnBroker):
    """Its data folder is on a disk whose changes are written down."""

    def __init__(self, binary, folder, recorder, policy):
        self.recorder, self.policy, self.disk, self.journal = recorder, policy, f"{folder}/disk", f"{folder}/journal"
        os.makedirs(self.disk, exist_ok=True)
        self.before = Disk(self.disk)
        super().__init__(binary, folder)

    def start(self, **environment):
        self.data = f"{self.disk}/data"
        super().start(
            SWITCHBOARD_FSYNC=self.policy, SWITCHBOARD_FSYNC_INTERVAL=f"{INTERVAL_MILLISECONDS}ms",
            SWITCHBOARD_LOG_LEVEL="warning", LD_PRELOAD=self.recorder, DISK_ROOT=self.disk, DISK_JOURNAL=self.journal,
            DISK_SYNC_MICROSECONDS=str(SYNC_MICROSECONDS))

    def losses(self, count, chance):
        """Ends it. -> for so many moments of its life, when that was, how long an fsync had taken at most until then,
        and how to put into a folder what the disk has left if the power went then: a part of what was not synced, and
        once in four times nothing of it."""
        self.kill()
        entries, disk = journal(self.journal), self.before
        moments, when, slowest, since = self.moments(entries, count, chance), 0, 0, {}
        for index, entry in enumerate(entries):
            disk.play(entry)
            # A thread may have been held up between looking at the clock and writing.
            when = max(when, entry.when)
            if entry.what == "S":
                since[entry.descriptor] = entry.when
            elif entry.what == "E":
                slowest = max(slowest, entry.when - since.pop(entry.descriptor))
            if index in moments:
                yield when, slowest, lambda folder: disk.leave(folder, chance if chance.random() < 0.75 else None)
        disk.check()


    @staticmethod
    def moments(entries, count, chance):
        """Half of them are any; the others are those shortly after a file was put in the place of another, of which
        there are few, with each such file as often as the others."""
        found = set(chance.sample(range(len(entries)), count - count // 2))
        by_file = {}
        for index, entry in enumerate(entries):
            if entry.what == "R":
                by_file.setdefault(entry.data.decode().split("\n")[1], []).append(index)
        while len(found) < count:
            at = chance.choice(by_file[chance.choice(sorted(by_file))]) + chance.randint(0, SHORTLY)
            found.add(min(at, len(entries) - 1))
        return found


def lose_power(binary, policy, promised, seed, losses):
    """A broker under load loses power at many moments; each time another starts over from what is left, and loses power
    itself while it starts or is asked."""
    chance, lost = random.Random(seed), LOST[promised]
    with tempfile.TemporaryDirectory(prefix="broker-power-") as folder:
        recorder = compiled_recorder(folder)
        broker = RecordedBroker(binary, new_folder(folder, "first"), recorder, policy)
        history = History(seed)
        history.run(broker.bootstrap, RUN_SECONDS)
        for number, (when, slowest, leave) in enumerate(broker.losses(losses, chance)):
            then = copy.deepcopy(history)
            for life in range(LIVES):
                place = new_folder(folder, f"{number}-{life}")
                leave(f"{place}/disk")
                again = RecordedBroker(binary, place, recorder, policy)
                try:
                    then.check(again.bootstrap, when, lost(slowest))
                except Exception as problem:
                    raise AssertionError(f"seed {seed}, loss {number}, life {life}: {problem}") from problem
                finally:
                    again.kill()
                when, slowest, leave = next(again.losses(1, chance))


def compiled_recorder(folder):
    path = f"{folder}/recorder.so"
    # Swift brings a compiler of C where the system has none.
    compiler = shutil.which("cc") or "clang"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", path, f"{HERE}/disk_recorder.c"], check=True)
    return path


def new_folder(parent, name):
    os.mkdir(f"{parent}/{name}")
    return f"{parent}/{name}"


@needs("own")
def test_a_loss_of_power_takes_nothing_that_was_acknowledged_with_every_batch_on_the_disk_first(broker):
    lose_power(broker.binary, "every", "every", random.randrange(1 << 32), LOSSES)


@needs("own")
def test_a_loss_of_power_takes_what_is_younger_than_the_interval_at_most(broker):
    lose_power(broker.binary, "interval", "interval", random.randrange(1 << 32), LOSSES)


@needs("own")
def test_a_loss_of_power_leaves_a_beginning_where_nothing_was_synced(broker):
    lose_power(broker.binary, "never", "never", random.randrange(1 << 32), LOSSES)


@needs("own")
def test_a_broker_that_syncs_less_than_it_says_is_found_out_by_a_loss_of_power(broker):
    for policy, promised in [("never", "every"), ("never", "interval"), ("interval", "every")]:
        try:
            lose_power(broker.binary, policy, promised, random.randrange(1 << 32), LOSSES)
        except AssertionError as found:
            assert "must be there" in str(found) or "committed" in str(found), found
        else:
            raise AssertionError(f"nobody noticed that {policy} is not {promised}")


@needs("own")
def test_a_file_that_was_set_aside_does_not_come_back_when_power_is_lost(broker):
    with tempfile.TemporaryDirectory(prefix="broker-power-") as folder:
        recorder = compiled_recorder(folder)
        first = RecordedBroker(broker.binary, new_folder(folder, "first"), recorder, "never")
        wire, size = Wire(first.bootstrap), 400
        assert create(wire, "t", {"segment.bytes": "1024"}) == 0
        sent = [batch([f"{number:0{size}}".encode()]) for number in range(8)]
        assert [produce(wire, "t", 0, data)[:2] for data in sent] == [(0, number) for number in range(8)]
        first.kill()
        # The second of four files loses its last batch, so that the third and the fourth follow nothing.
        files = sorted(glob.glob(f"{first.data}/partitions/t-0/*.log"))
        os.truncate(files[1], os.path.getsize(files[1]) // 2)
        place = new_folder(folder, "second")
        shutil.copytree(first.disk, f"{place}/disk")
        second = RecordedBroker(broker.binary, place, recorder, "never")
        wire = Wire(second.bootstrap)
        assert produce(wire, "t", 0, batch([b"another"]))[:2] == (0, 3)
        second.kill()
        for entry in journal(second.journal):
            second.before.play(entry)
        # All that was written is on the disk; names are if someone saw to that.
        _, _, partition = second.before.find(f"{second.data}/partitions/t-0")
        assert sorted(name for name in partition.certain if name.endswith(".log")) == [
            os.path.basename(path) for path in files[:2]], partition.certain

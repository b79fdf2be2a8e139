"""The broker under trial, and what every case needs of it."""

import os
import resource
import signal
import socket
import subprocess
import time
import uuid

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

QUIET = {"log_level": 0, "socket.nagle.disable": True}


def needs(*what):
    """Marks a case: `own` a broker that may be killed and looked into, `java` Kafka's own tools,
    `driver` ours, `single` a broker of one node, `disk` a disk of its own that may be full."""
    def mark(function):
        function.needs = what
        return function
    return mark


def wait_until(what, condition, seconds=15):
    end = time.time() + seconds
    while time.time() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"never came true in {seconds} s: {what}")


class ForeignBroker:
    is_own = False
    # switchboard-load, if it is to be a client.
    driver = None

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    @property
    def addresses(self):
        """One for each node; the protocol by hand speaks to the first alone, so that one leads and coordinates what is tried."""
        return self.bootstrap.split(",")

    def lacks(self, wanted):
        if "own" in wanted and not self.is_own:
            return "only with --broker-binary"
        if "disk" in wanted and not SmallDiskBroker.is_possible():
            return "no disk of its own can be mounted here; a limit on files stands for it"
        if "single" in wanted and len(self.addresses) > 1:
            return "the other nodes would lead clients past what stands between"
        if "java" in wanted and not os.environ.get("KAFKA_HOME"):
            return "KAFKA_HOME is not set"
        if "driver" in wanted and not self.driver:
            return "only with --driver"
        return None

    def stop(self):
        pass

    # what cases ask for

    def admin(self):
        return AdminClient({"bootstrap.servers": self.bootstrap, **QUIET})

    def topic(self, partitions=1, **config):
        """A new topic with append times, as all have on the embedded log."""
        name = f"t-{uuid.uuid4().hex[:12]}"
        settings = {"message.timestamp.type": "LogAppendTime"}
        settings.update({key.replace("_", "."): str(value) for key, value in config.items()})
        copies = list(range(1, len(self.addresses) + 1))
        placed = {"replica_assignment": [copies] * partitions} if len(copies) > 1 else {"replication_factor": 1}
        new = NewTopic(name, num_partitions=partitions, config=settings, **placed)
        admin = self.admin()  # A client must outlive what it was asked.
        admin.create_topics([new])[name].result(15)
        self.await_partitions(name, partitions)
        return name

    def await_partitions(self, topic, count):
        """A broker of several parts answers for a new topic before its partitions take records."""
        consumer = self.consumer()
        try:
            for partition in range(count):
                self.await_end(consumer, TopicPartition(topic, partition), time.time() + 15)
        finally:
            consumer.close()

    @staticmethod
    def await_end(consumer, place, deadline):
        while True:
            try:
                return consumer.get_watermark_offsets(place, timeout=5)
            except KafkaException:
                if time.time() > deadline:
                    raise

    def producer(self, **config):
        settings = {"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "linger.ms": 0, **QUIET}
        settings.update({key.replace("_", "."): value for key, value in config.items()})
        return Producer(settings)

    def consumer(self, group=None, **config):
        settings = {
            "bootstrap.servers": self.bootstrap, "group.id": group or f"g-{uuid.uuid4().hex[:8]}",
            "auto.offset.reset": "earliest", "enable.auto.commit": False, "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 500, **QUIET,
        }
        settings.update({key.replace("_", "."): value for key, value in config.items()})
        return Consumer(settings)

    def send(self, topic, values, **config):
        """Sends all and waits for all acknowledgements. -> offsets in the order of the values"""
        producer, offsets, problems = self.producer(**config), {}, []

        def delivered(index):
            def note(error, message):
                if error:
                    problems.append(error)
                else:
                    offsets[index] = (message.partition(), message.offset())
            return note

        for index, value in enumerate(values):
            key, value, headers = value if isinstance(value, tuple) else (None, value, None)
            producer.produce(topic, value, key=key, headers=headers, on_delivery=delivered(index))
            producer.poll(0)
        producer.flush(30)
        assert not problems, problems[:3]
        assert len(offsets) == len(values), f"{len(offsets)} of {len(values)} acknowledged"
        return [offsets[index] for index in range(len(values))]

    def read(self, topic, count, group=None, seconds=20, consumer=None, **config):
        """Reads `count` messages from the start, or from what the group committed."""
        own = consumer is None
        if own:
            consumer = self.consumer(group, **config)
            consumer.subscribe([topic])
        messages, end = [], time.time() + seconds
        while len(messages) < count and time.time() < end:
            message = consumer.poll(0.2)
            if message is not None:
                assert message.error() is None, message.error()
                messages.append(message)
        if own:
            consumer.close()
        assert len(messages) == count, f"{len(messages)} of {count} read"
        return messages


class OwnBroker(ForeignBroker):
    is_own = True

    def __init__(self, binary, folder):
        self.binary, self.folder = os.path.abspath(binary), folder
        self.log = open(f"{folder}/broker.log", "ab")
        self.data = f"{folder}/data"
        self.port = 0
        self.process = None
        self.start()

    def start(self, **environment):
        settings = {
            "PATH": os.environ["PATH"], "SWITCHBOARD_DATA": self.data, "SWITCHBOARD_LISTEN": f"127.0.0.1:{self.port}",
            "SWITCHBOARD_LOG_LEVEL": "debug", **environment,
        }
        port_file = self.seen_by_broker(f"{self.data}/port")
        if os.path.exists(port_file):
            os.remove(port_file)
        # Python ignores SIGXFSZ; the broker inherits that, so that a limit on its files is an error and not its end.
        self.process = subprocess.Popen(self.command(), env=settings, stderr=self.log, restore_signals=False)
        wait_until("the broker listens", lambda: self.listens(port_file))
        self.bootstrap = f"127.0.0.1:{self.port}"

    def listens(self, port_file):
        """It has told its port, or answers where it was told to listen: a full disk takes no file with a port."""
        assert self.process.poll() is None, f"the broker ended with {self.process.returncode}"
        if os.path.exists(port_file) and (told := open(port_file).read()):
            self.port = int(told)
        if not self.port:
            return False
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def command(self):
        return [self.binary]

    def seen_by_broker(self, path):
        return path

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self, **environment):
        self.kill()
        self.start(**environment)

    def limit_files(self, byte_count):
        """Lets no file grow beyond so many bytes: as near to a full disk as one gets without one."""
        hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)[1]
        limit = resource.RLIM_INFINITY if byte_count is None else byte_count
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (limit, hard))

    def forget_log(self):
        """The limit holds for it too."""
        os.truncate(f"{self.folder}/broker.log", 0)

    def log_lines(self):
        self.log.flush()
        return open(f"{self.folder}/broker.log").read().splitlines()

    def resident_bytes(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(15)
        assert code == 0, f"the broker ended with {code}"


class SmallDiskBroker(OwnBroker):
    """Its data are on a disk of its own that is soon full, and stays when the broker is killed; it goes with `stop`."""

    def __init__(self, binary, folder, byte_count):
        self.disk = f"{folder}/data"
        os.makedirs(self.disk)
        mount = f"mount -t tmpfs -o size={byte_count} tmpfs '{self.disk}' && echo there && exec sleep infinity"
        self.holder = subprocess.Popen(["unshare", "-rm", "sh", "-c", mount], stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"there\n"
        super().__init__(binary, folder)

    @staticmethod
    def is_possible():
        """Whether this system lets us mount one where nobody else sees it."""
        mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        return subprocess.run(mount, capture_output=True).returncode == 0

    def command(self):
        return ["nsenter", "-t", str(self.holder.pid), "-U", "-m", "--preserve-credentials", self.binary]

    def seen_by_broker(self, path):
        return f"/proc/{self.holder.pid}/root{path}"

    def fill(self, leaving=0):
        """Takes all room but so much, by a file; -> what gives it back."""
        path = self.seen_by_broker(f"{self.data}/ballast")
        room = os.statvfs(self.seen_by_broker(self.data))
        with open(path, "ab", buffering=0) as file:
            try:
                while (left := room.f_bavail * room.f_frsize - leaving) > 0:
                    file.write(b"\0" * min(left, 65536))
                    room = os.statvfs(self.seen_by_broker(self.data))
            except OSError:
                pass
        return lambda: os.remove(path)

    def stop(self):
        try:
            super().stop()
        finally:
            self.holder.kill()
            self.holder.wait()

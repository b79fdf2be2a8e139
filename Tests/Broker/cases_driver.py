"""Our own driver as a client, in processes of its own (`switchboard-load log`): its records are the ones that come out. More
of it, on both brokers too, is in Tests/IntegrationTests."""

import json
import select
import struct
import subprocess
import time
import uuid

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, TopicPartition

from broker import needs
from cases_durability import Cutter


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
    broker.bootstrap = f"{cutter.host}:{cutter.port}"
    try:
        written = Driver(broker, "produce", topic, 2000, 6000).report()["acknowledged"]
        assert written["count"] == 6000 and cutter.cuts > 4, (written, cutter.cuts)
    finally:
        broker.bootstrap = direct
        cutter.close()
    assert numbers(broker.read(topic, 6000)) == list(range(6000))
    consumer = broker.consumer()
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10) == (0, 6000)
    consumer.close()

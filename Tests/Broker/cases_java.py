"""Kafka's own client and tools, in Java: an independent judge."""

import json
import subprocess
import threading
import uuid
from pathlib import Path

from broker import needs, wait_until
from cases_groups import Member

TOOL = str(Path(__file__).resolve().parents[2] / "Deploy/Local/kafka-tool")


def tool(name, *arguments, text=None, seconds=60):
    done = subprocess.run([TOOL, name, *arguments], input=text, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{name}: {done.stdout[-1500:]} {done.stderr[-1500:]}"
    return done.stdout


@needs("java")
def test_java_makes_describes_and_lists_topics(broker):
    topic = f"j-{uuid.uuid4().hex[:8]}"
    at = ("--bootstrap-server", broker.bootstrap)
    tool("kafka-topics", *at, "--create", "--topic", topic, "--partitions", "3", "--config", "retention.ms=3600000")
    described = tool("kafka-topics", *at, "--describe", "--topic", topic)
    assert "PartitionCount: 3" in described and "retention.ms=3600000" in described, described
    assert topic in tool("kafka-topics", *at, "--list").split()
    tool("kafka-topics", *at, "--delete", "--topic", topic)
    assert topic not in tool("kafka-topics", *at, "--list").split()


@needs("java")
def test_java_writes_and_reads(broker):
    topic = broker.topic(partitions=2)
    at = ("--bootstrap-server", broker.bootstrap, "--topic", topic)
    lines = [f"k{i}:v{i}" for i in range(500)]
    tool("kafka-console-producer", *at, "--property", "parse.key=true", "--property", "key.separator=:",
         text="\n".join(lines) + "\n")
    read = tool("kafka-console-consumer", *at, "--from-beginning", "--max-messages", "500", "--timeout-ms", "20000",
                "--property", "print.key=true", "--property", "key.separator=:")
    assert sorted(read.split()) == sorted(lines)
    ends = tool("kafka-get-offsets", "--bootstrap-server", broker.bootstrap, "--topic", topic).split()
    assert sum(int(line.split(":")[2]) for line in ends) == 500, ends


@needs("java")
def test_java_verifies_that_what_is_acknowledged_is_consumed(broker):
    topic = broker.topic(partitions=4)
    group = f"g-{uuid.uuid4().hex[:8]}"
    out = tool("kafka-verifiable-producer", "--bootstrap-server", broker.bootstrap, "--topic", topic,
               "--max-messages", "3000", "--acks", "-1")
    sent = [json.loads(line) for line in out.splitlines() if '"producer_send_success"' in line]
    assert len(sent) == 3000
    out = tool("kafka-verifiable-consumer", "--bootstrap-server", broker.bootstrap, "--topic", topic,
               "--group-id", group, "--max-messages", "3000", "--reset-policy", "earliest", "--verbose")
    read = [json.loads(line) for line in out.splitlines() if '"record_data"' in line]
    assert sorted(int(r["value"]) for r in read) == list(range(3000))
    lag = tool("kafka-consumer-groups", "--bootstrap-server", broker.bootstrap, "--describe", "--group", group)
    rows = [line.split() for line in lag.splitlines() if topic in line]
    assert sum(int(row[3]) for row in rows) == 3000 and all(row[5] == "0" for row in rows), lag
    tool("kafka-consumer-groups", "--bootstrap-server", broker.bootstrap, "--delete", "--group", group)
    assert group not in tool("kafka-consumer-groups", "--bootstrap-server", broker.bootstrap, "--list").split()


@needs("java")
def test_java_shares_a_group_with_librdkafka(broker):
    topic, group = broker.topic(partitions=4), f"g-{uuid.uuid4().hex[:8]}"
    mine = Member(broker, group, topic, "range")
    theirs = subprocess.Popen(
        [TOOL, "kafka-verifiable-consumer", "--bootstrap-server", broker.bootstrap,
         "--topic", topic, "--group-id", group, "--reset-policy", "earliest", "--session-timeout", "6000", "--verbose",
         "--assignment-strategy", "org.apache.kafka.clients.consumer.RangeAssignor"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        lines = []
        threading.Thread(target=lambda: lines.extend(theirs.stdout), daemon=True).start()
        wait_until("they share", lambda: len(mine.held) == 2, 60)
        broker.send(topic, [(str(i).encode(), f"v{i}".encode(), None) for i in range(400)])

        def read():
            return len(mine.read), len([line for line in list(lines) if '"record_data"' in line])

        wait_until("all is read", lambda: sum(read()) >= 400, 30)
        assert sum(read()) == 400 and all(read()), read()
    finally:
        mine.end()
        theirs.terminate()
        theirs.wait()

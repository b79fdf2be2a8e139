"""Kafka's own client and tools, in Java: an independent judge."""

import json
import os
import subprocess
import threading
import uuid

from broker import needs


def tool(name, *arguments, text=None, seconds=60):
    command = [f"{os.environ['KAFKA_HOME']}/bin/tool", name, *arguments]
    if not os.path.exists(command[0]):
        command = [f"{os.environ['KAFKA_HOME']}/bin/{name}.sh", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=seconds)
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


@needs("java")
def test_java_shares_a_group_with_librdkafka(broker):
    topic = broker.topic(partitions=4)
    group = f"g-{uuid.uuid4().hex[:8]}"
    mine = broker.consumer(group, partition_assignment_strategy="range")
    mine.subscribe([topic])
    got, done = [], threading.Event()

    def poll():
        while not done.is_set():
            message = mine.poll(0.1)
            if message is not None and not message.error():
                got.append(message.value())
        mine.close()

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        out = []
        java = threading.Thread(target=lambda: out.append(tool(
            "kafka-console-consumer", "--bootstrap-server", broker.bootstrap, "--topic", topic, "--group", group,
            "--timeout-ms", "12000", "--consumer-property", "session.timeout.ms=6000", "--consumer-property",
            "partition.assignment.strategy=org.apache.kafka.clients.consumer.RangeAssignor")))
        java.start()
        for _ in range(60):
            if len(mine.assignment()) == 2:
                break
            java.join(0.2)
        assert len(mine.assignment()) == 2, mine.assignment()
        broker.send(topic, [(str(i).encode(), f"v{i}".encode(), None) for i in range(400)])
        java.join(40)
        theirs = out[0].split()
        assert theirs and got and len(theirs) + len(got) == 400, (len(theirs), len(got))
    finally:
        done.set()
        thread.join()

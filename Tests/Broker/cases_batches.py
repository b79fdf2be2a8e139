"""The protocol by hand: batches, producers, and fetches that wait."""

import time

from broker import needs
from cases_protocol import advertised, versions
from wire import (Wire, array, batch, batches, blob, fetch, fetch_body, i16, i32, produce, producer_id, read_fetch,
                  string)


def test_a_repeated_batch_is_answered_with_its_first_offset(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    producer, epoch = producer_id(wire)
    sent = [batch([b"x"] * 3, producer, epoch, sequence) for sequence in (0, 3, 6, 9, 12)]
    first = [produce(wire, topic, 0, data) for data in sent]
    assert [place[:2] for place in first] == [(0, 0), (0, 3), (0, 6), (0, 9), (0, 12)]
    again = [produce(wire, topic, 0, data) for data in sent]
    assert [place[:2] for place in again] == [place[:2] for place in first]
    assert fetch(wire, topic, 0, 0)[1] == 15


def test_a_lost_answer_and_its_retry_give_one_record(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    producer, epoch = producer_id(wire)
    for sequence in range(10):
        lost = Wire(broker.bootstrap)
        body = string(None) + i16(-1) + i32(5000) + array([string(topic) + array(
            [i32(0) + blob(batch([b"x"], producer, epoch, sequence))])])
        lost.send("produce", 7, body)
        if sequence % 2:
            lost.exactly(1)  # It was written; the rest of the answer is lost.
        lost.close()
        again = Wire(broker.bootstrap)
        assert produce(again, topic, 0, batch([b"x"], producer, epoch, sequence))[:2] == (0, sequence)
        again.close()
    assert sum(b["count"] for b in batches(fetch(wire, topic, 0, 0)[3])) == 10


def test_a_gap_an_old_epoch_and_a_new_epoch(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    producer, epoch = producer_id(wire)
    assert produce(wire, topic, 0, batch([b"x"], producer, 1, 0))[0] == 0
    assert produce(wire, topic, 0, batch([b"x"], producer, 1, 2))[0] == 45
    assert produce(wire, topic, 0, batch([b"x"], producer, 0, 1))[0] == 47
    assert produce(wire, topic, 0, batch([b"x"], producer, 2, 5))[0] == 45
    assert produce(wire, topic, 0, batch([b"x"], producer, 2, 0))[0] == 0
    assert fetch(wire, topic, 0, 0)[1] == 2


@needs("own")
def test_an_unknown_producer_must_start_at_its_first_sequence(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    producer, epoch = producer_id(wire)
    assert produce(wire, topic, 0, batch([b"x"], producer, epoch, 4))[0] == 59
    assert produce(wire, topic, 0, batch([b"x"], producer, epoch, 0))[0] == 0


def test_sequences_go_round(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    producer, epoch = producer_id(wire)
    if broker.is_own:
        # It takes no producer that begins in the middle, and does not count the records of a batch.
        assert produce(wire, topic, 0, batch([b"x"], producer, epoch, 0, count=2**31 - 1))[0] == 0
    else:
        assert produce(wire, topic, 0, batch([b"x"], producer, epoch, 2**31 - 2))[0] == 0
    assert produce(wire, topic, 0, batch([b"x"], producer, epoch, 0))[0] == 45
    assert produce(wire, topic, 0, batch([b"x"] * 3, producer, epoch, 2**31 - 1))[0] == 0
    assert produce(wire, topic, 0, batch([b"x"], producer, epoch, 2))[0] == 0
    assert produce(wire, topic, 0, batch([b"x"], producer, epoch, 2**31 - 1))[0] in (45, 46)


def test_producer_ids_are_given_once(broker):
    wire = Wire(broker.bootstrap)
    asked = versions(broker, "initProducerId")
    ids = [producer_id(wire, version)[0] for version in asked for _ in range(25)]
    assert len(set(ids)) == len(ids) >= 50


def test_batches_that_are_none_are_refused_and_the_connection_goes_on(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    good = batch([b"value"])
    flipped = good[:-1] + bytes([good[-1] ^ 1])
    for bad, codes in [(flipped, (2,)), (good[:40], (2, 87)), (good[:-1], (2, 87)), (good + good, (87,)),
                       (batch([b"x"], attributes=0x20), (87,))]:
        code = produce(wire, topic, 0, bad)[0]
        assert code in codes, (bad, code, codes)
    assert produce(wire, topic, 0, good)[:2] == (0, 0)
    assert produce(wire, topic, 9, good)[0] == 3


def test_acks_of_none_are_not_answered_and_of_nonsense_refused(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    body = string(None) + i16(0) + i32(1000) + array([string(topic) + array([i32(0) + blob(batch([b"x"]))])])
    wire.send("produce", 7, body)
    assert advertised(wire)
    assert fetch(wire, topic, 0, 0, wait=2000)[1] == 1
    assert produce(wire, topic, 0, batch([b"x"]), acks=5)[0] == 21


# Waiting


def test_a_fetch_waits_and_a_produce_wakes_it(broker):
    topic, reader, writer = broker.topic(), Wire(broker.bootstrap), Wire(broker.bootstrap)
    produce(writer, topic, 0, batch([b"first"]))
    waits = []
    for index in range(1, 6):
        asked = reader.send("fetch", 11, fetch_body(topic, 0, index, wait=8000))
        time.sleep(0.1)
        start = time.time()
        produce(writer, topic, 0, batch([b"next"]))
        code, _, _, records = read_fetch(reader.receive(asked))
        waits.append(time.time() - start)
        assert code == 0 and batches(records)[0]["base"] == index
    assert sorted(waits)[2] < 0.1, waits


def test_a_fetch_waits_for_the_least_it_wants(broker):
    topic, reader, writer = broker.topic(), Wire(broker.bootstrap), Wire(broker.bootstrap)
    asked = reader.send("fetch", 11, fetch_body(topic, 0, 0, wait=8000, least=3000))
    start = time.time()
    for _ in range(4):
        produce(writer, topic, 0, batch([b"x" * 1000]))
        time.sleep(0.05)
    records = read_fetch(reader.receive(asked))[3]
    assert len(records) >= 3000 and time.time() - start < 4, len(records)
    asked = reader.send("fetch", 11, fetch_body(topic, 0, 4, wait=400, least=3000))
    start = time.time()
    assert read_fetch(reader.receive(asked))[3] == b"" and 0.3 < time.time() - start < 2


def test_a_fetch_gives_a_batch_that_is_longer_than_it_may_be(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    for _ in range(3):
        produce(wire, topic, 0, batch([b"x" * 50_000]))
    assert [b["base"] for b in batches(fetch(wire, topic, 0, 1, most=100)[3])][:1] == [1]


def test_a_request_that_comes_together_with_one_for_much_is_answered(broker):
    topic, writer = broker.topic(), Wire(broker.bootstrap)
    for size in (100_000, 100_000, 100_000, 300_000, 600_000):
        assert produce(writer, topic, 0, batch([b"x" * size]))[0] == 0
    for most in (350_000, 700_000, 1 << 20) * 5:
        wire, held = Wire(broker.bootstrap, timeout=5), []
        wire.send_raw = held.append
        asked = [wire.send("fetch", 11, fetch_body(topic, 0, 0, most=most)), wire.send("findCoordinator", 0, string("g"))]
        wire.socket.sendall(b"".join(held))
        for correlation in asked:
            wire.receive(correlation)
        wire.close()


def test_answers_come_in_the_order_of_the_requests(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    asked = [wire.send("fetch", 11, fetch_body(topic, 0, 0, wait=300))]
    asked += [wire.send("metadata", 0, array([topic], string)) for _ in range(20)]
    asked += [wire.send("produce", 7, string(None) + i16(-1) + i32(1000) + array(
        [string(topic) + array([i32(0) + blob(batch([b"x"]))])])) for _ in range(20)]
    asked += [wire.send("fetch", 11, fetch_body(topic, 0, 0)), wire.send("metadata", 0, array([topic], string))]
    for correlation in asked:
        wire.receive(correlation)

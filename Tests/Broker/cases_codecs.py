"""What a broker does with batches that their producers have compressed: it keeps them as they came."""

import gzip

from wire import Wire, batch, batches, fetch, produce

# The number of each codec in a batch's attributes.
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def test_each_codec_stays_what_its_producer_chose(broker):
    wire = Wire(broker.bootstrap)
    for codec, number in CODECS.items():
        topic = broker.topic()
        broker.send(topic, [f"{codec} {i} ".encode() * 60 for i in range(100)], compression_type=codec, linger_ms=50)
        code, mark, _, records = fetch(wire, topic, 0, 0)
        found = batches(records)
        assert (code, mark) == (0, 100) and sum(b["count"] for b in found) == 100
        assert all(b["intact"] and b["attributes"] & 7 == number for b in found), (codec, found)
        assert (len(records) > 40_000) == (codec == "none"), (codec, len(records))


def test_compressed_records_are_kept_to_the_last_byte(broker):
    topic, wire = broker.topic(), Wire(broker.bootstrap)
    sent = batch([b"one", b"two", b"three"], attributes=CODECS["gzip"], pack=gzip.compress)
    assert produce(wire, topic, 0, sent)[:2] == (0, 0)
    kept = fetch(wire, topic, 0, 0)[3]
    assert kept[61:] == sent[61:] and len(kept) == len(sent)
    assert [m.value() for m in broker.read(topic, 3)] == [b"one", b"two", b"three"]


def test_readers_of_several_codecs_in_one_partition_get_all_in_order(broker):
    topic, values = broker.topic(), []
    for index, codec in enumerate(list(CODECS) * 3):
        part = [f"{index} {codec} {i}".encode() for i in range(40)]
        broker.send(topic, part, compression_type=codec, linger_ms=20)
        values += part
    assert [m.value() for m in broker.read(topic, len(values))] == values

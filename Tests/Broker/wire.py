"""The protocol by hand: requests of every version, answers read to their last byte, batches made bit by bit.

It shares no code with any client or broker, so that what they agree on wrongly is noticed here.
"""

import socket
import struct

NAMES = {
    "produce": 0, "fetch": 1, "listOffsets": 2, "metadata": 3, "offsetCommit": 8, "offsetFetch": 9,
    "findCoordinator": 10, "joinGroup": 11, "heartbeat": 12, "leaveGroup": 13, "syncGroup": 14,
    "describeGroups": 15, "listGroups": 16, "apiVersions": 18, "createTopics": 19, "deleteTopics": 20,
    "initProducerId": 22, "describeConfigs": 32, "createPartitions": 37, "deleteGroups": 42,
}


def i8(v): return struct.pack(">b", v)
def i16(v): return struct.pack(">h", v)
def i32(v): return struct.pack(">i", v)
def i64(v): return struct.pack(">q", v)


def string(text):
    if text is None:
        return i16(-1)
    data = text.encode()
    return i16(len(data)) + data


def blob(data):
    return i32(-1) if data is None else i32(len(data)) + data


def array(items, encode=lambda item: item):
    return i32(-1) if items is None else i32(len(items)) + b"".join(encode(item) for item in items)


class Answer:
    """Reads an answer; `end` says that nothing is left over."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "the answer ends early"
        self.at += count
        return self.data[self.at - count:self.at]

    def i8(self): return struct.unpack(">b", self.take(1))[0]
    def i16(self): return struct.unpack(">h", self.take(2))[0]
    def i32(self): return struct.unpack(">i", self.take(4))[0]
    def i64(self): return struct.unpack(">q", self.take(8))[0]

    def string(self):
        count = self.i16()
        return None if count < 0 else self.take(count).decode()

    def blob(self):
        count = self.i32()
        return None if count < 0 else self.take(count)

    def array(self, item):
        count = self.i32()
        return None if count < 0 else [item() for _ in range(count)]

    def end(self):
        assert self.at == len(self.data), f"{len(self.data) - self.at} bytes left over"


class Wire:
    """One connection, to the first of several nodes; requests may be sent before the answers of earlier ones are read."""

    def __init__(self, bootstrap, timeout=10):
        host, port = bootstrap.split(",")[0].rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.correlation = 0

    def send(self, api, version, body, client="wire"):
        self.correlation += 1
        head = i16(NAMES.get(api, api)) + i16(version) + i32(self.correlation) + string(client)
        if api == "apiVersions" and version >= 3:
            head += b"\0"
        self.send_raw(blob(head + body))
        return self.correlation

    def send_raw(self, data):
        self.socket.sendall(data)

    def receive(self, correlation=None):
        size = struct.unpack(">i", self.exactly(4))[0]
        answer = Answer(self.exactly(size))
        got = answer.i32()
        assert correlation is None or got == correlation, f"answer {got} came before {correlation}"
        return answer

    def ask(self, api, version, body=b""):
        return self.receive(self.send(api, version, body))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("closed by the broker")
            data += piece
        return data

    def is_closed(self):
        """Waits until the broker has closed it, or the time is over."""
        try:
            while self.socket.recv(65536):
                pass
            return True
        except (ConnectionError, BrokenPipeError):
            return True
        except TimeoutError:
            return False

    def close(self):
        self.socket.close()


TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = (_byte >> 1) ^ 0x82F63B78 if _byte & 1 else _byte >> 1
    TABLE.append(_byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def record(index, value):
    body = b"\0" + varint(0) + varint(index) + varint(-1) + varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def batch(values, producer=-1, epoch=-1, sequence=-1, attributes=0, count=None, pack=lambda records: records):
    records = pack(b"".join(record(index, value) for index, value in enumerate(values)))
    last = (len(values) if count is None else count) - 1
    body = (i16(attributes) + i32(last) + i64(1) + i64(1) + i64(producer) + i16(epoch) + i32(sequence)
            + i32(last + 1) + records)
    return i64(0) + i32(9 + len(body)) + i32(-1) + b"\2" + struct.pack(">I", crc32c(body)) + body


def batches(data):
    """The batches in a fetched blob: first offset, attributes, last time, count and whether the checksum is right."""
    found, at = [], 0
    while at + 61 <= len(data):
        base, length = struct.unpack(">qi", data[at:at + 12])
        crc, attributes, last = struct.unpack(">Ihi", data[at + 17:at + 27])
        time = struct.unpack(">q", data[at + 35:at + 43])[0]
        end = at + 12 + length
        found.append({"base": base, "attributes": attributes, "time": time, "count": last + 1,
                      "intact": end <= len(data) and crc32c(data[at + 21:end]) == crc})
        at = end
    return found


def produce_body(topic, partition, data, acks=-1):
    return string(None) + i16(acks) + i32(5000) + array([string(topic) + array([i32(partition) + blob(data)])])


def read_produce(answer, version=7):
    """-> (error, first offset, append time)"""
    result = answer.array(lambda: (answer.string(), answer.array(
        lambda: (answer.i32(), answer.i16(), answer.i64(), answer.i64(),
                 answer.i64() if version >= 5 else None))))
    answer.i32()
    answer.end()
    return result[0][1][0][1:4]


def produce(wire, topic, partition, data, version=7, acks=-1):
    """-> (error, first offset, append time)"""
    return read_produce(wire.ask("produce", version, produce_body(topic, partition, data, acks)), version)


def fetch_body(topic, partition, offset, wait=500, least=1, most=1 << 20, version=11, times=1):
    body = i32(-1) + i32(wait) + i32(least)
    body += i32(most) if version >= 3 else b""
    body += i8(0) if version >= 4 else b""
    body += i32(0) + i32(-1) if version >= 7 else b""
    part = i32(partition) + (i32(-1) if version >= 9 else b"") + i64(offset)
    part += (i64(-1) if version >= 5 else b"") + i32(most)
    body += array([string(topic) + array([part] * times)])
    body += array([]) if version >= 7 else b""
    return body + (string("") if version >= 11 else b"")


def read_fetch(answer, version=11):
    """-> (error, high watermark, start, records)"""
    if version >= 1:
        answer.i32()
    if version >= 7:
        assert answer.i16() == 0
        answer.i32()

    def part():
        answer.i32()
        code, mark = answer.i16(), answer.i64()
        if version >= 4:
            answer.i64()
        start = answer.i64() if version >= 5 else None
        if version >= 4:
            answer.array(lambda: (answer.i64(), answer.i64()))
        if version >= 11:
            answer.i32()
        return code, mark, start, answer.blob() or b""

    topics = answer.array(lambda: (answer.string(), answer.array(part)))
    answer.end()
    return topics[0][1][0]


def fetch(wire, topic, partition, offset, version=11, **options):
    body = fetch_body(topic, partition, offset, version=version, **options)
    return read_fetch(wire.ask("fetch", version, body), version)


COORDINATOR_LOAD_IN_PROGRESS = 14


def producer_id(wire, version=1):
    code = COORDINATOR_LOAD_IN_PROGRESS
    while code == COORDINATOR_LOAD_IN_PROGRESS:  # What a node that has just started says.
        answer = wire.ask("initProducerId", version, string(None) + i32(60000))
        answer.i32()
        code = answer.i16()
    assert code == 0, code
    found = answer.i64(), answer.i16()
    answer.end()
    return found

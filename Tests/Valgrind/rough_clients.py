"""Clients without manners, by bare sockets: each connects and then does one thing after another, in an order by dice."""

import base64
import json
import os
import random
import socket
import struct

TIMEOUT_SECONDS = 30
# What a loop finds to do in one turn, valgrind makes fifty times as long; a watchdog ends what does not turn for 5 s.
AT_ONCE_MAX = 10


def rough_gateway_clients(address: str, token, count: int) -> None:
    dice = random.Random(count)
    tokens = [token(f"rough{number}") for number in range(8)]
    deeds = [connect, ping, half_close, flood, garbage, too_large, second_connect, binary, reset, read_some]
    for number in range(count):
        client = WebSocket(address)
        client.token, client.device = dice.choice(tokens), f"d{number % 16}"
        for deed in dice.sample(deeds, dice.randrange(1, len(deeds))):
            try:
                deed(client)
            except OSError:
                break
        client.vanish(dice)


class WebSocket:
    def __init__(self, address: str):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), TIMEOUT_SECONDS)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        head = self.socket.recv(4096)
        assert head.startswith(b"HTTP/1.1 101"), head

    def frame(self, payload: bytes, opcode: int = 1) -> bytes:
        length = len(payload)
        head = bytes([0x80 | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", length)
        return head + b"\0\0\0\0" + payload

    def say(self, document: dict) -> None:
        self.socket.sendall(self.frame(json.dumps(document).encode()))

    def vanish(self, dice: random.Random) -> None:
        """Closes in one of the ways there are: properly, by a reset, or in the middle of a frame."""
        way = dice.randrange(3)
        try:
            if way == 0:
                self.socket.sendall(self.frame(struct.pack(">H", 1000), opcode=8))
            elif way == 1:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.socket.sendall(self.frame(b"x" * 300)[:100])
        except OSError:
            pass
        self.socket.close()


def connect(client: WebSocket) -> None:
    client.say({"id": "1", "type": "connect", "data": {
        "token": client.token, "deviceId": client.device, "platform": "web"}})
    client.socket.recv(65536)


def ping(client: WebSocket) -> None:
    client.say({"id": "2", "type": "ping"})
    client.socket.sendall(client.frame(b"hello", opcode=9))


def half_close(client: WebSocket) -> None:
    client.socket.shutdown(socket.SHUT_WR)


def flood(client: WebSocket) -> None:
    client.socket.sendall(client.frame(b'{"id":"3","type":"ping"}') * 300)


def garbage(client: WebSocket) -> None:
    client.socket.sendall(os.urandom(200))


def too_large(client: WebSocket) -> None:
    client.socket.sendall(client.frame(b"x" * 70_000))


def second_connect(client: WebSocket) -> None:
    client.say({"id": "4", "type": "connect", "data": {"token": "no", "deviceId": "d", "platform": "web"}})


def binary(client: WebSocket) -> None:
    client.socket.sendall(client.frame(b"\0\1\2", opcode=2))


def reset(client: WebSocket) -> None:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


def read_some(client: WebSocket) -> None:
    client.socket.settimeout(0.02)
    try:
        client.socket.recv(100)
    except TimeoutError:
        pass
    client.socket.settimeout(TIMEOUT_SECONDS)


def broker_request(api: int, version: int, body: bytes) -> bytes:
    whole = struct.pack(">hhih", api, version, 7, 5) + b"rough" + body
    return struct.pack(">i", len(whole)) + whole


def polite_broker_client(address: str) -> None:
    """Asks for the versions and waits for the answer, and so until all who came before have been taken."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as connection:
        connection.sendall(broker_request(18, 0, b""))
        assert connection.recv(4), "embedded-log closed without an answer"


def rough_broker_clients(address: str, count: int) -> None:
    dice = random.Random(count)
    host, port = address.rsplit(":", 1)
    request = broker_request
    versions, metadata = request(18, 0, b""), request(3, 1, struct.pack(">i", -1))
    requests = [
        versions, metadata, metadata * 200, versions[:7], request(3, 1, struct.pack(">i", 2**31 - 1)),
        request(999, 0, b""), struct.pack(">i", -1), struct.pack(">i", 2**31 - 1), os.urandom(64),
        request(11, 4, b"\0" * 40), request(0, 3, b"\xff" * 40),
    ]
    for number in range(count):
        if number % AT_ONCE_MAX == 0:
            polite_broker_client(address)
        connection = socket.create_connection((host, int(port)), TIMEOUT_SECONDS)
        try:
            for data in dice.sample(requests, dice.randrange(1, 5)):
                connection.sendall(data)
                way = dice.randrange(4)
                if way == 0:
                    connection.shutdown(socket.SHUT_WR)
                elif way == 1:
                    connection.settimeout(0.05)
                    connection.recv(4096)
        except OSError:
            pass
        if dice.randrange(2):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

"""Webhook endpoints that never answer, are nowhere, or could not be meant."""

import asyncio
import json

import api
from client import check_call
from stack import free_port, until

WRONG_ENDPOINTS = [
    {}, {"url": "http://127.0.0.1:9/x"}, {"types": ["call.*"]}, {"url": 7, "types": ["call.*"]},
    {"url": "", "types": ["call.*"]}, {"url": "ftp://example.org/x", "types": ["call.*"]},
    {"url": "file:///etc/passwd", "types": ["call.*"]}, {"url": "http://", "types": ["call.*"]},
    {"url": "http://a b/", "types": ["call.*"]}, {"url": "http://user:secret@x/\r\nX: y", "types": ["call.*"]},
    {"url": "http://127.0.0.1:9/x", "types": []}, {"url": "http://127.0.0.1:9/x", "types": "call.*"},
    {"url": "http://127.0.0.1:9/x", "types": [7]}, {"url": "http://127.0.0.1:9/x", "types": ["call.*"], "enabled": 1},
    {"url": "http://127.0.0.1:9/x", "types": ["call.*"], "signature": "none"},
]
PATH = "/v1/callbacks/endpoints"


class Sink:
    """A web server of one trait: `answer` is what it says to every request; None is silence."""

    def __init__(self, answer: bytes | None):
        self.answer, self.bodies, self.connections, self.writers = answer, [], 0, []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for writer in self.writers:
            writer.close()

    async def serve(self, reader, writer):
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                self.bodies.append(json.loads(await reader.readexactly(length)))
                if self.answer is not None:
                    writer.write(self.answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def types(self, call: str) -> list[str]:
        return [body["type"] for body in self.bodies if body["subject"] == f"calls/{call}"]


async def register(stack, url: str) -> str:
    status, answer = await api.signed(
        stack, "callback-dispatcher", "POST", PATH, {"url": url, "types": ["call.*"]})
    assert status == 201, (status, answer)
    return answer["id"]


async def test_endpoints_that_cannot_be_are_answered_400(stack):
    for wrong in [*map(json.dumps, WRONG_ENDPOINTS), "", "[]", "{", "[" * 5000]:
        status, answer = await api.signed(stack, "callback-dispatcher", "POST", PATH, wrong.encode())
        assert status == 400 and answer["code"] == 80001, (wrong[:80], status, answer)
    status, answer = await api.signed(stack, "callback-dispatcher", "GET", PATH)
    assert status == 200 and answer["items"] == [], answer


async def test_a_webhook_that_never_answers_holds_up_no_other(stack):
    good = b"HTTP/1.1 204 No Content\r\n\r\n"
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 65536
    async with Sink(None) as silent, Sink(good) as sound, Sink(b"hello\r\n\r\n") as odd, Sink(endless) as chatty:
        nowhere = f"http://127.0.0.1:{free_port()}/nobody"
        endpoints = [await register(stack, url) for url in (silent.url, odd.url, chatty.url, nowhere, sound.url)]
        first = await check_call(stack)
        second = await check_call(stack)
        for call in (first, second):
            await until(f"the end of {call} at the sound endpoint", lambda: "call.log" in sound.types(call), 20)
            types = sound.types(call)
            assert types[0] == "call.started" and types[-2:] == ["call.ended", "call.log"], types
            assert len(types) == len(set(types)) or types.count("call.member.joined") == 2, types
        # Of these calls: the end of one before may have been told after the endpoints were known.
        await until("a try at the silent endpoint", lambda: silent.types(first) + silent.types(second))
        tried = set(silent.types(first) + silent.types(second))
        assert tried == {"call.started"}, ("the next must wait for the one before", tried)
        for endpoint in endpoints:
            status, _ = await api.signed(stack, "callback-dispatcher", "DELETE", f"{PATH}/{endpoint}")
            assert status == 204, status
    await check_call(stack)

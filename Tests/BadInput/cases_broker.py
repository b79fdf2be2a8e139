"""Noise at the broker's port while calls go on; the broker's own suite (Tests/Broker) knows every kind of it."""

import asyncio
import os
import struct

import api
from client import Client, check_call

# None of these is the beginning of a request that could still become whole.
NOISE = [
    b"GET / HTTP/1.1\r\n\r\n", struct.pack(">i", -1), struct.pack(">i", 2**31 - 1), struct.pack(">i", 0) + b"xxxx",
    bytes.fromhex("16030100c8010000c40303"), struct.pack(">ihhi", 10, 999, 0, 1) + b"\0\1", b"\xff" + os.urandom(4096),
]


async def test_noise_at_the_broker_closes_its_own_connection_and_calls_go_on(stack):
    mark = stack.log_mark("embedded-log")
    async with Client(stack) as a, Client(stack) as b:
        await a.login()
        await b.login()
        started = await a.insist("call.start", calleeIds=[b.user], callType=0, mediaType=0)
        call = (await b.event("call.received"))["data"]["callId"]
        assert call == started["data"]["callId"]
        closed = await asyncio.gather(*(api.raw(stack.known["kafkaBootstrap"], noise) for noise in NOISE))
        assert closed == [b""] * len(NOISE), closed
        await b.insist("call.accept", callId=call)
        await a.event("call.connected")
        await a.insist("call.end", callId=call)
        await b.event("call.ended")
    lines = [line for line in stack.log_lines("embedded-log", mark) if line["level"] in ("debug", "info", "warning")]
    assert len(lines) >= len(NOISE) - 1, lines
    assert not [line for line in stack.log_lines("embedded-log", mark) if line["level"] == "error"]
    await check_call(stack)

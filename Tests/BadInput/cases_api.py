"""Calls to the Server API that are signed wrongly, or ask for what cannot be."""

import asyncio
import time
import uuid

import api
import crypto
from client import check_call

# A signed door of each service, with a call that would be answered.
DOORS = [
    ("token-service", "POST", "/v4/auth/access-token/issue", b'{"userId":"ann","name":"Ann"}'),
    ("room-allocator", "GET", "/v1/rooms", b""),
    ("call-orchestrator", "GET", "/v1/calls", b""),
]
MINUTES_6 = 360_000


async def test_each_wrong_signature_is_answered_401_with_its_code_by_every_service(stack):
    key, secret = stack.known["appKey"], stack.known["appSecret"]
    now = int(time.time() * 1000)
    right = crypto.signed_headers(key, secret)
    wrong = [
        (40101, crypto.signed_headers("nobodysKey", secret)), (40101, {}),
        (40101, {k: v for k, v in right.items() if k != "App-Key"}),
        (40102, right | {"Signature": "0" * 40}), (40102, right | {"Signature": ""}),
        (40102, crypto.signed_headers(key, "not the secret")),
        (40102, {k: v for k, v in right.items() if k != "Nonce"}),
        (40102, crypto.signed_headers(key, secret, nonce="n" * 19)),
        (40102, crypto.signed_headers(key, stack.known["development"]["appSecret"])),
        (40102, right | {"Signature": right["Signature"].upper() + "0"}),
        (40102, right | {"Authorization": "SB1-HMAC-SHA256 " + "0" * 64}),
        (40103, crypto.signed_headers(key, secret, timestamp=now - MINUTES_6)),
        (40103, crypto.signed_headers(key, secret, timestamp=now + MINUTES_6)),
        (40103, crypto.signed_headers(key, secret, timestamp="today")),
        (40103, crypto.signed_headers(key, secret, timestamp=-(2**63))),
        (40103, crypto.signed_headers(key, secret, timestamp=10**30)),
        (40103, {k: v for k, v in right.items() if k != "Timestamp"}),
    ]
    for service, method, path, body in DOORS:
        for code, headers in wrong:
            status, answer = await api.call(stack.address(service), method, path, headers, body)
            assert (status, answer["code"]) == (401, code), (service, code, headers, status, answer)
        status, answer = await api.call(stack.address(service), method, path, crypto.signed_headers(key, secret), body)
        assert status == 200, (service, status, answer)


async def test_a_nonce_is_taken_once_for_all_services(stack):
    key, secret = stack.known["appKey"], stack.known["appSecret"]
    for first in DOORS:
        headers = crypto.signed_headers(key, secret)
        service, method, path, body = first
        status, answer = await api.call(stack.address(service), method, path, headers, body)
        assert status == 200, (service, status, answer)
        for service, method, path, body in DOORS:
            status, answer = await api.call(stack.address(service), method, path, headers, body)
            assert (status, answer["code"]) == (401, 40104), (first[0], service, status, answer)


WRONG_BODIES = {
    "/v4/auth/access-token/issue": [
        b"", b"{", b"[]", b"7", b'"x"', b"\xff\xfe", b'{"name":"x"}', b'{"userId":7,"name":"x"}',
        b'{"userId":"a b","name":"x"}', b'{"userId":"' + b"u" * 65 + b'","name":"x"}',
        b'{"userId":"ann","name":"' + b"n" * 257 + b'"}', b"[" * 5000, b'{"a":' * 5000],
    "/v4/auth/access-token/expire": [
        b"", b"{}", b'{"userIds":[],"expiresAt":1}', b'{"userIds":"ann","expiresAt":1}',
        b'{"userIds":["ann"],"expiresAt":"now"}', b'{"userIds":["ann"],"expiresAt":-1}',
        b'{"userIds":["ann"],"expiresAt":1e300}', b'{"userIds":["' + b'","'.join([b"x"] * 21) + b'"],"expiresAt":1}'],
    "/v1/tokens": [
        b"", b'{"userId":"ann","ttlSeconds":0}', b'{"userId":"ann","ttlSeconds":9223372036854775807}',
        b'{"userId":"ann","ttlSeconds":"1"}', b'{"userId":"ann","grants":{"admin":true}}'],
    "/user/getToken.json": [b"", b"userId=", b"userId=%zz&name=x", b"userId=a+b", b"name=x", b"\xff=\xff"],
}


async def test_wrong_bodies_are_answered_400_with_80001_and_what_is_wrong(stack):
    for path, bodies in WRONG_BODIES.items():
        for body in bodies:
            status, answer = await api.signed(stack, "token-service", "POST", path, body)
            assert status == 400 and answer["code"] == 80001, (path, body[:60], status, answer)
            assert answer.get("errorMessage") or answer.get("detail"), (path, answer)
    status, answer = await api.signed(stack, "token-service", "POST", "/v1/tokens", b'{"userId":"' + b"x" * 70_000 + b'"}')
    assert status == 413, (status, answer)


async def test_an_expiry_at_the_end_of_time_hurts_nobody_else(stack):
    user = f"u{uuid.uuid4().hex[:8]}"
    body = {"userIds": [user], "expiresAt": 2**63 - 1}
    status, answer = await api.signed(stack, "token-service", "POST", "/v4/auth/access-token/expire", body)
    assert status in (200, 400), (status, answer)
    await check_call(stack)


async def test_unknown_paths_methods_and_calls_are_answered_404_or_405(stack):
    asked = [
        ("token-service", "GET", "/v4/auth/access-token/issue", 405), ("token-service", "POST", "/v4/nothing", 404),
        ("call-orchestrator", "GET", "/v1/calls/not-a-call", 404), ("call-orchestrator", "DELETE", "/v1/calls", 405),
        ("call-orchestrator", "GET", "/v1/calls/" + "x" * 4000, 404),
        ("call-orchestrator", "GET", "/v1/calls/%2e%2e%2f%00/timeline", 404),
        ("call-orchestrator", "GET", "/v1/calls?state=dreaming", 400),
        ("room-allocator", "GET", "/v1/sessions/nobody", 404), ("room-allocator", "GET", "/v1/nothing", 404),
        ("signaling-gateway", "GET", "/v1/nothing", 404), ("callback-dispatcher", "GET", "/v1/nothing", 404),
    ]
    for service, method, path, expected in asked:
        status, answer = await api.signed(stack, service, method, path)
        assert status in (expected, 400 if "%00" in path else expected), (service, method, path[:60], status, answer)


BROKEN_HTTP = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"\0" * 190 + b"\r\n\r\n",
    "two lengths": b"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks":
        b"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "no host": b"GET /v1/calls HTTP/1.1\r\n\r\n",
    "a header with a line of its own": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "a head of 20 KiB": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_480 + b"\r\n\r\n",
    "200 headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"H%d: x\r\n" % n for n in range(200)) + b"\r\n",
}


async def test_broken_HTTP_is_answered_with_4xx_and_closed_by_every_service(stack):
    services = [service for service in stack.known["services"]]
    assert len(services) == 5, services
    for service in services:
        for what, data in BROKEN_HTTP.items():
            answer = await api.raw(stack.address(service), data)
            assert answer.startswith(b"HTTP/1.1 4"), (service, what, answer[:80])
        status, _ = await api.signed(stack, service, "GET", "/v1/nothing-there")
        assert status == 404, service


async def test_a_trickling_head_is_closed_after_10_s_and_holds_up_nobody(stack):
    host, _, port = stack.address("token-service").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    start = time.monotonic()

    async def trickle():
        for byte in b"GET /v1/calls HTTP/1.1\r\nHost: " + b"x" * 100:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.5)

    task = asyncio.create_task(trickle())
    status, _ = await api.signed(stack, "token-service", "POST", "/v1/tokens", {"userId": "ann"})
    assert status == 200
    answer = await asyncio.wait_for(reader.read(), 15)
    task.cancel()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408") and 9 < time.monotonic() - start < 13, answer[:60]

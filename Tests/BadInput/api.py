"""Calls of the Server API and whatever else is sent to an HTTP port."""

import asyncio
import http.client
import json

import crypto


async def call(address: str, method: str, path: str, headers: dict, body: bytes = b"") -> tuple[int, dict]:
    """Status and JSON body, from a thread of its own."""

    def ask():
        host, _, port = address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=15)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else {}
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


async def signed(stack, service: str, method: str, path: str, body=None, **other) -> tuple[int, dict]:
    known = stack.known
    headers = crypto.signed_headers(known["appKey"], known["appSecret"], **other)
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    if data:
        headers["Content-Type"] = "application/json"
    return await call(stack.address(service), method, path, headers, data)


async def raw(address: str, data: bytes, seconds: float = 15) -> bytes:
    """Everything that comes back for these bytes, until the other side closes."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), seconds)
    except ConnectionError:
        return b""
    finally:
        writer.close()

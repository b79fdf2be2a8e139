"""Neighbours that do not answer."""

import asyncio
import os
import signal

import api
from client import Client, check_call
from stack import until


async def test_with_Redis_stopped_calls_and_signed_calls_go_on(stack):
    stack.control("stop", "redis")
    try:
        await check_call(stack)
        status, answer = await api.signed(stack, "token-service", "POST", "/v1/tokens", {"userId": "ann"})
        assert status == 200, (status, answer)
        for service in ("call-orchestrator", "room-allocator"):
            path = "/v1/calls" if service == "call-orchestrator" else "/v1/rooms"
            status, answer = await api.signed(stack, service, "GET", path)
            assert status == 200, (service, status, answer)
    finally:
        stack.control("start", "redis")
    await until("Redis running", lambda: stack.running().get("redis"))
    await check_call(stack)
    await until("only Redis was started again", lambda: others(stack) == {k: v for k, v in stack.pids.items() if k != "redis"})
    stack.note_deaths()


def others(stack) -> dict:
    return {name: pids for name, pids in stack.running().items() if name != "redis"}


async def test_with_Redis_hanging_calls_go_on(stack):
    pid = stack.pids["redis"][0]
    os.kill(pid, signal.SIGSTOP)
    try:
        await check_call(stack)
        status, answer = await api.signed(stack, "token-service", "POST", "/v1/tokens", {"userId": "ann"})
        assert status == 200, (status, answer)
    finally:
        os.kill(pid, signal.SIGCONT)
    await check_call(stack)

"""What a client should never send to the gateway."""

import asyncio
import json

import websockets

from client import Client, check_alive, check_call

NOT_REQUESTS = {
    "not JSON": "hello",
    "cut off": '{"id":"1","type":"ping"',
    "nothing": "",
    "an array": '["ping"]',
    "a number": "7",
    "a bare text": '"ping"',
    "no type": '{"id":"1","data":{}}',
    "a type that is no text": '{"id":"1","type":7}',
    "two values": '{"id":"1","type":"ping"}{}',
    "an escape that is none": '{"id":"\\q","type":"ping"}',
    "half a surrogate pair": '{"id":"\\ud800","type":"pi\\udc00ng"}',
    "nested 17 deep": '{"id":"1","type":"ping","data":' + "[" * 16 + "]" * 16 + "}",
    "nested 20000 deep": '{"id":"1","type":"ping","data":' + "[" * 20000 + "]" * 20000 + "}",
}


async def test_what_is_no_request_closes_with_4400(stack):
    for connected in (True, False):
        for what, text in NOT_REQUESTS.items():
            async with Client(stack) as client:
                await (client.login() if connected else client.open())
                await client.say(text)
                code = await client.closing()
                assert code == 4400, (what, "connected" if connected else "fresh", code)
    await check_call(stack)


async def test_a_binary_frame_closes_with_4400(stack):
    async with Client(stack) as client:
        await client.login()
        await client.say(b'{"id":"1","type":"ping"}')
        assert await client.closing() == 4400


async def test_a_frame_above_64_KiB_closes_with_4413_and_one_of_64_KiB_is_taken(stack):
    async with Client(stack) as client:
        await client.login()
        head, tail = '{"id":"big","type":"ping","data":{"pad":"', '"}}'
        full = head + "x" * (65536 - len(head) - len(tail)) + tail
        answer = asyncio.get_running_loop().create_future()
        client.waiting["big"] = answer
        await client.say(full)
        assert (await asyncio.wait_for(answer, 8))["code"] == 0
        await client.say(full + " ")
        assert await client.closing() == 4413


async def test_an_unknown_type_is_answered_80001_and_the_connection_stays(stack):
    async with Client(stack) as client:
        await client.login()
        for type in ("call.nonsense", "", "Ping", "ping ", "x" * 65, "call.start\u0000", "🦊"):
            answer = await client.request(type)
            assert answer["code"] == 80001 and answer["data"]["field"] == "type", (type, answer)
        await check_alive(client)


async def test_a_request_before_connect_is_answered_80012_then_4400(stack):
    async with Client(stack) as client:
        await client.open()
        answer = await client.request("call.start", calleeIds=["x"], callType=0, mediaType=0)
        assert answer["code"] == 80012, answer
        assert await client.closing() == 4400


async def test_a_second_connect_is_answered_80001_and_the_connection_stays(stack):
    async with Client(stack) as client:
        await client.login()
        answer = await client.request("connect", **client.credentials())
        assert answer["code"] == 80001, answer
        await check_alive(client)


async def test_a_second_connect_at_once_is_answered_80001(stack):
    async with Client(stack) as client:
        await client.open()
        credentials = client.credentials()
        first, second = await asyncio.gather(
            client.request("connect", **credentials), client.request("connect", **credentials))
        assert first["code"] == 0 and second["code"] == 80001, (first, second)
        await check_alive(client)


CALL = "0b0e7d2e-3f7c-4c7e-9a51-6f0f3c7a9d10"
WRONG_CONNECTS = {
    "token": [{"token": None}, {"token": 7}, {"token": {}}, {"token": "x" * 4097}],
    "deviceId": [{"deviceId": None}, {"deviceId": ""}, {"deviceId": "d" * 65}, {"deviceId": "a b"}, {"deviceId": "é"}],
    "platform": [{"platform": "toaster"}, {"platform": 1}],
    "appIdentifier": [{"appIdentifier": "a" * 65}, {"appIdentifier": []}],
    "logsSince": [{"logsSince": "yesterday"}, {"logsSince": 1.5}, {"logsSince": 10**30}],
    "callIds": [{"callIds": "x"}, {"callIds": ["x"]}, {"callIds": [CALL] * 17}],
}


async def test_a_wrong_field_of_connect_is_named_then_4400(stack):
    for field, wrongs in WRONG_CONNECTS.items():
        for wrong in wrongs:
            async with Client(stack) as client:
                await client.open()
                data = client.credentials() | wrong
                answer = await client.request("connect", **{k: v for k, v in data.items() if v is not None})
                assert answer["code"] == 80001 and answer["data"]["field"] == field, (wrong, answer)
                assert await client.closing() == 4400


START = {"calleeIds": ["nobody"], "callType": 0, "mediaType": 0}
# type, right data, and per field what is wrong with it.
WRONG_FIELDS = [
    ("call.start", START, {
        "callId": ["", "x", CALL.upper(), 7, CALL + "0"],
        "calleeIds": ["x", 7, {}, [7]],
        "callType": [None, 2, -1, "0", 1.5],
        "mediaType": [None, 2, "1"],
        "ringTimeoutMs": ["soon", 1.5, 10**30],
        "extra": ["x" * 4097, 7],
        "takeover": ["yes", 1]}),
    ("call.ringing", {"callId": CALL}, {"callId": [None, "", "x", 7, CALL.upper(), "../../etc"]}),
    ("call.ignore", {"callId": CALL}, {"callId": [None, 7]}),
    ("call.accept", {"callId": CALL}, {"callId": [None, "", []], "mediaType": [2, "0"], "extra": ["x" * 4097]}),
    ("call.end", {"callId": CALL}, {"callId": ["x", 7], "reason": [0, 1004, 999, "104"], "extra": ["x" * 4097]}),
    ("call.sync", {}, {"callId": ["x", 7]}),
    ("call.logs", {"count": 1, "order": 0}, {
        "count": [None, 0, 101, -1, "1"], "order": [None, 2, "0"], "startTime": ["now", 1.5]}),
    ("media.state", {"roomId": CALL, "camera": True}, {
        "roomId": [None, "", 7, "x" * 65, "a b"], "camera": ["on", 1], "microphone": [2], "screen": [[]]}),
    ("media.report", {"roomId": CALL, "state": "failed"}, {
        "state": [None, "broken", 7], "detail": ["x" * 1025, 7]}),
    ("signal", {"roomId": CALL, "to": "x", "payload": {}}, {
        "roomId": [None, 7], "to": [None, 7, []], "deviceId": [7], "joinId": [{}], "payload": [None, "x" * 32768]}),
    ("token.refresh", {"token": "x"}, {"token": [None, 7, "x" * 4097]}),
]


async def test_each_wrong_field_is_answered_80001_with_its_name(stack):
    async with Client(stack) as client:
        await client.login()
        for type, right, wrongs in WRONG_FIELDS:
            for field, values in wrongs.items():
                for value in values:
                    data = {k: v for k, v in (right | {field: value}).items() if v is not None}
                    answer = await client.request(type, **data)
                    named = answer.get("data", {}).get("field", "").split("[")[0].split(".")[0]
                    assert answer["code"] == 80001 and named == field, (type, field, str(value)[:40], answer)
                    await asyncio.sleep(0.02)  # below the rate
        await check_alive(client)
    await check_call(stack)


async def test_wrong_envelopes_are_answered_80001_with_the_field(stack):
    async with Client(stack) as client:
        await client.login()
        for field, text in {
            "id": '{"id":7,"type":"ping"}',
            "cmd": '{"id":"e1","type":"ping","cmd":7}',
            "data": '{"id":"e2","type":"call.sync","data":7}',
        }.items():
            await client.say(text)
            answer = await asyncio.wait_for(client.frames.get(), 8)
            assert answer["code"] == 80001 and answer["data"]["field"] == field, (field, answer)
        for field in ("id", "cmd"):
            frame = {"id": "e3", "type": "ping"} | {field: "x" * 65}
            await client.say(json.dumps(frame))
            answer = await asyncio.wait_for(client.frames.get(), 8)
            assert answer["code"] == 80001 and answer["data"]["field"] == field, (field, answer)
        await check_alive(client)


async def test_callees_that_cannot_be_called_are_answered_80007(stack):
    async with Client(stack) as client:
        await client.login()
        for callees in (None, [], ["a", "a"], [client.user], ["a b"], [""], ["x" * 65], ["../x"]):
            data = {k: v for k, v in (START | {"calleeIds": callees}).items() if v is not None}
            answer = await client.request("call.start", **data)
            assert answer["code"] in (80007, 80001), (callees, answer)
            assert answer["code"] == 80007 or answer["data"]["field"].startswith("calleeIds"), (callees, answer)
        answer = await client.request("call.start", **START | {"calleeIds": ["a", "b"]})
        assert answer["code"] == 80011, answer
        await check_alive(client)


async def test_numbers_at_the_ends_of_their_range_hurt_nobody(stack):
    ends = (2**63 - 1, -(2**63), 0, -1, 2**53)
    async with Client(stack) as a, Client(stack) as b:
        await a.login(logsSince=-(2**63))
        await b.login(logsSince=2**63 - 1)
        for number in ends:
            await a.request("call.logs", count=1, order=0, startTime=number)
            await a.request("call.logs", count=1, order=1, startTime=number)
            answer = await a.request("call.start", **START | {"calleeIds": [b.user], "ringTimeoutMs": number})
            if answer["code"] == 0:
                await a.insist("call.end", callId=answer["data"]["callId"])
            await check_alive(a)
    await check_call(stack)


async def test_calls_of_others_and_of_nobody_are_answered_80008(stack):
    async with Client(stack) as client:
        await client.login()
        for type in ("call.ringing", "call.accept", "call.end"):
            answer = await client.request(type, callId=CALL)
            assert answer["code"] in (80008, 80003), (type, answer)
        for type in ("media.state", "media.reset", "media.ice", "signal"):
            answer = await client.request(type, roomId=CALL, to="x", payload={})
            assert answer["code"] in (80008, 80003), (type, answer)
        await check_alive(client)


async def test_who_does_not_connect_within_10_s_is_closed_with_4408(stack):
    async with Client(stack) as silent, Client(stack) as half:
        await silent.open()
        await half.open()
        reader = asyncio.create_task(half.closing(14))
        assert await silent.closing(14) == 4408
        assert await reader == 4408


async def test_above_the_rate_42900_and_far_above_it_4429(stack):
    async with Client(stack) as client, Client(stack) as calm:
        await client.login()
        await calm.login()
        answers = await asyncio.gather(*(client.request("ping") for _ in range(150)))
        codes = [answer["code"] for answer in answers]
        assert codes.count(0) >= 90 and codes.count(42900) >= 20, (codes.count(0), codes.count(42900))
        await check_alive(calm)
        await asyncio.sleep(1.1)  # the second in which abuse is counted
        await check_alive(client)
        await asyncio.sleep(1.1)
        for number in range(400):
            try:
                await client.say('{"id":"f%d","type":"ping"}' % number)
            except websockets.ConnectionClosed:
                break
        assert await client.closing() == 4429
        await check_alive(calm)


async def test_frames_that_are_no_requests_count_for_the_rate_too(stack):
    async with Client(stack) as client:
        await client.login()
        for number in range(400):
            try:
                await client.say('{"id":7,"type":"ping"}')
            except websockets.ConnectionClosed:
                break
        assert await client.closing() == 4429


async def test_a_wrong_subprotocol_is_refused_with_400(stack):
    try:
        await websockets.connect(stack.gateway, subprotocols=["switchboard.v9", "chat"])
        raise AssertionError("it was accepted")
    except websockets.InvalidStatus as refused:
        assert refused.response.status_code == 400, refused
    async with await websockets.connect(stack.gateway) as plain:
        assert plain.subprotocol is None
    await check_call(stack)

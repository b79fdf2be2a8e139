"""What an app server is answered: tokens and their refusals, calls, rooms and sessions while they live and after."""

import time
from uuid import uuid4

from stage.client import AsyncCase, Client, call, connected_pair
from stage.runner import stage
from stage.waiting import until

ISSUE = "/v4/auth/access-token/issue"
EXPIRE = "/v4/auth/access-token/expire"
SIX_MINUTES_MS = 360_000


class Tokens(AsyncCase):
    async def test_an_issued_token_opens_a_connection(self):
        client = await Client.connected("olga")
        self.assertEqual(client.events, [])
        await client.asked("ping")
        await client.close()

    def test_a_call_that_is_not_signed_as_it_must_be_is_refused_with_its_code(self):
        body = {"userId": "pia", "name": "Pia"}
        known = stage.stack.headers()
        self.assertEqual(stage.stack.ask("POST", ISSUE, body, known).status, 200)
        now = round(time.time() * 1000)
        for code, why, headers in (
            (40101, "unknown key", stage.stack.headers(App_Key="nobody")),
            (40102, "signed with another secret", stage.stack.headers(secret="no")),
            (40102, "another signature", stage.stack.headers(Signature="0" * 40)),
            (40102, "a nonce too long", stage.stack.headers(Nonce="n" * 19)),
            (40103, "six minutes old", stage.stack.headers(Timestamp=str(now - SIX_MINUTES_MS))),
            (40103, "six minutes early", stage.stack.headers(Timestamp=str(now + SIX_MINUTES_MS))),
            (40103, "no number", stage.stack.headers(Timestamp="now")),
            (40104, "a nonce that was seen", known),
        ):
            with self.subTest(why):
                answer = stage.stack.ask("POST", ISSUE, body, headers, deliberate=True)
                self.assertEqual((answer.status, answer.json()["code"]), (401, code), answer.text)

    def test_both_spellings_of_the_headers_count(self):
        headers = {f"RC-{name}": value for name, value in stage.stack.headers().items()}
        self.assertEqual(stage.stack.ask("POST", ISSUE, {"userId": "pia", "name": "Pia"}, headers).status, 200)

    def test_a_body_that_fits_nothing_is_refused(self):
        for why, body in (("no user", {"name": "X"}), ("no id", {"userId": "a b", "name": "X"}), ("no JSON", "{")):
            with self.subTest(why):
                answer = stage.stack.ask("POST", ISSUE, body, deliberate=True)
                self.assertEqual(answer.status, 400, answer.text)

    async def test_a_token_that_is_none_is_refused_and_the_line_closed(self):
        client = Client("quinn", stage.stack.known["gateways"][0])
        await client.dial()
        answer = await client.ask("connect", token="e30.e30.e30", deviceId="quinn-1", platform="web")
        self.assertEqual((answer["code"], await client.ended()), (31004, 4401))

    async def test_a_token_issued_before_its_users_were_expired_opens_nothing(self):
        token = stage.stack.token("rosa")
        gone = stage.stack.ask("POST", EXPIRE, {"userIds": ["rosa"], "expiresAt": round(time.time() * 1000) + 1})
        self.assertEqual(gone.status, 200, gone.text)

        async def code():
            client = Client("rosa", stage.stack.known["gateways"][0])
            await client.dial()
            answer = await client.ask("connect", token=token, deviceId=f"rosa-{uuid4().hex[:6]}", platform="web")
            await client.close()
            return answer["code"]

        deadline = time.monotonic() + 2.5
        while (seen := await code()) != 31004 and time.monotonic() < deadline:
            pass
        self.assertEqual(seen, 31004, "still let in 2 s later")


class Calls(AsyncCase):
    async def test_a_call_its_room_and_its_session_are_told_while_they_live_and_after(self):
        sam, tina = await connected_pair("sam", "tina")
        identifier = await call(sam, tina, media=1)
        live = stage.stack.get(f"/v1/calls/{identifier}")
        self.assertEqual((live["state"], live["roomId"], live["callerUserId"]), ("ongoing", identifier, "sam"))
        session = live["sessionId"]
        self.assertIn(identifier, [room["roomId"] for room in stage.stack.get("/v1/rooms")["items"]])
        room = stage.stack.get(f"/v1/rooms/{identifier}")
        self.assertEqual(sorted(one["userId"] for one in room["participants"]), ["sam", "tina"])
        seen = stage.stack.get(f"/v1/sessions/{session}")
        self.assertEqual((seen["roomId"], seen["callId"], len(seen["participants"])), (identifier, identifier, 2))
        self.assertNotIn("endedAt", seen)

        await sam.asked("call.end", callId=identifier)
        ended = await tina.event("call.ended", callId=identifier)
        self.assertEqual(ended["log"]["sessionId"], session)
        over = stage.stack.get(f"/v1/calls/{identifier}")
        self.assertEqual((over["state"], over["sessionId"]), ("ended", session))
        self.assertGreaterEqual(over["endTime"], over["startTime"])
        until("the room is closed", lambda: stage.stack.ask("GET", f"/v1/rooms/{identifier}").status == 404)
        self.assertEqual(stage.stack.ask("GET", f"/v1/rooms/{identifier}").json()["code"], 80008)
        self.assertNotIn(identifier, [room["roomId"] for room in stage.stack.get("/v1/rooms")["items"]])
        closed = stage.stack.get(f"/v1/sessions/{session}")
        self.assertTrue(closed["endedAt"] and all(one["leftAt"] for one in closed["participants"]), closed)
        await sam.close()
        await tina.close()

    async def test_the_timeline_tells_the_whole_call_in_order_without_gaps(self):
        uma, vera = await connected_pair("uma", "vera")
        identifier = await call(uma, vera)
        while_live = stage.stack.timeline(identifier)
        await uma.asked("call.end", callId=identifier)
        await vera.event("call.ended", callId=identifier)
        items = stage.stack.timeline(identifier)
        self.assertEqual(items[:len(while_live)], while_live)
        self.assertEqual([item["sequence"] for item in items], list(range(1, len(items) + 1)))
        kinds = [item["type"] for item in items]
        wanted = ["call.started", "call.ringing", "call.accepted", "call.connected", "call.ended"]
        self.assertEqual([kind for kind in kinds if kind in wanted], wanted)
        self.assertEqual(sorted(item["time"] for item in items), [item["time"] for item in items])
        await uma.close()
        await vera.close()

    async def test_another_application_sees_nothing_of_a_call(self):
        will, xena = await connected_pair("will", "xena")
        identifier = await call(will, xena)
        other = stage.stack.known["development"]
        session = stage.stack.get(f"/v1/calls/{identifier}")["sessionId"]
        for path in (f"/v1/calls/{identifier}", f"/v1/calls/{identifier}/timeline", f"/v1/rooms/{identifier}", f"/v1/sessions/{session}"):
            headers = stage.stack.headers(secret=other["appSecret"], App_Key=other["appKey"])
            answer = stage.stack.ask("GET", path, headers=headers)
            self.assertEqual((answer.status, answer.json()["code"]), (404, 80008), f"{path}: {answer.text}")
        await will.asked("call.end", callId=identifier)
        await xena.event("call.ended", callId=identifier)
        await will.close()
        await xena.close()

    def test_what_never_was_is_not_found(self):
        for path in (f"/v1/calls/{uuid4()}", f"/v1/calls/{uuid4()}/timeline", f"/v1/rooms/{uuid4()}", f"/v1/sessions/{uuid4()}"):
            with self.subTest(path):
                answer = stage.stack.ask("GET", path)
                self.assertEqual((answer.status, answer.json()["code"]), (404, 80008), answer.text)

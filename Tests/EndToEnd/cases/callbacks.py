"""What app servers are told of calls: on the topic, and by webhook."""

from collections import Counter

from standardwebhooks import Webhook, WebhookVerificationError

from stage import callbacks
from stage.client import AsyncCase, call, connected_pair
from stage.runner import stage
from stage.waiting import until

LIFE = ["call.started", "call.ringing", "call.accepted", "call.connected", "call.ended", "call.log"]


class Topic(AsyncCase):
    async def test_the_topic_tells_a_call_in_order_as_cloud_events(self):
        identifier = await ended_call("cleo", "dirk")
        subject = f"calls/{identifier}"
        found = until("call.log is on the topic", lambda: whole(subject))
        self.assertEqual(life(told.event for told in found), LIFE)
        members = [(told.event["type"], told.event["data"]["userId"]) for told in found if "member" in told.event["type"]]
        self.assertEqual(members[:2], [("call.member.joined", "cleo"), ("call.member.joined", "dirk")])
        key = stage.stack.known["appKey"]
        self.assertEqual({told.key for told in found}, {f"{key}/{subject}"})
        self.assertEqual({told.event["source"] for told in found}, {f"/apps/{key}"})
        before = 0
        for event in (told.event for told in found):
            self.assertEqual(int(event["prevsequence"]), before)
            self.assertGreater(int(event["sequence"]), before)
            self.assertEqual(event["data"]["callId"], identifier)
            before = int(event["sequence"])
        kinds = {told.event["type"] for told in callbacks.about(f"rooms/{identifier}")}
        self.assertLessEqual({"room.created", "room.joined", "room.left", "room.destroyed"}, kinds)

    def test_the_topic_tells_every_call_of_this_run_with_one_end_and_one_record(self):
        told = callbacks.on_topic()
        for one in told:
            stage.recorder.callback(one.text)
        kinds: dict[str, Counter] = {}
        for event in (one.event for one in told):
            if event["subject"].startswith("calls/"):
                kinds.setdefault(event["subject"], Counter())[event["type"]] += 1
        self.assertGreater(len(kinds), 0)
        odd = {subject: dict(seen) for subject, seen in kinds.items()
               if (seen["call.started"], seen["call.ended"], seen["call.log"]) != (1, 1, 1)}
        self.assertEqual(odd, {})
        print(f"      {len(told)} callbacks of {len(kinds)} calls")


class Webhooks(AsyncCase):
    async def test_a_webhook_is_signed_by_standard_webhooks_and_sent_again_until_it_is_taken(self):
        sink = callbacks.Sink(204, 500)
        self.addCleanup(sink.close)
        added = stage.stack.ask("POST", "/v1/callbacks/endpoints", {"url": sink.url, "types": ["call.*"]})
        self.assertEqual(added.status, 201, added.text)
        endpoint = added.json()
        self.addCleanup(stage.stack.ask, "DELETE", f"/v1/callbacks/endpoints/{endpoint['id']}")

        identifier = await ended_call("edda", "faye")
        subject = f"calls/{identifier}"
        until("call.log has come", lambda: [one for one in taken(sink, subject) if one.event["type"] == "call.log"], 30)
        self.assertEqual(life(one.event for one in taken(sink, subject)), LIFE)
        self.assertEqual([one.body.decode() for one in taken(sink, subject)], [told.text for told in callbacks.about(subject)])
        refused = next(one for one in sink.deliveries if one.status == 500)
        again = [one.body for one in sink.deliveries if one.headers["webhook-id"] == refused.headers["webhook-id"]]
        self.assertEqual(again, [refused.body] * 2)

        standard = Webhook(endpoint["secret"])
        for one in sink.deliveries:
            standard.verify(one.body, one.headers)
            self.assertEqual(one.headers["webhook-id"], one.event["id"])
            self.assertEqual(one.headers["content-type"], "application/cloudevents+json")
            with self.assertRaises(WebhookVerificationError):
                standard.verify(one.body + b" ", one.headers)


async def ended_call(caller: str, callee: str) -> str:
    one, other = await connected_pair(caller, callee)
    identifier = await call(one, other)
    await one.asked("call.end", callId=identifier)
    await other.event("call.ended", callId=identifier)
    await one.close()
    await other.close()
    return identifier


def life(events) -> list[str]:
    """The types but for who came and went in between."""
    return [event["type"] for event in events if "member" not in event["type"]]


def whole(subject: str):
    found = callbacks.about(subject)
    return found if found and found[-1].event["type"] == "call.log" else None


def taken(sink: callbacks.Sink, subject: str) -> list[callbacks.Delivery]:
    return [one for one in sink.about(subject) if one.status < 300]

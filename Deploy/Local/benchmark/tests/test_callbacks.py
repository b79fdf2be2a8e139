"""What readers of callbacks must not be told, or must not miss, is found in a history that has it."""

import json
import unittest

from benchmark.callbacks import OWED, Topic
from benchmark.webhook_reader import Arrival, WebhookReader

CALL = "a-call"


def history(kind: str, first: int = 1) -> list[dict]:
    """The events of one call or room, in their order."""
    types = list(OWED[kind].elements())
    return [
        {"id": f"{kind}-{number}", "subject": f"{kind}/{CALL}", "type": type, "sequence": f"{number}",
         "prevsequence": f"{number - 1}" if number > first else "0"}
        for number, type in enumerate(types, first)]


def lines(events: list[dict]) -> list[str]:
    return [json.dumps(event) for event in events]


def arrived(events: list[dict]) -> dict[str, Arrival]:
    return {event["id"]: Arrival(json.dumps(event).encode(), 0) for event in events}


class TheTopic(unittest.TestCase):
    def setUp(self):
        self.events = history("calls") + history("rooms")

    def problems(self) -> str:
        return "\n".join(Topic.of(lines(self.events)).check({CALL}).problems)

    def test_a_whole_history_is_right(self):
        self.assertEqual(self.problems(), "")

    def test_the_same_again_is_right(self):
        self.events += self.events[2:5]
        self.assertEqual(self.problems(), "")
        self.assertEqual(Topic.of(lines(self.events)).repeats, 3)

    def test_the_same_id_with_other_bytes_is_wrong(self):
        self.events.append(self.events[2] | {"time": "another"})
        self.assertIn("an id has other bytes", self.problems())

    def test_an_event_that_is_missing_is_wrong(self):
        del self.events[3]
        self.assertIn("has not what it is owed", self.problems())
        self.assertIn("out of sequence", self.problems())

    def test_an_event_that_is_missing_of_the_room_is_wrong(self):
        self.events.pop()
        self.assertIn(f"rooms/{CALL} lacks", self.problems())

    def test_an_event_under_two_ids_is_wrong(self):
        self.events.append(self.events[0] | {"id": "another"})
        self.assertIn("too much", self.problems())

    def test_a_call_that_nobody_is_told_of_is_wrong(self):
        self.events = []
        self.assertIn(f"calls/{CALL} lacks", self.problems())

    def test_a_call_that_nobody_decided_is_wrong(self):
        self.assertIn("nobody decided", "\n".join(Topic.of(lines(self.events)).check(set()).problems))

    def test_two_that_changed_places_are_wrong(self):
        self.events[3], self.events[4] = self.events[4], self.events[3]
        self.assertIn("out of sequence", self.problems())

    def test_a_room_may_begin_anew(self):
        self.events += [event | {"id": f"again-{event['id']}"} for event in history("rooms")]
        self.assertNotIn("out of sequence", self.problems())


class Webhooks(unittest.TestCase):
    def setUp(self):
        self.events = history("calls")
        self.topic = Topic.of(lines(self.events + history("rooms")))

    def problems(self, arrivals: dict[str, Arrival]) -> str:
        return "\n".join(self.topic.check_webhooks(arrivals).problems)

    def test_all_in_their_order_is_right(self):
        self.assertEqual(self.problems(arrived(self.events)), "")

    def test_one_that_never_came_is_wrong_and_counted(self):
        arrivals = arrived(self.events[:-1])
        self.assertIn("never came", self.problems(arrivals))
        self.assertEqual(self.topic.check_webhooks(arrivals).missing, 1)

    def test_one_that_came_too_soon_is_wrong(self):
        self.events[2], self.events[3] = self.events[3], self.events[2]
        self.assertIn("out of sequence", self.problems(arrived(self.events)))

    def test_other_bytes_than_the_topic_are_wrong(self):
        arrivals = arrived(self.events)
        arrivals["calls-3"].body += b" "
        self.assertIn("other bytes than the topic", self.problems(arrivals))

    def test_one_that_is_not_on_the_topic_is_wrong(self):
        self.assertIn("not on the topic", self.problems(arrived([*self.events, {"id": "strange"}])))

    def test_what_comes_again_is_counted_and_must_be_the_same(self):
        reader = WebhookReader(aside=None)
        for body in (b"one", b"one", b"other"):
            reader.take({"webhook-id": "calls-1"}, body)
        self.assertEqual((reader.arrivals["calls-1"].repeats, reader.arrivals["calls-1"].others), (2, 1))
        self.assertIn("came again with other bytes", self.problems(arrived(self.events) | reader.so_far()))

    def test_one_that_went_ahead_is_wrong(self):
        arrivals = arrived(self.events)
        arrivals["calls-4"].is_delayed = True
        self.assertIn("went ahead", self.problems(arrivals))


if __name__ == "__main__":
    unittest.main()

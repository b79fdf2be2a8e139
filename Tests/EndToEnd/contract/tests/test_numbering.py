import unittest

from ..numbering import Numbering


def event(kind, seq, prev, call="c", **data):
    return {"type": kind, "seq": seq, "prev": prev, "data": {"callId": call, **data}}


class Numbers(unittest.TestCase):
    def setUp(self):
        self.numbering = Numbering()
        self.assertEqual(self.numbering.told(event("call.received", 1, 0)), [])

    def tell(self, kind, seq, prev, **data):
        return self.numbering.told(event(kind, seq, prev, **data))

    def test_calls_are_numbered_apart(self):
        self.tell("call.received", 7, 0, call="d")
        self.tell("call.user.state", 2, 1)
        self.tell("call.user.state", 8, 7, call="d")
        self.assertEqual(self.numbering.unhealed(), [])

    def test_what_comes_before_itself_is_a_fault(self):
        self.assertTrue(self.tell("call.user.state", 3, 3))

    def test_an_event_before_any_snapshot_is_a_gap(self):
        self.numbering.told(event("call.user.state", 4, 3, call="d"))
        self.assertIn("nothing was seen", self.numbering.unhealed()[0])

    def test_a_snapshot_event_completes_what_is_known(self):
        self.tell("call.user.state", 4, 3)
        self.tell("call.snapshot", 5, 4)
        self.assertEqual(self.numbering.unhealed(), [])

    def test_a_sync_of_one_call_heals_that_call_and_one_without_a_name_heals_all(self):
        self.tell("call.user.state", 4, 3)
        self.numbering.asked_again("d")
        self.assertEqual(len(self.numbering.unhealed()), 1)
        self.numbering.asked_again(None)
        self.assertEqual(self.numbering.unhealed(), [])

    def test_an_answer_older_than_what_was_seen_changes_nothing(self):
        self.tell("call.user.state", 2, 1)
        self.tell("call.user.state", 3, 2)
        self.numbering.answered("call.sync", {"calls": [{"callId": "c", "seq": 2}]})
        self.tell("call.user.state", 4, 3)
        self.assertEqual(self.numbering.unhealed(), [])

    def test_a_call_that_ended_here_may_ring_again(self):
        self.tell("call.ended", 2, 1)
        self.assertTrue(self.tell("call.user.state", 3, 2))
        self.assertEqual(self.tell("call.received", 5, 3), [])
        self.assertEqual(self.tell("call.user.state", 6, 5), [])

    def test_an_end_owes_no_sync(self):
        self.tell("call.ended", 9, 8)
        self.assertEqual(self.numbering.unhealed(), [])


if __name__ == "__main__":
    unittest.main()

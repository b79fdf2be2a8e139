"""A page is reloaded, a line breaks: the call goes on."""

import time
import unittest

from stage.browser import Browsers
from stage.runner import stage
from stage.waiting import until

PICTURE_AGAIN_SECONDS = 5


class BrowserLosses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browsers = Browsers()
        cls.addClassCleanup(cls.browsers.close)

    def in_a_call(self, caller, callee):
        people = []
        for name, colour in ((caller, "red"), (callee, "blue")):
            people.append(self.browsers.person(name, colour))
            self.addCleanup(people[-1].close)
            people[-1].join()
        one, other = people
        one.calls(other)
        other.wait_rung_by(one)
        other.press("answer")
        one.wait_picture_of(other)
        other.wait_picture_of(one)
        return one, other, one.call_id()

    def test_a_page_reloaded_in_a_call_has_picture_on_both_sides_within_five_seconds(self):
        kim, leo, call = self.in_a_call("Kim", "Leo")
        session = stage.stack.get(f"/v1/calls/{call}")["sessionId"]
        links = kim.received()["links"]
        begun = time.monotonic()
        leo.page.reload()
        leo.wait_picture_of(kim)
        kim.wait_picture_of(leo, link=links + 1)
        taken = time.monotonic() - begun
        self.assertLess(taken, PICTURE_AGAIN_SECONDS)
        print(f"      picture on both sides {taken:.1f} s after the reload")
        leo.wait_status("connected")
        kim.wait_status("connected")

        self.nobody_left(call, session)
        kim.press("hangup")
        leo.wait_status("ended")
        kinds = [item["type"] for item in stage.stack.timeline(call)]
        self.assertEqual((kinds.count("call.connected"), kinds.count("call.ended"), kinds[0]), (1, 1, "call.started"), kinds)
        over = until("the session is over", lambda: ended(session))
        self.assertEqual(sorted({one["userId"] for one in over["participants"]}), ["kim", "leo"])
        self.assertTrue(all(one.get("leftAt") for one in over["participants"]), over)
        self.leave(kim, leo)

    def test_a_call_outlives_a_broken_line_and_what_was_wished_meanwhile_reaches_the_other(self):
        mia, noah, call = self.in_a_call("Mia", "Noah")
        session = stage.stack.get(f"/v1/calls/{call}")["sessionId"]
        links = noah.received()["links"]
        mia.line.cut()
        mia.wait_status("reconnecting")
        noah.wait_status("reconnecting")
        noah.wait_text("status", "Mia is reconnecting")
        noah.wait_picture_of(mia)
        mia.press("mute")
        mia.line.mend()
        mia.wait_status("connected")
        noah.wait_status("connected")
        noah.wait_visible("remote-muted")
        noah.wait_picture_of(mia)
        mia.wait_picture_of(noah)
        self.assertEqual(noah.received()["links"], links, "the same peer connection")
        self.nobody_left(call, session)
        noah.press("hangup")
        mia.wait_status("ended")
        self.leave(mia, noah)

    def nobody_left(self, call, session):
        live = stage.stack.get(f"/v1/calls/{call}")
        self.assertEqual((live["state"], live["sessionId"]), ("ongoing", session))
        kinds = [item["type"] for item in stage.stack.timeline(call)]
        self.assertNotIn("call.member.left", kinds)
        self.assertNotIn("call.ended", kinds)
        seen = stage.stack.get(f"/v1/sessions/{session}")
        self.assertNotIn("endedAt", seen)
        self.assertEqual([one for one in seen["participants"] if one.get("leftAt")], [])

    def leave(self, *people):
        for person in people:
            self.assertEqual(person.complaints, [])
            person.leave()


def ended(session):
    seen = stage.stack.get(f"/v1/sessions/{session}")
    return seen if seen.get("endedAt") else None

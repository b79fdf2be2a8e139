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

    def in_a_call(self, caller, callee, gateways=(None, None)):
        people = []
        for name, colour, gateway in ((caller, "red", gateways[0]), (callee, "blue", gateways[1])):
            people.append(self.browsers.person(name, colour))
            self.addCleanup(people[-1].close)
            if gateway is not None:
                people[-1].use_gateway(gateway)
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
        self.reload_and_end(leo, kim, call)

    def test_a_page_reloaded_in_a_call_may_come_back_through_another_gateway(self):
        pia, quin, call = self.in_a_call("Pia", "Quin", gateways=(0, 1))
        quin.use_gateway(0)
        self.reload_and_end(quin, pia, call)

    def test_the_callers_page_may_be_reloaded_too(self):
        rita, sven, call = self.in_a_call("Rita", "Sven", gateways=(1, 1))
        rita.use_gateway(0)
        self.reload_and_end(rita, sven, call)

    def reload_and_end(self, reloaded, other, call):
        session = stage.stack.get(f"/v1/calls/{call}")["sessionId"]
        links = other.received()["links"]
        begun = time.monotonic()
        reloaded.page.reload()
        reloaded.wait_picture_of(other)
        other.wait_picture_of(reloaded, link=links + 1)
        taken = time.monotonic() - begun
        self.assertLess(taken, PICTURE_AGAIN_SECONDS)
        print(f"      picture on both sides {taken:.1f} s after the reload")
        reloaded.wait_status("connected")
        other.wait_status("connected")

        self.nobody_left(call, session)
        other.press("hangup")
        reloaded.wait_status("ended")
        kinds = [item["type"] for item in stage.stack.timeline(call)]
        self.assertEqual((kinds.count("call.connected"), kinds.count("call.ended"), kinds[0]), (1, 1, "call.started"), kinds)
        over = until("the session is over", lambda: ended(session))
        self.assertEqual({one["userId"] for one in over["participants"]}, {reloaded.user, other.user})
        self.assertTrue(all(one.get("leftAt") for one in over["participants"]), over)
        self.leave(reloaded, other)

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

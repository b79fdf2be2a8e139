"""How a call ends that nobody took, as both sides are told it."""

import time
import unittest

from stage.browser import Browsers
from stage.runner import stage

RING_SECONDS = 5


class BrowserEndings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browsers = Browsers()
        cls.addClassCleanup(cls.browsers.close)

    def pair(self, caller, callee):
        people = []
        for name, colour in ((caller, "red"), (callee, "blue")):
            people.append(self.browsers.person(name, colour))
            self.addCleanup(people[-1].close)
            people[-1].join()
        return people

    def test_a_declined_call_says_so_on_both_pages(self):
        carla, dan = self.pair("Carla", "Dan")
        carla.calls(dan)
        dan.wait_rung_by(carla)
        dan.press("decline")
        carla.wait_status("declined")
        dan.wait_status("declined")
        carla.wait_text("notice", "Dan declined.")
        dan.wait_hidden("incoming")
        carla.wait_text("history", "Declined")
        dan.wait_text("history", "You declined")
        self.leave(carla, dan)

    def test_a_cancelled_call_stops_ringing_and_is_told_as_missed(self):
        emma, finn = self.pair("Emma", "Finn")
        emma.calls(finn)
        finn.wait_rung_by(emma)
        emma.wait_status("ringing")
        emma.press("hangup")
        finn.wait_hidden("incoming")
        finn.wait_text("notice", "You missed a call from Emma.")
        emma.wait_status("cancelled")
        emma.wait_text("history", "Cancelled")
        finn.wait_text("history", "Missed")
        self.leave(emma, finn)

    def test_a_call_that_nobody_answers_ends_for_both_when_its_time_is_over(self):
        gina, hugo = self.pair("Gina", "Hugo")
        gina.sees(hugo)
        begun = time.monotonic()
        started = gina.page.evaluate(
            f"switchboard.startCall({{calleeIds: ['{hugo.user}'], mediaType: 1, ringTimeoutMs: {RING_SECONDS * 1000}}})")
        self.assertEqual(started["code"], 0)
        hugo.wait_rung_by(gina)
        gina.wait_status("no-answer")
        hugo.wait_status("missed")
        self.assertAlmostEqual(time.monotonic() - begun, RING_SECONDS, delta=2)
        hugo.wait_hidden("incoming")
        gina.wait_text("history", "No answer")
        hugo.wait_text("history", "Missed")
        kinds = [item["type"] for item in stage.stack.timeline(started["callId"])]
        self.assertEqual((kinds.count("call.missed"), kinds.count("call.ended")), (1, 1), kinds)
        self.leave(gina, hugo)

    def test_a_call_answered_without_camera_has_sound_and_one_picture(self):
        ivy, jack = self.pair("Ivy", "Jack")
        ivy.calls(jack)
        jack.wait_rung_by(ivy)
        jack.press("answer-audio")
        jack.wait_picture_of(ivy)
        ivy.wait_sound()
        ivy.wait_text("call", "Camera is off")
        jack.press("hangup")
        ivy.wait_status("ended")
        self.leave(ivy, jack)

    def leave(self, *people):
        for person in people:
            self.assertEqual(person.complaints, [])
            person.leave()

"""Two people in two browsers make a video call at the demo page."""

import unittest

from stage.browser import Browsers
from stage.runner import stage
from stage.waiting import until


class BrowserCall(unittest.TestCase):
    def setUp(self):
        self.browsers = Browsers()
        self.addCleanup(self.browsers.close)

    def test_two_people_ring_answer_see_and_hear_each_other_and_hang_up(self):
        anna = self.browsers.person("Anna", "red").join()
        ben = self.browsers.person("Ben", "blue").join()
        ben.sees(anna)

        anna.calls(ben)
        ben.wait_rung_by(anna)
        anna.wait_status("ringing")
        ben.screenshot("ringing")
        ben.press("answer")
        for one, other in ((anna, ben), (ben, anna)):
            one.wait_status("connected")
            one.wait_picture_of(other)
            one.wait_sound()
        call = anna.call_id()
        self.assertEqual(ben.call_id(), call)
        self.wait_timer(anna, 2)
        anna.screenshot("call-anna")
        ben.screenshot("call-ben")

        self.toggles_reach_the_other(anna, ben)
        live = stage.stack.get(f"/v1/calls/{call}")
        self.assertEqual(live["state"], "ongoing")

        anna.press("hangup")
        anna.wait_status("ended")
        ben.wait_status("ended")
        ben.wait_text("notice", "Anna")
        for one, other in ((anna, ben), (ben, anna)):
            one.wait_text("history", f"{other.name}\nVideo call, 0:")
        self.assertEqual(anna.complaints + ben.complaints, [])
        anna.screenshot("history")
        over = stage.stack.get(f"/v1/calls/{call}")
        self.assertEqual((over["state"], over["sessionId"]), ("ended", live["sessionId"]))
        anna.leave()
        ben.leave()

    def test_two_people_whose_networks_let_only_a_relay_through_see_each_other(self):
        ralf = self.browsers.person("Ralf", "red", behind_relay=True).join()
        sina = self.browsers.person("Sina", "blue", behind_relay=True).join()
        ralf.calls(sina)
        sina.wait_rung_by(ralf)
        sina.press("answer")
        ralf.wait_picture_of(sina)
        sina.wait_picture_of(ralf)
        sina.press("hangup")
        ralf.wait_status("ended")
        ralf.leave()
        sina.leave()

    def toggles_reach_the_other(self, anna, ben):
        anna.press("mute")
        ben.wait_visible("remote-muted")
        anna.press("mute")
        ben.wait_hidden("remote-muted")
        anna.press("camera")
        until("Ben's page says that Anna's camera is off", lambda: "Camera is off" in ben.text("call"))
        ben.screenshot("camera-off")
        anna.press("camera")
        ben.wait_picture_of(anna)
        ben.press("camera")
        until("Anna's page says that Ben's camera is off", lambda: "Camera is off" in anna.text("call"))
        ben.press("camera")
        anna.wait_picture_of(ben)

    def wait_timer(self, person, seconds):
        def look():
            minutes, _, rest = person.text("timer").partition(":")
            return rest.isdigit() and int(minutes) * 60 + int(rest) >= seconds

        until(f"{person.name}'s timer shows {seconds} s", look)

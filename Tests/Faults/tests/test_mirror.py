"""The look at the mirror, on mirrors that were planted."""

import unittest

from checker import judge

from .planted import KEY, STARTED_AT
from .planted_mirror import PlantedMirror, shown

USERS, ROOMS = ("users", 0), ("rooms", 0)


class OnPlantedMirrors(unittest.TestCase):
    def setUp(self):
        self.planted = PlantedMirror()
        self.evidence = self.planted.evidence

    def violated(self) -> set[int]:
        findings = judge(self.evidence).findings
        self.texts, self.remarks, self.checked = findings.texts, findings.remarks, findings.checked
        return set(findings.violated)

    def assert_red(self, *invariants: int):
        self.assertEqual(self.violated(), set(invariants), self.texts)

    def change(self, after: float, place, until: float = 1000.0, **values: str | None):
        """`values` by key, a slash written as two underscores; nothing deletes."""
        for look in self.planted.looks_from(after, until):
            for key, value in values.items():
                key = key.replace("__", "/")
                if value is None:
                    look.hashes[place].pop(key, None)
                else:
                    look.hashes[place][key] = value

    def test_a_good_mirror_is_green_and_was_looked_at(self):
        self.assert_red()
        self.assertLessEqual({7, 16}, set(self.checked))
        self.assertEqual(self.remarks["looks at the mirror"], len(self.evidence.looks))

    def test_a_user_who_is_missing_at_rest(self):
        self.change(30, USERS, app__a=None)
        self.assert_red(16)

    def test_a_user_whom_the_log_does_not_know(self):
        self.change(30, USERS, app__z=shown("z", ["phone"]))
        self.assert_red(16)

    def test_a_user_of_another_tenant(self):
        self.change(30, USERS, app__a=None, other__a=shown("a", ["phone"]))
        self.assert_red(16)

    def test_a_device_that_is_shown_at_another_connection(self):
        self.change(30, USERS, app__a=shown("a", ["phone"]).replace('"gateway": "g"', '"gateway": "gone"'))
        self.assert_red(16)

    def test_a_user_who_is_shown_busy_and_is_not(self):
        self.change(30, USERS, app__a=shown("a", ["phone"], "busyWaiting"))
        self.assert_red(16)

    def test_a_room_that_is_closed_and_still_shown(self):
        self.change(8, ROOMS, **{KEY.replace("/", "__"): self.evidence.looks[9].hashes[ROOMS][KEY]})
        self.assert_red(7)

    def test_a_room_that_is_open_in_the_log_and_not_shown(self):
        self.evidence.logs["rooms"][-1].value["facts"].pop()  # what else is judged of rooms is red too
        self.assertIn(7, self.violated())

    def test_a_mirror_that_is_wrong_only_at_the_very_end(self):
        self.change(57, USERS, app__a=None)
        self.assertEqual(len(self.planted.looks_from(57)), 1)
        self.assert_red(16)

    def test_a_mirror_that_was_flushed_and_is_whole_again_in_time(self):
        for look in self.planted.looks_from(10, 19):
            look.hashes = {USERS: {}, ROOMS: {}}
        self.assert_red()
        self.assertEqual(self.remarks["ms that it was wrong or gone at most"], 8000)

    def test_a_mirror_that_was_flushed_and_is_not_whole_again_in_time(self):
        for look in self.planted.looks_from(10, 25):
            look.hashes = {USERS: {}, ROOMS: {}}
        self.assert_red(7, 16)

    def test_a_mirror_that_is_whole_without_its_stamp(self):
        for look in self.planted.looks_from(10, 25):
            del look.hashes[USERS]["#"]
        self.assert_red(16)

    def test_a_mirror_that_is_wrong_while_calls_live_and_right_again_at_rest(self):
        self.change(12, USERS, until=27, app__b=shown("b", ["phone"]))
        self.assert_red(16)

    def test_a_mirror_that_goes_back_to_what_was(self):
        old = self.planted.looks_from(1, 2)[0].hashes[USERS]["app/a"]
        self.change(20, USERS, until=35, app__a=old)
        self.assert_red(16)

    def test_a_mirror_that_is_behind_for_a_while(self):
        old = self.planted.looks_from(1, 2)[0].hashes[USERS]["app/a"]
        self.change(9, USERS, until=25, app__a=old)
        self.assert_red()
        self.assertGreater(self.remarks["ms that it was behind at most"], 14_000)

    def test_a_mirror_that_is_behind_for_good(self):
        old = self.planted.looks_from(1, 2)[0].hashes[USERS]["app/a"]
        self.change(9, USERS, app__a=old)
        self.assert_red(16)

    def test_a_redis_that_cannot_be_reached_for_a_while(self):
        for look in self.planted.looks_from(10, 40):
            look.hashes = None
        self.assert_red()

    def test_a_redis_that_cannot_be_reached_at_rest(self):
        self.evidence.looks[-1].hashes = None
        self.assert_red(16)

    def test_an_open_socket_that_neither_log_nor_mirror_knows(self):
        self.planted.line("c/phone", "open", 20.0)
        self.evidence.history.sort(key=lambda line: line["at"])
        self.assert_red(16)

    def test_a_device_that_is_connected_to_nobody(self):
        self.planted.line("b/tablet", "lost", 20.0)
        self.evidence.history.sort(key=lambda line: line["at"])
        self.assert_red(16)

    def test_a_device_that_went_offline_while_it_rang_is_waited_for_and_shown_without_devices(self):
        self.planted.line("a/phone", "lost", 39.0)
        self.evidence.history.sort(key=lambda line: line["at"])
        self.planted.user_fact("a", "ringAdded", 40_000, callId="x")
        connection = {"partition": 0, "gateway": "g", "number": len("aphone")}
        self.planted.user_fact("a", "wentOffline", 40_000, deviceId="phone", connection=connection)
        self.planted.user_fact("a", "ringRemoved", 40_000, callId="x")
        self.change(40, USERS, app__a='{"devices":[]}')
        self.assert_red()
        self.change(40, USERS, app__a=None)
        self.assert_red(16)


class OnPlantedTimes(unittest.TestCase):
    def test_the_planted_looks_span_what_the_tests_speak_of(self):
        looks = PlantedMirror().evidence.looks
        self.assertEqual([looks[0].at, looks[-1].at], [STARTED_AT / 1000 - 2, STARTED_AT / 1000 + 57])

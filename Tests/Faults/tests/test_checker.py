"""Green on a good call, and red on each thing that must never be."""

import copy
import unittest

from checker import census, judge
from checker.evidence import Entry

from .planted import CALL, EXPIRES_AT, KEY, STARTED_AT, Planted


class OnPlantedHistories(unittest.TestCase):
    def setUp(self):
        self.planted = Planted()
        self.evidence = self.planted.evidence
        self.calls = self.evidence.logs["calls"]

    def violated(self) -> set[int]:
        judged = judge(self.evidence)
        self.texts = judged.findings.texts
        return set(judged.findings.violated)

    def assert_red(self, *invariants: int):
        found = self.violated()
        self.assertLessEqual(set(invariants), found, f"found {sorted(found)}: {self.texts}")

    def test_a_good_call_is_green_and_every_invariant_was_looked_at(self):
        self.assertEqual(self.violated(), set(), self.texts)
        checked = judge(self.evidence).findings.checked
        self.assertLessEqual({1, 2, 5, 6, 8, 9, 10, 12, 14, 15, 20, 23}, set(checked))

    def test_a_second_terminal_event_in_the_log(self):
        self.planted.fact("ended", 9500, [], reason="ended")
        self.assert_red(2)

    def test_a_second_terminal_callback(self):
        again = copy.deepcopy(next(e for e in self.evidence.callbacks if e.value["type"] == "call.ended"))
        again.offset, again.value["id"], again.value["sequence"] = 900, "another", "9"
        self.evidence.callbacks.append(again)
        self.assert_red(2)

    def test_a_fact_behind_the_end(self):
        self.planted.fact("lost", 9500, [], userId="a", deviceId="phone")
        self.assert_red(2)

    def test_a_device_that_returns_behind_the_end_is_told_it(self):
        self.planted.fact("returned", 9500, [], userId="b", deviceId="tablet")
        self.assertEqual(self.violated(), set(), self.texts)

    def test_a_call_that_never_ends(self):
        self.calls[-1].value["facts"].pop()
        self.assert_red(2)

    def test_a_left_that_was_lost(self):
        rooms = self.evidence.logs["rooms"]
        rooms[-1].value["facts"].pop(0)
        self.assert_red(6)

    def test_a_left_of_whom_nobody_saw_join(self):
        self.evidence.logs["rooms"][3].value["facts"][0]["userId"] = "z"
        self.assert_red(6)

    def test_a_second_session_while_one_lives(self):
        self.planted.room(("opened", [], {"sessionId": "s2"}), ("opened", [], {"sessionId": "s3"}))
        self.assert_red(8)

    def test_more_members_than_a_room_holds(self):
        joins = [("joined", [], {"userId": f"u{n}", "seat": 1, "mediaType": "audio"}) for n in range(33)]
        self.planted.room(("opened", [], {"sessionId": "s2"}), *joins)
        self.assert_red(8)

    def test_two_winners_of_one_user(self):
        accepted = next(e for e in self.calls if e.value.get("facts", [{}])[0].get("fact") == "accepted")
        accepted.value["facts"].append({"fact": "accepted", "userId": "b", "device": {"deviceId": "tablet"}})
        self.assert_red(1)

    def test_a_sequence_that_is_repeated(self):
        self.calls[3].value["sequence"] = self.calls[2].value["sequence"]
        self.assert_red(9)

    def test_a_sequence_with_a_gap(self):
        self.calls[-1].value["sequence"] += 1
        self.assert_red(9)

    def test_a_chain_of_callbacks_that_is_broken(self):
        self.evidence.callbacks[-4].value["prevsequence"] = "1"
        self.assert_red(9)

    def test_a_callback_that_is_missing(self):
        self.evidence.callbacks = [e for e in self.evidence.callbacks if e.value["type"] != "call.connected"]
        self.assert_red(10)

    def test_one_id_with_two_bodies(self):
        again = copy.deepcopy(self.evidence.callbacks[0])
        again.offset, again.value["extra"] = 900, "changed"
        self.evidence.callbacks.append(again)
        self.assert_red(10)

    def test_a_callback_that_stands_there_twice_is_only_counted(self):
        again = copy.deepcopy(self.evidence.callbacks[0])
        again.offset = 900
        self.evidence.callbacks.append(again)
        self.assertEqual(self.violated(), set(), self.texts)

    def test_a_second_final_record(self):
        again = copy.deepcopy(next(e for e in self.evidence.callbacks if e.value["type"] == "call.log"))
        again.offset, again.value["id"], again.value["sequence"] = 900, "another", "9"
        self.evidence.callbacks.append(again)
        self.assert_red(12)

    def test_a_user_without_a_record(self):
        self.evidence.records.pop()
        self.assert_red(12)

    def test_two_different_records_of_one_user(self):
        self.planted.record("a")
        self.evidence.records[-1].value["endReason"] = 1003
        self.assert_red(12)

    def test_a_command_with_two_effects(self):
        self.planted.fact("left", 9500, [], command="a/phone/c3", userId="a")
        self.assert_red(14)

    def test_a_command_with_two_answers(self):
        self.planted.answered("a/phone", "c3", 80003, 9.2)
        self.assert_red(14)

    def test_a_shrug_is_no_answer(self):
        self.planted.answered("a/phone", "c3", 50300, 9.2)
        self.assertEqual(self.violated(), set(), self.texts)

    def test_a_question_that_left_no_record(self):
        self.planted.inbox("end", "b/phone/c9", "call.end", at=STARTED_AT + 9500)
        self.assert_red(14)

    def test_an_answer_that_no_record_knows(self):
        self.planted.asks("b/phone", "call.end", "c9", 9.2)
        self.planted.answered("b/phone", "c9", 0, 9.3)
        self.assert_red(15)

    def zombie(self) -> Entry:
        return self.planted.append("calls", {"kind": "facts", "incarnation": "i0", "ordinal": 7, "sequence": 8, "facts": [
            {"fact": "lost", "userId": "a", "deviceId": "phone"}]}, STARTED_AT + 9600)

    def test_records_of_a_zombie_are_counted_and_nothing_is_wrong(self):
        self.zombie()
        judged = judge(self.evidence)
        self.assertEqual(judged.findings.texts, [])
        self.assertEqual(len(judged.readings["calls"].zombies), 1)

    def test_records_behind_a_gap_do_not_count(self):
        self.calls[-1].value["ordinal"] += 1
        self.assertEqual(len(judge(self.evidence).readings["calls"].skipped), 1)
        self.assert_red(2)

    def test_a_record_of_no_incarnation(self):
        self.planted.append("calls", {"kind": "facts"}, STARTED_AT + 9600)
        self.assert_red(15)

    def test_a_callback_of_a_zombie_s_record(self):
        self.planted.callback("calls", self.zombie(), f"calls/{CALL}", "call.member.left", 9)
        self.assert_red(15)

    def test_an_effect_of_a_zombie_s_record_in_an_inbox(self):
        source = {"ledger": "calls", "partition": 0, "offset": self.zombie().offset, "index": 0}
        self.evidence.inboxes["rooms"].append(Entry(0, 0, STARTED_AT, KEY, {"input": {"type": "leave"}, "source": source}))
        self.assert_red(15)

    def test_a_frame_of_a_zombie_s_record(self):
        source = {"ledger": "calls", "partition": 0, "offset": self.zombie().offset, "index": 0}
        self.evidence.deliveries.append(Entry(0, 0, STARTED_AT, "", {"entries": [{"source": source}]}))
        self.assert_red(15)

    def test_an_event_that_the_log_does_not_have(self):
        self.planted.hears("a/phone", "call.user.connection", 8, 9.7, userId="b", online=False)
        self.assert_red(15)

    def test_an_accept_in_time_that_the_timer_has_beaten(self):
        self.planted = Planted()
        self.evidence = self.planted.evidence
        log = self.evidence.logs["calls"]
        accepted = next(e for e in log if e.value.get("facts", [{}])[0].get("fact") == "accepted")
        accepted.value["facts"][0] = {"fact": "missed", "userId": "b"}
        self.assert_red(20)

    def test_a_ring_past_its_time(self):
        line = self.planted.heard("b/tablet", "call.ended")
        line["at"] = EXPIRES_AT / 1000 + 1.5
        self.evidence.history.sort(key=lambda line: line["at"])
        self.assert_red(5)

    def test_a_ring_that_begins_past_its_time(self):
        self.evidence.history.insert(-1, {"at": EXPIRES_AT / 1000 + 2, "who": "b/tablet", "line": 1, "what": "in", "frame": {
            "type": "call.received", "seq": 1, "data": {"callId": CALL, "expiresAt": EXPIRES_AT}}})
        self.assert_red(5)

    def test_a_ring_that_nobody_ends(self):
        self.planted.forget(self.planted.heard("b/tablet", "call.ended"))
        self.assert_red(5, 23)

    def test_a_device_that_is_told_two_ends(self):
        self.planted.hears("b/tablet", "call.ended", 7, 9.2)
        self.assert_red(23)

    def away_at_the_end(self, *back: tuple[float, str]):
        """The tablet loses its line just before it would be told, and is seen to do this later."""
        end = self.planted.heard("b/tablet", "call.ended")
        end["what"] = "lost"
        del end["frame"]
        end["at"] -= 0.05
        for after, what in back:
            self.planted.line("b/tablet", what, after)
        self.evidence.history.sort(key=lambda line: line["at"])

    def test_a_device_that_stays_away_need_not_have_been_told(self):
        self.away_at_the_end()
        self.assertEqual(self.violated(), set(), self.texts)

    def test_a_device_that_came_back_for_a_moment_need_not_have_been_told(self):
        self.away_at_the_end((3.0, "open"), (20.0, "lost"))
        self.assertEqual(self.violated(), set(), self.texts)

    def test_a_device_that_comes_back_and_is_never_told(self):
        self.away_at_the_end((3.0, "open"))
        self.assert_red(23)

    def test_a_device_that_comes_back_for_long_and_is_never_told(self):
        self.away_at_the_end((3.0, "open"), (70.0, "lost"))
        self.assert_red(23)

    def test_a_device_whose_line_breaks_right_after_the_end_and_that_is_never_told(self):
        self.away_at_the_end((3.0, "open"))
        lost = next(line for line in self.evidence.history if line["what"] == "lost")
        lost["at"] += 0.2
        self.assert_red(23)

    def test_a_device_that_is_told_where_it_comes_back(self):
        self.away_at_the_end((3.0, "open"))
        self.planted.hears("b/tablet", "call.ended", 3, 3.1)
        self.evidence.history.sort(key=lambda line: line["at"])
        self.assertEqual(self.violated(), set(), self.texts)

    def test_a_device_that_was_told_and_is_told_again_where_it_comes_back(self):
        for after, what in ((3.0, "lost"), (4.0, "open")):
            self.planted.line("b/tablet", what, after)
        self.planted.hears("b/tablet", "call.ended", 7, 4.1)
        self.evidence.history.sort(key=lambda line: line["at"])
        self.assert_red(23)

    def test_a_seat_that_is_given_twice(self):
        self.planted.marker("users", "i1")
        for ordinal in range(2):
            self.planted.append("users", {"kind": "facts", "incarnation": "i1", "ordinal": ordinal, "facts": [
                {"user": {"fact": "seated", "seat": ordinal + 1}}]}, STARTED_AT, key="app/a")
        self.assert_red(4)

    def test_the_census_counts_what_rings_and_what_connects(self):
        calls = judge(self.evidence).calls
        moment = STARTED_AT / 1000
        self.assertEqual(census.at(moment + 1, calls), census.Census(1, 1, 0))
        self.assertEqual(census.at(moment + 2.005, calls), census.Census(1, 0, 1))
        self.assertEqual(census.at(moment + 5, calls), census.Census(1, 0, 0))
        self.assertEqual(census.at(moment + 10, calls), census.Census(0, 0, 0))

    def test_the_census_counts_accepts_that_were_only_sent_where_the_stroke_waits_for_these(self):
        calls, sent = judge(self.evidence).calls, census.accepts_sent(self.evidence)
        moment = STARTED_AT / 1000
        self.assertEqual(sent, {CALL: moment + 2.0})
        calls[CALL].accepted_at += 500
        calls[CALL].connected_at += 500
        self.assertEqual(census.at(moment + 2.1, calls), census.Census(1, 1, 0))
        self.assertEqual(census.at(moment + 2.1, calls, sent), census.Census(1, 0, 1))
        self.assertEqual(census.at(moment + 1.9, calls, sent), census.Census(1, 1, 0))

import json
import tempfile
import unittest
from pathlib import Path

from ..check import Checker
from ..documents import NAMES, PROTOCOL, Documents, DocumentsUnusable
from .traffic import CALL, NOW, back, callbacks, changed, exchanges, frames, http, out

DOCUMENTS = Documents()


def judge(lines):
    checker = Checker(DOCUMENTS)
    checker.read([json.dumps(line) for line in lines])
    return checker.finish()


def position(lines, direction, kind):
    return next(i for i, line in enumerate(lines)
                if line["direction"] == direction and json.loads(line["text"]).get("type") == kind)


class ARecordingThatKeepsTheContract(unittest.TestCase):
    def test_a_whole_call_passes_and_every_line_of_it_is_counted(self):
        report = judge(frames() + callbacks() + exchanges())
        self.assertEqual([violation.text() for violation in report.violations], [])
        self.assertEqual((report.frames, report.callbacks, report.bodies), (len(frames()), len(callbacks()), len(exchanges())))
        self.assertEqual(report.unanswered, 0)

    def test_what_a_recording_never_showed_is_named(self):
        unseen = judge(frames()).text().partition("not seen: ")[2].partition("\n")[0].split(", ")
        self.assertIn("event call.merged", unseen)
        self.assertIn("callback room.created", unseen)
        self.assertNotIn("event call.ended", unseen)

    def test_a_client_may_say_more_than_is_described(self):
        lines = frames()
        lines[0] = changed(lines[0], lambda frame: frame["data"].update(colour="blue"))
        self.assertEqual(judge(lines).violations, [])

    def test_a_request_that_is_wrong_on_purpose_may_be_refused(self):
        lines = [out("x", id="1", type="connect", data={}) | {"deliberate": True},
                 back("x", re="1", code=80001, message="deviceId is missing", data={"field": "deviceId"})]
        self.assertEqual(judge(lines).violations, [])

    def test_a_gap_that_a_sync_follows_is_healed(self):
        lines = frames()
        at = position(lines, "in", "call.user.state")
        lines[at] = changed(lines[at], lambda frame: frame.update(seq=3, prev=2))
        lines[at + 1:at + 1] = [out("a", id="s", type="call.sync", data={"callId": CALL})]
        later = [i for i, line in enumerate(lines) if line["connection"] == "a" and '"call.connected"' in line["text"]]
        lines[later[0]] = changed(lines[later[0]], lambda frame: frame.update(prev=3))
        self.assertEqual(judge(lines).violations, [])

    def test_a_gap_that_opens_while_a_sync_is_under_way_is_healed_by_its_answer(self):
        lines = frames()
        _, connected = (json.loads(line["text"]) for line in lines if '"call.connected"' in line["text"])
        at = next(i for i, line in enumerate(lines) if line["connection"] == "b" and '"media.state"' in line["text"])
        lines[at] = changed(lines[at], lambda frame: frame.update(seq=7, prev=6))
        snapshot = connected["data"] | {"seq": 7}
        lines[at:at] = [out("b", id="s", type="call.sync", data={"callId": CALL})]
        lines[at + 2:at + 2] = [back("b", re="s", code=0, data={"calls": [snapshot]})]
        end = next(i for i, line in enumerate(lines) if line["connection"] == "b" and '"call.ended"' in line["text"])
        lines[end] = changed(lines[end], lambda frame: frame.update(seq=8, prev=7))
        self.assertEqual([violation.text() for violation in judge(lines).violations], [])

    def test_callbacks_may_come_again_by_a_webhook_and_a_recording_may_start_in_the_middle(self):
        self.assertEqual(judge(callbacks() + callbacks()[2:]).violations, [])
        self.assertEqual(judge(callbacks()[3:]).violations, [])

    def test_a_request_whose_socket_died_is_counted_as_unanswered(self):
        self.assertEqual(judge([out("x", id="1", type="ping")]).unanswered, 1)


class APlantedFault(unittest.TestCase):
    def assert_found(self, lines, *words):
        report = judge(lines)
        text = "\n".join(violation.text() for violation in report.violations)
        self.assertTrue(report.violations, "nothing was found")
        for word in words:
            self.assertIn(word, text)

    def break_frame(self, direction, kind, change, *words):
        lines = frames()
        at = position(lines, direction, kind)
        lines[at] = changed(lines[at], change)
        self.assert_found(lines, *words)

    def break_answer(self, request, change, *words):
        lines = frames()
        asked = lines[position(lines, "out", request)]
        at = next(i for i, line in enumerate(lines) if line["connection"] == asked["connection"] and line["direction"] == "in"
                  and json.loads(line["text"]).get("re") == json.loads(asked["text"])["id"])
        lines[at] = changed(lines[at], change)
        self.assert_found(lines, *words)

    def test_a_request_without_a_required_field(self):
        self.break_frame("out", "call.start", lambda f: f["data"].pop("calleeIds"), "request call.start", "calleeIds")

    def test_a_single_call_to_two(self):
        self.break_frame("out", "call.start", lambda f: f["data"].update(calleeIds=["bob", "eve"]), "calleeIds")

    def test_an_unknown_request(self):
        self.assert_found([out("a", id="1", type="call.dance")], "call.dance")

    def test_a_payload_of_the_sdks_that_is_malformed(self):
        self.break_frame("out", "signal", lambda f: f["data"]["payload"].pop("sdp"), "sdp")

    def test_an_answer_with_a_member_that_is_not_described(self):
        self.break_answer("connect", lambda f: f["data"].update(secret=1), "secret")

    def test_a_snapshot_with_a_member_that_is_not_described(self):
        self.break_answer("call.accept", lambda f: f["data"].update(secret=1), "secret")

    def test_a_start_answered_like_an_accept(self):
        self.break_answer("call.start", lambda f: f["data"].pop("busyLineUserList"), "busyLineUserList")

    def test_an_answer_to_nothing_and_a_second_answer(self):
        self.assert_found([back("a", re="9", code=0)], "never asked")
        lines = frames()
        lines.insert(2, lines[1])
        self.assert_found(lines, "answered before")

    def test_an_id_used_again_before_its_answer(self):
        self.assert_found([out("a", id="1", type="ping"), out("a", id="1", type="ping")], "waiting for its answer already")

    def test_an_answer_on_another_connection(self):
        lines = frames()
        lines[1]["connection"] = "elsewhere"
        self.assert_found(lines, "never asked")

    def test_a_code_that_does_not_exist_and_data_that_is_not_its_own(self):
        lines = [out("a", id="1", type="ping"), back("a", re="1", code=80099, message="?")]
        self.assert_found(lines, "80099")
        lines = [out("a", id="1", type="ping"), back("a", re="1", code=42900, message="slow")]
        self.assert_found(lines, "data")
        lines = [out("a", id="1", type="ping"), back("a", re="1", code=80001, message="?", data={"field": 3})]
        self.assert_found(lines, "field")

    def test_a_wrong_request_taken_with_code_0(self):
        lines = [out("a", id="1", type="media.reset", data={}) | {"deliberate": True},
                 back("a", re="1", code=0, data={"joinId": "j9"})]
        self.assert_found(lines, "code 0 to a request that was wrong")

    def test_an_event_without_its_number_a_number_where_none_belongs(self):
        self.break_frame("in", "call.user.state", lambda f: f.pop("prev"), "prev")
        self.break_frame("in", "call.log", lambda f: f.update(seq=8), "seq")

    def test_an_end_reason_that_does_not_exist(self):
        self.break_frame("in", "call.ended", lambda f: f["data"].update(reason=1007), "reason")

    def test_a_log_without_sync_time_where_one_is_owed(self):
        self.break_frame("in", "call.log", lambda f: f["data"].pop("syncTime"), "syncTime")

    def test_an_event_that_is_not_described(self):
        self.assert_found([back("a", type="call.dance", data={})], "call.dance")

    def test_a_gap_that_no_sync_follows(self):
        lines = [line for line in frames() if not (line["connection"] == "b" and '"call.connected"' in line["text"])]
        self.assert_found(lines, "last seen was 3", "no call.sync followed")

    def test_a_snapshot_with_another_number_than_its_frame(self):
        self.break_frame("in", "call.received", lambda f: f.update(seq=2), "of its snapshot")

    def test_text_that_is_no_json_object_a_member_twice_and_a_frame_too_large(self):
        for text in ("[", "7", '{"type":"goaway","type":"goaway","data":{"reconnectInMs":1}}', '{"re":NaN}'):
            self.assert_found([{"kind": "frame", "direction": "in", "connection": "a", "text": text}], "JSON")
        self.assert_found([back("a", type="signal", data={"roomId": CALL, "payload": "x" * 70000, "from": {
            "userId": "a", "deviceId": "a", "joinId": "a"}})], "bytes")

    def test_callbacks_with_a_wrong_member_type_subject_or_number(self):
        for change, word in (
            (lambda e: e["data"].update(secret=1), "secret"),
            (lambda e: e.update(type="call.danced"), "call.danced"),
            (lambda e: e.update(subject="rooms/r1"), "subject"),
            (lambda e: e.update(subject="calls/" + "0" * 8 + CALL[8:]), "another call"),
            (lambda e: e.update(sequence=1), "sequence"),
            (lambda e: e.update(time="yesterday"), "time"),
            (lambda e: e["data"].pop("origin"), "origin"),
            (lambda e: e.update(prevsequence="1"), "not below"),
        ):
            self.assert_found([changed(callbacks()[0], change)], word)

    def test_the_same_callback_id_with_other_bytes(self):
        first = callbacks()[0]
        self.assertEqual(judge([first, first]).violations, [])
        self.assert_found([first, changed(first, lambda e: e["data"].update(calleeIds=["eve"]))], "other bytes")

    def test_a_callback_that_never_came_and_a_call_that_ends_twice(self):
        lines = callbacks()
        self.assert_found(lines[:2] + lines[3:], "follows on 3, which never came")
        again = changed(lines[4], lambda e: e.update(id="other", sequence="8", prevsequence="7"))
        self.assert_found(lines + [again], "ended more than once")
        self.assert_found([lines[0], changed(lines[1], lambda e: e.update(sequence="1", prevsequence="0"))], "one callback at most")

    def test_an_event_of_a_call_that_has_ended_here(self):
        lines = frames()
        late = {"roomId": CALL, "userId": "ada", "camera": False, "microphone": True, "screen": False}
        self.assert_found(lines + [back("b", type="media.state", seq=9, prev=6, data=late)], "had ended here before")
        self.assert_found(lines + [back("b", type="call.expired", data={"callId": CALL})], "had ended here before")
        repeat = [line for line in lines if line["connection"] == "b" and '"media.state"' in line["text"]]
        self.assertEqual(judge(lines + repeat).violations, [])

    def test_an_event_before_the_answer_to_connect(self):
        lines = frames()
        received = lines.pop(position(lines, "in", "call.received"))
        lines.insert(position(lines, "out", "connect") + 3, received)
        self.assert_found(lines, "came before the answer to `connect`")

    def test_http_with_a_wrong_body_status_path_or_content_type(self):
        issue, call = exchanges()[0], exchanges()[1]
        self.assert_found([changed(issue, lambda b: b.update(code=200))], "code")
        self.assert_found([changed(call, lambda b: b.update(secret=1))], "secret")
        self.assert_found([call | {"status": 302}], "302")
        self.assert_found([call | {"path": "/v1/call/" + CALL}], "no such path")
        self.assert_found([call | {"method": "PUT"}], "no such method")
        self.assert_found([call | {"contentType": "text/html"}], "text/html is not described")
        self.assert_found([call | {"responseBody": "oops"}], "not JSON")
        self.assert_found([call | {"responseBody": ""}], "missing")
        self.assert_found([call | {"path": "/v1/calls/1"}], "path parameter callId")
        self.assert_found([exchanges()[5] | {"responseBody": "{}"}], "none is described")
        self.assert_found([http("GET", "/demo/token", 200, None, {"userId": "a", "accessToken": "t"})], "userId is missing")
        self.assert_found([issue | {"requestBody": "{}"}], "request body")
        self.assert_found([issue | {"requestBody": "{}", "deliberate": True}], "200 to a request that was wrong")
        self.assert_found([exchanges()[3] | {"path": exchanges()[3]["path"].replace("5", "500")}], "limit")

    def test_a_line_that_cannot_be_judged(self):
        self.assert_found([{"kind": "smoke"}], "smoke")
        self.assert_found([{"kind": "frame", "direction": "in", "connection": "a"}], "text")
        self.assert_found([back("a", re="1", code=0) | {"direction": "up"}], "direction")


class TheDocuments(unittest.TestCase):
    def test_a_reference_to_nothing_is_found_at_the_start(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in NAMES:
                text = (PROTOCOL / name).read_text(encoding="utf-8").replace("  BusyUser:", "  Busy:")
                (Path(folder) / name).write_text(text, encoding="utf-8")
            with self.assertRaisesRegex(DocumentsUnusable, "BusyUser"):
                Documents(Path(folder))
            (Path(folder) / NAMES[0]).unlink()
            with self.assertRaisesRegex(DocumentsUnusable, NAMES[0]):
                Documents(Path(folder))

    def test_every_schema_is_a_schema_and_every_request_has_its_answer(self):
        from jsonschema import Draft202012Validator
        for document, path in (("asyncapi.yaml", ("components", "schemas")), ("openapi.yaml", ("components", "schemas")),
                               ("words.yaml", ("schemas",))):
            for schema in DOCUMENTS.at(document, *path)[0].values():
                Draft202012Validator.check_schema(schema)
        for key, message in DOCUMENTS.frames.messages.items():
            Draft202012Validator.check_schema(message["payload"])
            if key.startswith("request-"):
                self.assertIsNotNone(DOCUMENTS.frames.answer(message["name"]), key)

    def test_every_message_is_in_a_channel_and_every_event_is_told(self):
        channels = DOCUMENTS.at("asyncapi.yaml", "channels")[0]
        carried = set(channels["gateway"]["messages"]) | set(channels["callbacks"]["messages"])
        self.assertEqual(carried, set(DOCUMENTS.frames.messages))
        told = {m["$ref"].rsplit("/", 1)[1] for m in DOCUMENTS.at("asyncapi.yaml", "operations", "tell")[0]["messages"]}
        self.assertEqual(told, {key for key in carried if key.startswith("event-")})

    def test_every_object_that_the_server_sends_is_closed(self):
        for key, message in DOCUMENTS.frames.messages.items():
            if key.startswith(("event-", "answer-", "callback-")):
                name = message["name"]
                place = ["asyncapi.yaml", ["components", "messages", key, "payload"]]
                faults = DOCUMENTS.errors(place, {"not described": 1, "data": {"not described either": 1}})
                self.assertTrue(any("not described" in f and "either" not in f for f in faults), name)
                if key not in ("callback-call-ended",):
                    self.assertTrue(any("either" in f or "data" in f for f in faults), name)


if __name__ == "__main__":
    unittest.main()

"""A whole call between two people as its lines would be recorded: what the tests start from and break."""

import copy
import json

CALL = "8f14e45f-ceea-467f-9a3d-0c1b2a3d4e5f"
NOW = 1_700_000_000_000
MEDIA = {"kind": "p2p", "iceServers": [{"urls": ["stun:127.0.0.1:3478"]}], "expiresAt": NOW + 3_600_000}


def person(user, state, join=None):
    found = {"userId": user, "name": user.title(), "userState": state, "online": True, "camera": True, "microphone": True,
             "screen": False}
    return found | ({"deviceId": user + "-phone", "joinId": join, "joinedAt": NOW} if join else {})


def snapshot(user, seq, state, participants, inside, **more):
    return {"callId": CALL, "roomId": CALL, "callType": 0, "mediaType": 1, "callerUserId": "ada", "inviterUserId": "ada",
            "state": state, "self": {"inside": inside, "ringing": not inside}, "seq": seq, "createdAt": NOW,
            "participants": participants, **more}


def log(user, **more):
    return {"callId": CALL, "sessionId": "s1", "callType": 0, "callDirection": -1 if user == "ada" else 1, "mediaType": 1,
            "callerUserId": "ada", "participants": ["ada", "bob"],
            "callState": 1000, "currentUserState": 1000, "creationTime": NOW, "startTime": NOW + 10, "endTime": NOW + 5010,
            "duration": 5, "endReason": 1000, "missed": False, "final": True, **more}


def out(connection, **frame):
    return {"kind": "frame", "direction": "out", "connection": connection, "text": json.dumps(frame)}


def back(connection, **frame):
    return {"kind": "frame", "direction": "in", "connection": connection, "text": json.dumps(frame)}


def greeting(user):
    return {"userId": user, "connectionId": "c-" + user, "gatewayId": "gateway-1", "serverTime": NOW, "pingIntervalMs": 15000,
            "lossGraceMs": 60000, "callIds": [], "roomIds": [], "calls": [], "rooms": []}


def frames():
    both = [person("ada", 300, "j1"), person("bob", 300, "j2")]
    offer = {"v": 1, "kind": "description", "type": "offer", "sdp": "v=0"}
    return [
        out("a", id="1", type="connect", data={"token": "t", "deviceId": "ada-phone", "platform": "web"}),
        back("a", re="1", code=0, data=greeting("ada")),
        out("b", id="1", type="connect", data={"token": "t", "deviceId": "bob-phone", "platform": "web"}),
        back("b", re="1", code=0, data=greeting("bob")),
        out("a", id="2", cmd="k1", type="call.start", data={"callId": CALL, "calleeIds": ["bob"], "callType": 0, "mediaType": 1}),
        back("a", re="2", code=0, data=snapshot(
            "ada", 1, 100, [person("ada", 100, "j1"), person("bob", 101)], True, busyLineUserList=[], media=MEDIA)),
        back("b", type="call.received", seq=1, prev=0, data=snapshot(
            "bob", 1, 101, [person("ada", 100), person("bob", 101)], False, busy=False, expiresAt=NOW + 60000,
            inviter={"userId": "ada", "name": "Ada"})),
        out("b", id="2", type="call.ringing", data={"callId": CALL}),
        back("b", re="2", code=0),
        back("a", type="call.user.state", seq=2, prev=1, data={"callId": CALL, "userId": "bob", "userState": 102}),
        out("b", id="3", cmd="k2", type="call.accept", data={"callId": CALL}),
        back("b", re="3", code=0, data=snapshot("bob", 3, 200, both, True, sessionId="s1", roomSeq=1, media=MEDIA)),
        back("a", type="call.connected", seq=4, prev=2, data=snapshot(
            "ada", 4, 300, both, True, sessionId="s1", roomSeq=2, startTime=NOW + 10)),
        back("b", type="call.connected", seq=4, prev=3, data=snapshot(
            "bob", 4, 300, both, True, sessionId="s1", roomSeq=2, startTime=NOW + 10)),
        out("a", id="3", type="signal", data={"roomId": CALL, "to": "bob", "payload": offer}),
        back("b", type="signal", data={
            "roomId": CALL, "from": {"userId": "ada", "deviceId": "ada-phone", "joinId": "j1"}, "payload": offer}),
        back("a", re="3", code=0),
        out("a", id="4", type="media.state", data={"roomId": CALL, "camera": False}),
        back("a", re="4", code=0, data={}),
        back("b", type="media.state", seq=5, prev=4, data={
            "roomId": CALL, "userId": "ada", "camera": False, "microphone": True, "screen": False}),
        out("a", id="5", type="call.end", data={"callId": CALL}),
        back("a", re="5", code=0),
        back("a", type="call.ended", seq=6, prev=4, data={"callId": CALL, "reason": 1000, "log": log("ada")}),
        back("b", type="call.ended", seq=6, prev=5, data={"callId": CALL, "reason": 1000, "log": log("bob")}),
        back("b", type="call.log", data=log("bob", syncTime=NOW + 5020)),
        out("b", id="4", type="call.end", data={"callId": CALL}),
        back("b", re="4", code=80003, message="neither inside nor ringing"),
        out("b", id="5", type="call.logs", data={"count": 10, "order": 1}),
        back("b", re="5", code=0, data={"hasMore": False, "logs": [log("bob", syncTime=NOW + 5020)], "syncTime": NOW + 20}),
    ]


def callback(kind, sequence, before, **data):
    members = {"callId": CALL, "roomId": CALL, "sessionId": "s1", "callType": 0, "mediaType": 1, "callerUserId": "ada",
               "origin": "client"}
    return {"kind": "cloudevent", "text": json.dumps({
        "specversion": "1.0", "id": f"{CALL}.{sequence}", "source": "/apps/Key1", "type": kind, "subject": "calls/" + CALL,
        "time": "2023-11-14T22:13:20.000Z", "datacontenttype": "application/json", "sequence": str(sequence),
        "prevsequence": str(before), "sessionid": "s1", "data": members | data})}


def callbacks():
    end = {"reason": 1000, "startTime": NOW + 10, "endTime": NOW + 5010, "durationMs": 5000}
    return [
        callback("call.started", 1, 0, calleeIds=["bob"]),
        callback("call.ringing", 2, 1, userId="bob", deviceId="bob-phone"),
        callback("call.accepted", 3, 2, userId="bob", deviceId="bob-phone"),
        callback("call.connected", 4, 3, startTime=NOW + 10),
        callback("call.ended", 6, 4, **end),
        callback("call.log", 7, 6, **end, participants=[{"userId": "bob", "state": 1000, "talkMs": 5000}]),
    ]


def exchanges():
    problem = {"title": "No such call", "status": 404, "code": 80008, "requestId": "r1"}
    call = {"callId": CALL, "roomId": CALL, "sessionId": "s1", "callType": 0, "mediaType": 1, "callerUserId": "ada",
            "state": "ongoing", "seq": 4, "createdAt": NOW, "participants": [person("ada", 300, "j1")]}
    timeline = {"items": [{"sequence": 1, "time": NOW, "type": "call.started", "userId": "ada", "data": {}}]}
    return [
        http("POST", "/v4/auth/access-token/issue", 200, {"userId": "ada", "name": "Ada"},
             {"code": 0, "result": {"userId": "ada", "accessToken": "t"}}),
        http("GET", f"/v1/calls/{CALL}", 200, None, call),
        http("GET", f"/v1/calls/{CALL}", 404, None, problem, contentType="application/problem+json"),
        http("GET", f"/v1/calls/{CALL}/timeline?limit=5", 200, None, timeline),
        http("GET", "/demo/token?userId=ada&name=Ada", 200, None, {"userId": "ada", "accessToken": "t"}),
        http("DELETE", "/v1/callbacks/endpoints/e1", 204, None, None),
        http("GET", "/metrics", 200, None, "switchboard_up 1\n", contentType="text/plain; version=0.0.4"),
    ]


def http(method, path, status, request, response, **more):
    response = json.dumps(response) if isinstance(response, dict) else response
    return {"kind": "http", "method": method, "path": path, "status": status,
            "requestBody": json.dumps(request) if request is not None else None, "responseBody": response, **more}


def changed(line, change):
    """The same line with its text's JSON changed in place by `change`."""
    line = copy.deepcopy(line)
    member = "text" if "text" in line else "responseBody"
    value = json.loads(line[member])
    change(value)
    line[member] = json.dumps(value)
    return line

import Switchboard
import Testing

private func read<M: Message>(_ text: String, as _: M.Type = M.self, limits: CodingLimits = .standard) throws -> M {
    try M(json: Array(text.utf8), limits: limits)
}

private func text(_ message: some Message) -> String { String(decoding: message.encoded(), as: UTF8.self) }

/// The failure of reading `text`, or nil where it is accepted.
private func failure<M: Message>(
    _ text: String, _: M.Type = M.self, limits: CodingLimits = .standard
) -> CodingFailure? {
    do {
        _ = try M(json: Array(text.utf8), limits: limits)
        return nil
    } catch { return error }
}

@Suite struct `A message in JSON` {
    static let golden =
        #"{"text":"plain, \"quoted\", \\ and \u0001\n😀 ü","textMaybe":"","number":-7,"wide":-9223372036854775808,"#
        + #""unsigned":18446744073709551615,"flag":true,"fraction":0.1,"call":"0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11","#
        + #""room":"r","time":1700000000123,"kind":"video","level":2,"#
        + #""member":{"userId":"a","inside":false,"seq":9007199254740993},"#
        + #""memberMaybe":{"userId":"a","deviceId":"d1","inside":false,"seq":9007199254740993},"#
        + #""members":[{"userId":"a","inside":false,"seq":9007199254740993},"#
        + #"{"userId":"a","inside":false,"seq":9007199254740993}],"#
        + #""users":["x","y"],"words":["","zwei"],"times":[0,-1],"kinds":["video","audio"],"wordsMaybe":[],"#
        + #""data":{"type":"offer", "sdp":"v=0\r\n"},"dataMaybe":[1,2.5e3,null],"counts":{"a":1,"b":2},"#
        + #""names":{"k\"":"v"}}"#

    @Test func `is written in the order of its members`() {
        #expect(text(Everything.full) == Self.golden)
    }

    @Test func `is read as it was written`() throws {
        #expect(try read(Self.golden) == Everything.full)
    }

    @Test func `leaves out what is nil`() throws {
        #expect(text(Member()) == #"{"userId":"","inside":false,"seq":0}"#)
        let nulls: Member = try read(#"{"userId":"","deviceId":null,"inside":false,"seq":0}"#)
        #expect(nulls == Member())
    }

    @Test func `is read with its members in any order, with space and unknown members between`() throws {
        let text = """
            \t{ "seq" : 4 , "later": {"a":[1,{"b":"\\u00e9"}]}, "inside":true,\r
              "us\\u0065rId" : "u" , "also": [ ] }\n
            """
        let member: Member = try read(text)
        #expect(member.user == UserID("u"))
        #expect(member.isInside && member.seq == 4 && member.device == nil)
    }

    @Test func `keeps defaults of lists that are missing`() throws {
        let frame: Frame = try read(#"{"type":"ring","call":"c"}"#)
        #expect(frame == .ring(Frame.Ring(call: CallID("c"))))
    }

    @Test func `has inline payloads in both directions, also behind their word`() throws {
        var member = Member()
        member.user = UserID("b")
        let ring = Frame.ring(Frame.Ring(call: CallID("c"), callees: [member]))
        #expect(text(ring) == #"{"type":"ring","call":"c","callees":[{"userId":"b","inside":false,"seq":0}]}"#)
        #expect(try read(text(ring)) == ring)
        #expect(
            try read(#"{"callees":[{"seq":0,"userId":"b","inside":false}],"call":"c","type":"ring"}"#) == ring)
    }

    @Test func `appends to bytes that are there`() {
        var bytes = Array("x".utf8)
        Frame.end(Frame.End(reason: "y")).encode(into: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == #"x{"type":"end","reason":"y"}"#)
    }

    @Test func `grows its buffer for what is long`() throws {
        let long = String(repeating: "\u{2}é\"", count: 5_000)
        let frame = Frame.end(Frame.End(reason: long))
        #expect(try read(text(frame)) == frame)
    }

    @Test func `reads all escapes and pairs of surrogates`() throws {
        let end: Frame.End = try read(#"{"reason":"\"\\\/\b\f\n\r\t\u0041\u00FC\uD83D\ude00\u0000"}"#)
        #expect(end.reason == "\"\\/\u{8}\u{c}\n\r\tA\u{fc}\u{1F600}\u{0}")
    }

    @Test func `keeps keys of one letter`() throws {
        struct Short: Message, Equatable {
            var t = 0
            mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("t", &t) }
        }
        var short = Short()
        short.t = 5
        #expect(text(short) == #"{"t":5}"#)
        #expect(try read(#"{"t":5}"#) == short)
    }
}

@Suite struct `A wrong message` {
    @Test(arguments: [
        ("{}", "userId: missing"),
        (#"{"userId":1}"#, "userId: wrongType"),
        (#"{"userId":null}"#, "userId: wrongType"),
        (#"{"userId":"u","deviceId":[],"inside":true,"seq":1}"#, "deviceId: wrongType"),
        (#"{"userId":"u","inside":"true","seq":1}"#, "inside: wrongType"),
        (#"{"userId":"u","inside":true,"seq":1.0}"#, "seq: wrongType"),
        (#"{"userId":"u","inside":true,"seq":1e2}"#, "seq: wrongType"),
        (#"{"userId":"u","inside":true,"seq":"1"}"#, "seq: wrongType"),
        (#"{"userId":"u","inside":true,"seq":9223372036854775808}"#, "seq: outOfRange"),
        (#"{"userId":"u","inside":true,"seq":-9223372036854775809}"#, "seq: outOfRange"),
        (#"{"userId":"u","inside":true,"seq":99999999999999999999999}"#, "seq: outOfRange"),
        (#"{"userId":"u","inside":true,"seq":01}"#, "seq: malformed"),
        (#"{"userId":"u","inside":true,"seq":-}"#, "seq: malformed"),
        (#"{"userId":"u","inside":true,"seq":+1}"#, "seq: malformed"),
        (#"{"userId":"u","inside":truth,"seq":1}"#, "inside: malformed"),
        (#"{"userId":"u","userId":"u","inside":true,"seq":1}"#, "userId: duplicateKey"),
        (#"{"userId":"u","inside":true,"seq":1,"x":1,"\u0078":2}"#, "x: duplicateKey"),
        (#"{"x":1,"userId":"u","inside":true,"seq":1,"inside":false}"#, "inside: duplicateKey"),
        (#"{"userId":"u","inside":true,"seq":1}x"#, "malformed"),
        (#"{"userId":"u","inside":true,"seq":1,}"#, "seq: malformed"),
        (#"{"userId":"u" "inside":true,"seq":1}"#, "userId: malformed"),
        (#"{,"userId":"u","inside":true,"seq":1}"#, "malformed"),
        (#"{"userId":"u","inside":true,"seq":1"#, "seq: malformed"),
        (#"{"userId":"u","inside":true,"seq":1,"more":[1,]}"#, "more: malformed"),
        (#"{"userId":"u","inside":true,"seq":1,"more":{"a":1,}}"#, "more: malformed"),
        (#"{"userId":"u","inside":true,"seq":1,"more":1.}"#, "more: malformed"),
        (#"{"userId":"u","inside":true,"seq":1,"more":.5}"#, "more: malformed"),
        (#"{"userId":"u","inside":true,"seq":1,"more":00}"#, "more: malformed"),
        (#"{"userId":"u","inside":true,"seq":1,"more":1e}"#, "more: malformed"),
        (#"{"userId":"u","inside":true,"seq":1,"more":NaN}"#, "more: malformed"),
        (#"{"userId":"u","inside":true,"seq":1,'more':1}"#, "seq: malformed"),
        ("{\"userId\":\"a\nb\",\"inside\":true,\"seq\":1}", "userId: malformed"),
        (#"{"userId":"\x","inside":true,"seq":1}"#, "userId: malformed"),
        (#"{"userId":"\u12g4","inside":true,"seq":1}"#, "userId: malformed"),
        (#"{"userId":"\ud800","inside":true,"seq":1}"#, "userId: badUTF8"),
        (#"{"userId":"\udc00\ud800","inside":true,"seq":1}"#, "userId: badUTF8"),
        (#"{"userId":"\ud800\ud800","inside":true,"seq":1}"#, "userId: badUTF8"),
        (#"[]"#, "wrongType"),
        (#""text""#, "wrongType"),
        ("", "malformed"),
        ("\u{FEFF}{}", "malformed"),
    ])
    func `is refused with its member and its problem`(text: String, expected: String) {
        #expect(failure(text, Member.self)?.description == expected)
    }

    @Test func `names the path through lists and tables`() {
        let list = #"{"type":"ring","call":"c","callees":[{"userId":"a","inside":true,"seq":1},{"userId":7}]}"#
        #expect(failure(list, Frame.self) == CodingFailure(.wrongType, path: "callees[1].userId"))
        #expect(failure(#"{"type":"sing"}"#, Frame.self) == CodingFailure(.unknownValue, path: "type"))
        struct Table: Message {
            var counts: [String: Int64] = [:]
            mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("counts", &counts) }
        }
        #expect(failure(#"{"counts":{"a":1,"b":"x"}}"#, Table.self)?.description == "counts.b: wrongType")
        #expect(failure(#"{"counts":{"a":1,"a":1}}"#, Table.self)?.description == "counts.a: duplicateKey")
    }

    @Test func `holds bytes that are not UTF-8`() {
        for bad: [UInt8] in [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]] {
            let known = Array(#"{"reason":""#.utf8) + bad + Array(#""}"#.utf8)
            #expect(throws: CodingFailure(.badUTF8, path: "reason")) { try Frame.End(json: known) }
            let unknown = Array(#"{"reason":"","x":""#.utf8) + bad + Array(#""}"#.utf8)
            #expect(throws: CodingFailure(.badUTF8, path: "x")) { try Frame.End(json: unknown) }
        }
    }

    /// A record may hold a text several times over, and is refused for what it is as it stands there.
    @Test func `has a text that takes more than twice its limit as JSON spells it`() throws {
        let limits = CodingLimits(bytes: 200, depth: 3, stringLength: 4, count: 2)
        #expect(failure(#"{"reason":"\"\\\n\""}"#, Frame.End.self, limits: limits) == nil)
        #expect(failure(#"{"reason":"\u0001\""}"#, Frame.End.self, limits: limits) == nil)
        #expect(failure(#"{"reason":"\u0001\"\""}"#, Frame.End.self, limits: limits)?.description == "reason: tooLong")
        #expect(failure(#"{"reason":"\u00e9\u00e9"}"#, Frame.End.self, limits: limits) == nil)

        func extra(_ text: String) -> CodingFailure? {
            var wish = CallStartRequest()
            wish.extra = text
            return failure(String(decoding: wish.encoded(), as: UTF8.self), CallStartRequest.self)
        }
        #expect(extra(String(repeating: "\"", count: 4_096)) == nil)
        #expect(extra(String(repeating: "\u{1}", count: 4_096)) == CodingFailure(.tooLong, path: "extra"))
    }

    @Test func `is beyond a limit`() {
        let limits = CodingLimits(bytes: 200, depth: 3, stringLength: 4, count: 2)
        #expect(failure(#"{"reason":"12345"}"#, Frame.End.self, limits: limits)?.description == "reason: tooLong")
        #expect(failure(#"{"reason":"1234"}"#, Frame.End.self, limits: limits) == nil)
        #expect(failure(#"{"reason":"\u0031234"}"#, Frame.End.self, limits: limits) == nil)
        #expect(failure(#"{"reason":"","x":[[]]}"#, Frame.End.self, limits: limits) == nil)
        #expect(failure(#"{"reason":"","x":[[[]]]}"#, Frame.End.self, limits: limits)?.problem == .tooDeep)
        #expect(failure(#"{"reason":"","x":[[{}]]}"#, Frame.End.self, limits: limits)?.problem == .tooDeep)
        let long = #"{"reason":"","x":""# + String(repeating: "x", count: 200) + #""}"#
        #expect(failure(long, Frame.End.self, limits: limits)?.description == "tooLarge")
        #expect(failure(#"{"type":"ring","call":"","callees":[{},{},{}]}"#, Frame.self) != nil)
        let deep = String(repeating: "[", count: 100_000)
        #expect(failure(#"{"reason":"","x":"# + deep, Frame.End.self)?.problem == .tooDeep)
    }
}

@Suite struct `An opaque value` {
    @Test func `is passed on as it came`() throws {
        let value = #" {"a" : [1.50, "\u00e9\/"] , "a":2} "#
        let opaque = try Opaque(checking: Array(value.utf8))
        #expect(String(decoding: opaque.bytes, as: UTF8.self) + " " == value.dropFirst())
    }

    @Test(arguments: ["", "{", "nul", "1 2", #"{"a"}"#, "[1,2", "\"\u{1}\"", #""\ud800""#, "-", "[1]]"])
    func `is refused when it is no JSON value`(text: String) {
        #expect(throws: CodingFailure.self) { try Opaque(checking: Array(text.utf8)) }
    }
}

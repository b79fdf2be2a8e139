import Switchboard

enum Kind: String, Sendable, CaseIterable { case audio, video }
enum Level: Int, Sendable { case low = 1, high = 2 }

struct Member: Message, Equatable {
    var user = UserID()
    var device: DeviceID?
    var isInside = false
    var seq: Int64 = 0
    init() {}
    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &user)
        try c("deviceId", &device)
        try c("inside", &isInside)
        try c("seq", &seq)
    }
}

/// Every shape a member can have.
struct Everything: Message, Equatable {
    var text = ""
    var textMaybe: String?
    var number: Int = 0
    var wide: Int64 = 0
    var unsigned: UInt64 = 0
    var flag = false
    var fraction = 0.0
    var call = CallID()
    var room: RoomID?
    var time = Timestamp()
    var kind = Kind.audio
    var level: Level?
    var member = Member()
    var memberMaybe: Member?
    var members: [Member] = []
    var users: [UserID] = []
    var words: [String] = []
    var times: [Int64] = []
    var kinds: [Kind] = []
    var wordsMaybe: [String]?
    var data = Opaque()
    var dataMaybe: Opaque?
    var counts: [String: Int64] = [:]
    var names: [String: String] = [:]
    init() {}
    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("text", &text)
        try c("textMaybe", &textMaybe)
        try c("number", &number)
        try c("wide", &wide)
        try c("unsigned", &unsigned)
        try c("flag", &flag)
        try c("fraction", &fraction)
        try c("call", &call)
        try c("room", &room)
        try c("time", &time)
        try c("kind", &kind)
        try c("level", &level)
        try c("member", &member)
        try c("memberMaybe", &memberMaybe)
        try c("members", &members, countMax: 8)
        try c("users", &users)
        try c("words", &words, max: 16)
        try c("times", &times)
        try c("kinds", &kinds)
        try c("wordsMaybe", &wordsMaybe)
        try c("data", &data)
        try c("dataMaybe", &dataMaybe)
        try c("counts", &counts)
        try c("names", &names)
    }
}

extension Everything {
    static var full: Everything {
        var e = Everything()
        e.text = "plain, \"quoted\", \\ and \u{1}\n\u{1F600} ü"
        e.textMaybe = ""
        e.number = -7
        e.wide = .min
        e.unsigned = .max
        e.flag = true
        e.fraction = 0.1
        e.call = CallID("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11")
        e.room = RoomID("r")
        e.time = Timestamp(milliseconds: 1_700_000_000_123)
        e.kind = .video
        e.level = .high
        e.member.user = UserID("a")
        e.member.seq = 9_007_199_254_740_993
        e.memberMaybe = e.member
        e.memberMaybe?.device = DeviceID("d1")
        e.members = [e.member, e.member]
        e.users = [UserID("x"), UserID("y")]
        e.words = ["", "zwei"]
        e.times = [0, -1]
        e.kinds = [.video, .audio]
        e.wordsMaybe = []
        e.data = Opaque(trustedForTest: #"{"type":"offer", "sdp":"v=0\r\n"}"#)
        e.dataMaybe = Opaque(trustedForTest: "[1,2.5e3,null]")
        e.counts = ["b": 2, "a": 1]
        e.names = ["k\"": "v"]
        return e
    }
}

extension Opaque {
    init(trustedForTest text: String) {
        do { try self.init(checking: Array(text.utf8)) } catch { preconditionFailure("\(error)") }
    }
}

/// Members inline on the surrounding object, chosen by a word of it.
enum Frame: Message, Equatable {
    enum Word: String { case ring, end }
    struct Ring: Message, Equatable {
        var call = CallID()
        var callees: [Member] = []
        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("call", &call)
            try c("callees", &callees)
        }
    }
    struct End: Message, Equatable {
        var reason = ""
        mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("reason", &reason) }
    }
    case ring(Ring)
    case end(End)
    init() { self = .end(End()) }

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var word: Word =
            switch self {
            case .ring: .ring
            case .end: .end
            }
        try c("type", &word)
        switch word {
        case .ring:
            var payload = Ring()
            if case .ring(let mine) = self { payload = mine }
            try payload.fields(&c)
            self = .ring(payload)
        case .end:
            var payload = End()
            if case .end(let mine) = self { payload = mine }
            try payload.fields(&c)
            self = .end(payload)
        }
    }
}

/// A message of the size and shape that most are: 17 members, nested.
struct Typical: Message, Equatable {
    struct Party: Message, Equatable {
        var user = UserID()
        var device = DeviceID()
        var region: String?
        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("user", &user)
            try c("device", &device)
            try c("region", &region)
        }
    }
    var id = ""
    var type = Kind.video
    var app = AppKey()
    var call = CallID()
    var room = RoomID()
    var time = Timestamp()
    var seq: Int64 = 0
    var isGroup = false
    var caller = Party()
    var callee = Party()
    var count = 0
    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("id", &id)
        try c("type", &type)
        try c("app", &app)
        try c("call", &call)
        try c("room", &room)
        try c("time", &time)
        try c("seq", &seq)
        try c("group", &isGroup)
        try c("caller", &caller)
        try c("callee", &callee)
        try c("count", &count)
    }
    static var sample: Typical {
        var m = Typical()
        m.id = "01J9Z8Q6W7M3K5N2P4R8T6V0XA"
        m.app = AppKey("k51hidwqknzzb")
        m.call = CallID("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11")
        m.room = RoomID("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11")
        m.time = Timestamp(milliseconds: 1_700_000_000_123)
        m.seq = 482
        m.caller.user = UserID("alice@example.org")
        m.caller.device = DeviceID("iphone-7f3a9c")
        m.caller.region = "eu-central"
        m.callee.user = UserID("bob.the.builder")
        m.callee.device = DeviceID("android-55e1d0")
        m.callee.region = "ap-southeast"
        m.count = 2
        return m
    }
}

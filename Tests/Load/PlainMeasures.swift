import Glibc
import Switchboard

/// What needs no server: the coder, SQLite, and signatures, each over and over on one thread.
enum PlainMeasures {
    private static let nanoseconds: UInt64 = 1_000_000_000
    private static let rowsAtOnce = 500
    private static let rows = 100_000

    /// - Parameter folder: of this measurement alone, for the database.
    static func run(in folder: String) throws {
        try coder()
        checksums()
        try signatures()
        try database(folder)
    }

    private static func coder() throws {
        let frame = Sample().encoded()
        let sample = try Sample(json: frame)
        repeating("coder, encode \(frame.count) bytes") { blackHole(sample.encoded().count) }
        repeating("coder, decode \(frame.count) bytes") { blackHole((try? Sample(json: frame))?.members.count ?? 0) }
    }

    private static func checksums() {
        let kilobyte = [UInt8](repeating: 0x61, count: 1024)[...]
        repeating("CRC-32C of 1 KB, \(CRC32C.isInHardware ? "by the processor" : "by tables")") {
            blackHole(Int(CRC32C.checksum(of: kilobyte)))
        }
        repeating("CRC-32C of 1 KB, by tables") { blackHole(Int(CRC32C.tabulated(of: kilobyte))) }
    }

    private static func signatures() throws {
        let key = SigningKey.generate()
        let signer = try TokenSigner(key: key, keyID: "k1")
        let verifier = try TokenVerifier(keysByID: ["k1": key.verifyingKey])
        var claims = TokenClaims()
        claims.app = AppKey("app0123456789")
        claims.sub = UserID("somebody")
        claims.name = "Somebody with a name"
        let payload = claims.encoded()
        let token = signer.sign(payload)
        repeating("ES256 sign") { blackHole(signer.sign(payload).utf8.count) }
        repeating("ES256 verify") { blackHole(verifier.verify(token)?.payload.count ?? 0) }
        let secret = SecureRandom.bytes(32)
        let body = [UInt8](repeating: 0x61, count: 300)
        repeating("HMAC-SHA256 of 300 bytes") { blackHole(Digest.hmacSHA256(body, key: secret).count) }
    }

    private static func database(_ folder: String) throws {
        let database = try SQLiteDatabase(path: folder + "/load.sqlite")
        try database.migrate(["CREATE TABLE calls (id TEXT PRIMARY KEY, room TEXT NOT NULL, n INTEGER NOT NULL)"])
        let ids = (0..<rows).map { _ in SecureRandom.uuid() }
        let start = monotonicNanoseconds()
        for first in stride(from: 0, to: rows, by: rowsAtOnce) {
            try database.transaction {
                for n in first..<first + rowsAtOnce {
                    try database.run("INSERT INTO calls VALUES (\(ids[n]), \("room"), \(n))")
                }
            }
        }
        tell("SQLite, a row in a batch of \(rowsAtOnce)", rows, since: start)
        var at = 0
        repeating("SQLite, point read") {
            at = (at + 7919) % rows
            let n = try? database.first("SELECT n FROM calls WHERE id = \(ids[at])") { row in try row(Int.self) }
            blackHole(n ?? 0)
        }
    }

    /// For about a second.
    private static func repeating(_ what: String, _ body: () -> Void) {
        for _ in 0..<100 { body() }
        let start = monotonicNanoseconds()
        var count = 0
        while monotonicNanoseconds() - start < nanoseconds {
            for _ in 0..<100 { body() }
            count += 100
        }
        tell(what, count, since: start)
    }

    private static func tell(_ what: String, _ count: Int, since start: UInt64) {
        var measured = PlainMeasured()
        measured.what = what
        measured.nanosecondsEach = Int(monotonicNanoseconds() - start) / max(count, 1)
        Console.report(measured)
    }

    @inline(never)
    private static func blackHole(_ value: Int) {
        if value == Int.min { Console.complain("never") }
    }
}

private struct PlainMeasured: Message {
    var what = ""
    var nanosecondsEach = 0

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("what", &what)
        try c("nanosecondsEach", &nanosecondsEach)
    }
}

/// A nested message of 17 members and some 370 bytes, as most of ours are.
private struct Sample: Message {
    struct Member: Message {
        var userId = UserID("somebody-with-a-name")
        var deviceId = DeviceID("d-0123456789")
        var userState = 300
        var online = true
        var camera = false
        var joinedAt = Timestamp(milliseconds: 1_700_000_000_000)

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("deviceId", &deviceId)
            try c("userState", &userState)
            try c("online", &online)
            try c("camera", &camera)
            try c("joinedAt", &joinedAt)
        }
    }

    var callId = CallID("0b0e5b5c-7a61-4c7e-9d57-2a5a5f3c6f10")
    var callType = 0
    var seq = 7
    var extra: String?
    var members = [Member(), Member()]

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("callId", &callId)
        try c("callType", &callType)
        try c("seq", &seq)
        try c("extra", &extra)
        try c("members", &members)
    }
}

import Switchboard

/// A body of a request, with what its form alone cannot say.
protocol CheckedBody: Message {
    /// The first member that is wrong, and how.
    var flaw: String? { get }
}

/// Bytes of what is shown to people, as docs/protocol/words.yaml promises.
enum BodyLimit {
    static let name = 256
    static let avatarUrl = 2048
    static let usersPerExpire = 20
    static let ttlSeconds = 1...315_360_000

    static func flaw(_ user: UserID, name: String?, avatarUrl: String?) -> String? {
        if !user.isWellFormed { return "userId: malformed" }
        if let name, name.utf8.count > Self.name { return "name: tooLong" }
        if let avatarUrl, avatarUrl.utf8.count > Self.avatarUrl { return "avatarUrl: tooLong" }
        return nil
    }
}

struct IssueBody: CheckedBody {
    var userId = UserID()
    var name = ""
    var avatarUrl: String?

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &userId)
        try c("name", &name)
        try c("avatarUrl", &avatarUrl)
    }

    var flaw: String? { BodyLimit.flaw(userId, name: name, avatarUrl: avatarUrl) }
}

struct IssueAnswer: Message {
    struct Issued: Message {
        var userId = UserID()
        var accessToken = ""

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &userId)
            try c("accessToken", &accessToken)
        }
    }

    var code = 0
    var result = Issued()

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("code", &code)
        try c("result", &result)
    }
}

struct MakeBody: CheckedBody {
    var userId = UserID()
    var name: String?
    var avatarUrl: String?
    var ttlSeconds: Int?
    var grants: Opaque?

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userId", &userId)
        try c("name", &name)
        try c("avatarUrl", &avatarUrl)
        try c("ttlSeconds", &ttlSeconds)
        try c("grants", &grants)
    }

    var flaw: String? {
        // A token that may more than was asked for is worse than none.
        if grants != nil { return "grants: not possible here" }
        if let ttlSeconds, !BodyLimit.ttlSeconds.contains(ttlSeconds) { return "ttlSeconds: outOfRange" }
        return BodyLimit.flaw(userId, name: name, avatarUrl: avatarUrl)
    }
}

struct MakeAnswer: Message {
    var accessToken = ""
    var expiresAt: Timestamp?

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("accessToken", &accessToken)
        try c("expiresAt", &expiresAt)
    }
}

struct GetTokenAnswer: Message {
    var code = 200
    var userId = UserID()
    var token = ""

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("code", &code)
        try c("userId", &userId)
        try c("token", &token)
    }
}

struct ExpireBody: CheckedBody {
    var userIds: [UserID] = []
    var expiresAt = Timestamp()

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("userIds", &userIds, countMax: BodyLimit.usersPerExpire)
        try c("expiresAt", &expiresAt)
    }

    var flaw: String? {
        if userIds.isEmpty { return "userIds: missing" }
        if !userIds.allSatisfy(\.isWellFormed) { return "userIds: malformed" }
        return expiresAt.milliseconds < 0 ? "expiresAt: outOfRange" : nil
    }
}

/// What an access token says: the payload of a JWT (RFC 7519), signed with ES256.
package struct TokenClaims: Message {
    /// The App Key it is for.
    package var app = AppKey()
    package var sub = UserID()
    package var name = ""
    package var avatarUrl: String?
    /// Unix seconds; the fraction tells the millisecond, which revocation goes by.
    package var iat: Double = 0
    /// Unix seconds; nil does not expire.
    package var exp: Double?

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("app", &app)
        try c("sub", &sub)
        try c("name", &name)
        try c("avatarUrl", &avatarUrl)
        try c("iat", &iat)
        try c("exp", &exp)
    }

    package var issuedAt: Timestamp { Self.timestamp(iat) }
    package var expiresAt: Timestamp? { exp.map(Self.timestamp) }

    /// Beyond the last whole number that a double tells from its neighbour there is no moment to name.
    private static func timestamp(_ seconds: Double) -> Timestamp {
        let countable = 9_007_199_254_740_992.0
        return Timestamp(milliseconds: Int64(min(max(seconds * 1000, -countable), countable).rounded()))
    }
}

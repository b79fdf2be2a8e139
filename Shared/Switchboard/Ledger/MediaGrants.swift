/// How members reach each other: STUN and TURN servers, with credentials that end by themselves.
///
/// The same for the same user and moment, so that an effect performed again is the same frame. Credentials follow the
/// TURN REST convention: the user name is `<unix seconds of expiry>:<user>`, the password the Base64 of its HMAC-SHA1.
package struct MediaGrants: Sendable {
    private let urls: [String]
    private let lifetime: Duration
    private let sign: (@Sendable (String) -> String)?

    package static let lifetimeDefault: Duration = .seconds(3_600)

    /// - Parameter sign: makes the password of a user name; nil where the servers ask for none.
    package init(
        urls: [String], lifetime: Duration = MediaGrants.lifetimeDefault, sign: (@Sendable (String) -> String)? = nil
    ) {
        self.urls = urls
        self.lifetime = lifetime
        self.sign = sign
    }

    package func access(for user: UserID, at now: Timestamp) -> MediaAccess {
        var access = MediaAccess()
        access.expiresAt = now + lifetime
        guard !urls.isEmpty else { return access }
        var server = MediaAccess.IceServer(urls: urls)
        if let sign {
            let name = "\(access.expiresAt.milliseconds / 1000):\(user.text)"
            server.username = name
            server.credential = sign(name)
        }
        access.iceServers = [server]
        return access
    }
}

import Switchboard

/// Makes access tokens. Signing takes some tens of microseconds and is done on the loop.
struct TokenSource {
    private let signer: TokenSigner
    private let lifetime: Duration?

    init(key: SigningKey, keyID: String, lifetime: Duration?) throws(SigningFailure) {
        signer = try TokenSigner(key: key, keyID: keyID)
        self.lifetime = lifetime
    }

    /// A key is named by a part of the sum of its public half.
    static func keyID(of key: SigningKey) throws(SigningFailure) -> String {
        let sum = Digest.sha256(Array(try key.verifyingKey.base64.utf8))
        return Digest.hex(Array(sum.prefix(keyIDBytes)))
    }
    private static let keyIDBytes = 8

    struct Token {
        var text: String
        var expiresAt: Timestamp?
    }

    /// - Parameter asked: how long it is wished to be good for; never longer than the setting allows.
    func issue(_ app: AppKey, _ user: UserID, _ profile: Profile, at now: Timestamp, for asked: Duration? = nil)
        -> Token
    {
        var claims = TokenClaims()
        claims.app = app
        claims.sub = user
        claims.name = profile.name
        claims.avatarUrl = profile.avatarUrl
        claims.iat = Double(now.milliseconds) / 1000
        let limits = [lifetime, asked].compactMap { $0 }
        let expiresAt = limits.min().map { now + $0 }
        claims.exp = expiresAt.map { Double($0.milliseconds) / 1000 }
        return Token(text: signer.sign(claims.encoded()), expiresAt: expiresAt)
    }

    /// Whether the registry's keys accept what this key signs.
    func isAccepted(by directory: Directory) -> Bool { directory.verifier?.verify(signer.sign([])) != nil }
}

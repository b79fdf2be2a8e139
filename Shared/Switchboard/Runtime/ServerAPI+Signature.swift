/// The headers that sign a call, as they came; what is missing is empty.
struct SignedHeaders {
    static let scheme = "SB1-HMAC-SHA256"

    private(set) var appKey = ""
    private(set) var nonce = ""
    private(set) var timestamp = ""
    /// Lower-case hexadecimal digits.
    private(set) var signature = ""
    /// Signed over the whole request.
    private(set) var isWhole = false

    init(_ request: HTTPRequest) {
        for (name, value) in request.headers {
            switch name.hasPrefix("rc-") ? String(name.dropFirst(3)) : name {
            case "app-key": take(value, as: &appKey)
            case "nonce": take(value, as: &nonce)
            case "timestamp": take(value, as: &timestamp)
            case "signature" where !isWhole: take(value, as: &signature)
            case "authorization" where value.hasPrefix(Self.scheme + " "):
                isWhole = true
                signature = String(value.dropFirst(Self.scheme.count + 1))
            default: continue
            }
        }
    }

    /// Of a header that comes twice the first counts.
    private func take(_ value: String, as member: inout String) {
        if member.isEmpty { member = value }
    }

    /// The SHA-1 of secret, nonce and time, one behind the other.
    func publishedSignature(by secret: Secret) -> String { Digest.sha1Hex(secret.reveal() + nonce + timestamp) }

    /// The HMAC-SHA-256, keyed by the secret, over six lines joined by line feeds: the scheme, the method, the target
    /// as sent (path and query), the time, the nonce, and the SHA-256 of the body in lower-case hexadecimal digits.
    func wholeSignature(of request: HTTPRequest, by secret: Secret) -> String {
        let lines = [
            Self.scheme, request.method, request.target, timestamp, nonce, Digest.hex(Digest.sha256(request.body)),
        ]
        let signed = Array(lines.joined(separator: "\n").utf8)
        return Digest.hex(Digest.hmacSHA256(signed, key: Array(secret.reveal().utf8)))
    }
}

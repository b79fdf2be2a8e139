/// Signs payloads as compact JWS, under one header that is fixed for the key.
package struct TokenSigner: Sendable {
    private let key: SigningKey
    private let start: [UInt8]

    /// - Throws: when the key's name has other characters than letters, digits, `-`, `_` and `.`.
    package init(key: SigningKey, keyID: String) throws(SigningFailure) {
        self.key = key
        start = Array("\(try header(keyID)).".utf8)
    }

    /// - Parameter payload: JSON, by those who have a say in it; not looked at here.
    package func sign(_ payload: [UInt8]) -> String {
        let signed = start + Array(Base64.encodeURL(payload).utf8)
        let signature = Base64.encodeURL(key.sign(signed))
        return "\(String(decoding: signed, as: UTF8.self)).\(signature)"
    }
}

/// Accepts compact JWS whose header is, byte for byte, one that `TokenSigner` writes for a known key; so there is no
/// choice of algorithm to be abused.
package struct TokenVerifier: Sendable {
    private var keysByHeader: [[UInt8]: (id: String, key: VerifyingKey)] = [:]

    /// - Throws: when a key's name could not be a signer's.
    package init(keysByID: [String: VerifyingKey]) throws(SigningFailure) {
        for (id, key) in keysByID { keysByHeader[Array(try header(id).utf8)] = (id, key) }
    }

    /// - Returns: the payload and the name of the key that vouches for it; nil when the token is not authentic.
    package func verify(_ token: String) -> (keyID: String, payload: [UInt8])? {
        guard token.utf8.count <= tokenLengthMax else { return nil }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let (id, key) = keysByHeader[Array(parts[0].utf8)] else { return nil }
        guard let payload = Base64.decodeURL(parts[1]), let signature = Base64.decodeURL(parts[2]) else { return nil }
        let signed = Array(token.utf8.prefix(parts[0].utf8.count + 1 + parts[1].utf8.count))
        return key.isValid(signature, of: signed) ? (id, payload) : nil
    }
}

/// Bytes; ours have about 350.
private let tokenLengthMax = 8192

private func header(_ keyID: String) throws(SigningFailure) -> String {
    let isPlain = keyID.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
    }
    guard isPlain, !keyID.isEmpty else { throw SigningFailure(operation: "naming a key", cause: "not a plain name") }
    return Base64.encodeURL(Array(#"{"alg":"ES256","kid":"\#(keyID)","typ":"JWT"}"#.utf8))
}

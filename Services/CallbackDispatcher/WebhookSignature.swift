import Switchboard

/// A secret as Standard Webhooks spells it, and what is signed with it.
enum WebhookSignature {
    private static let prefix = "whsec_"
    private static let keyBytes = 32

    static func freshSecret() -> String { prefix + Base64.encode(SecureRandom.bytes(keyBytes)) }

    /// - Parameter secrets: each signs; one that is none is passed over.
    /// - Returns: the three headers of a delivery.
    static func headers(id: String, seconds: Int64, body: [UInt8], secrets: [String]) -> [(String, String)] {
        let signed = Array("\(id).\(seconds).".utf8) + body
        let signatures = secrets.compactMap { secret -> String? in
            guard secret.hasPrefix(prefix), let key = Base64.decode(secret.dropFirst(prefix.count)) else { return nil }
            return "v1," + Base64.encode(Digest.hmacSHA256(signed, key: key))
        }
        return [
            ("webhook-id", id), ("webhook-timestamp", "\(seconds)"),
            ("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}

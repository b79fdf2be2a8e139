/// Where members find a relay, and the secret that makes their credentials.
package struct TurnSettings: Sendable {
    package let urls: [String]
    package let secret: Secret
    package let lifetime: Duration

    package init(_ options: inout Options) {
        let list = options.text(
            "SWITCHBOARD_TURN_URLS", default: "", help: "STUN and TURN servers for members, as turn:host:port,…")
        urls = list.split(separator: ",").map(String.init)
        for url in urls where !["stun:", "stuns:", "turn:", "turns:"].contains(where: url.hasPrefix) {
            options.refuse("SWITCHBOARD_TURN_URLS", "'\(url)' begins with none of stun:, stuns:, turn:, turns:")
        }
        secret = Secret(
            options.text(
                "SWITCHBOARD_TURN_SECRET", default: "",
                help: "What the TURN server knows as static-auth-secret; empty: servers without credentials"))
        lifetime = options.duration(
            "SWITCHBOARD_ICE_TTL", default: .seconds(3_600), in: .seconds(300) ... .seconds(86_400),
            help: "How long a member's TURN credentials are good for")
    }

    /// Passwords are the Base64 of the HMAC-SHA1 of the user name, as coturn's `use-auth-secret` checks them.
    package var grants: MediaGrants {
        guard !secret.isEmpty else { return MediaGrants(urls: urls, lifetime: lifetime) }
        return MediaGrants(urls: urls, lifetime: lifetime) { [secret] name in
            Base64.encode(Digest.hmacSHA1(Array(name.utf8), key: Array(secret.reveal().utf8)))
        }
    }
}

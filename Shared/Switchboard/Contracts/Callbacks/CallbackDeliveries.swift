/// A webhook endpoint, as it stands in partition 0 of `switchboard.callbacks.deliveries.v1`: the highest version counts.
package struct CallbackEndpoint: Message, Hashable {
    package var id = ""
    package var app = AppKey()
    package var version = 1
    package var url = ""
    /// Types, or beginnings with `.*`; `*` is all.
    package var types: [String] = []
    package var enabled = true
    package var description: String?
    /// `whsec_` and the key in Base64.
    package var secret = ""
    /// The one before, which signs too until its time is over.
    package var secretBefore: String?
    package var secretBeforeUntil: Timestamp?
    /// Why and when the house disabled it; nil where its owner did, or nobody.
    package var disabledBecause: DisabledBecause?
    package var disabledAt: Timestamp?
    /// The version that was told last as `callback.endpoint.disabled`; 0: none.
    package var toldBefore = 0
    /// Written once more so that it stays; nothing has changed.
    package var isAgain = false
    /// Names the writing, so that its writer knows whether it or another's came first.
    package var writing: String?
    /// Taken away by its owner.
    package var isGone = false
    /// Where each partition of the topic ended when the endpoint was made: it gets what comes behind.
    package var starts: [Int64] = []

    package enum DisabledBecause: String, Hashable, Sendable, CaseIterable {
        /// It answered 410.
        case gone
        /// For days it answered nothing with 2xx.
        case failing
    }

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var told: Int? = toldBefore == 0 ? nil : toldBefore
        var again: Bool? = isAgain ? true : nil
        try c("id", &id)
        try c("appKey", &app)
        try c("version", &version)
        try c("url", &url)
        try c("types", &types)
        try c("enabled", &enabled)
        try c("description", &description)
        try c("secret", &secret)
        try c("secretBefore", &secretBefore)
        try c("secretBeforeUntil", &secretBeforeUntil)
        try c("disabledBecause", &disabledBecause)
        try c("disabledAt", &disabledAt)
        try c("toldBefore", &told)
        try c("isAgain", &again)
        try c("writing", &writing)
        try c("isGone", &isGone)
        try c("starts", &starts)
        (toldBefore, isAgain) = (told ?? 0, again ?? false)
    }

    /// Those that sign at a moment, the newest first.
    package func secrets(at now: Timestamp) -> [String] {
        guard let secretBefore, let secretBeforeUntil, now < secretBeforeUntil else { return [secret] }
        return [secret, secretBefore]
    }

    package static let keyPrefix = "endpoint/"
    package var key: String { "\(Self.keyPrefix)\(app)/\(id)" }

    package func wants(_ type: String) -> Bool {
        types.contains { pattern in
            pattern == "*" || pattern == type || (pattern.hasSuffix(".*") && type.hasPrefix(pattern.dropLast()))
        }
    }

    package static func isPattern(_ text: String) -> Bool {
        if text == "*" { return true }
        var words = text.split(separator: ".", omittingEmptySubsequences: false)
        if words.count > 1, words.last == "*" { words.removeLast() }
        return words.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x61...0x7a).contains($0) } }
    }
}

/// How far one partition's events have come with one endpoint; stands in the same partition of
/// `switchboard.callbacks.deliveries.v1`.
package struct CallbackDelivery: Message, Hashable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Everything before `offset` has arrived, or stands here as failed or waiting.
        case cursor
        /// The attempt numbered `attempt` failed; the next is made at `at`.
        case failed
        /// Waits for an earlier one of its subject, which failed.
        case waits
        /// Arrived after all, or given up.
        case settled
    }

    package var kind = Kind.cursor
    package var endpoint = ""
    /// Of the event in `switchboard.callbacks.v1`.
    package var offset: Int64 = 0
    package var subject: String?
    package var attempt = 0
    package var at: Timestamp?
    /// The first failure of the delivery.
    package var since: Timestamp?
    /// Since when the endpoint has answered nothing with 2xx.
    package var failingSince: Timestamp?
    package var status: String?
    /// Where this topic must be read from to know all that waits.
    package var readFrom: Int64 = 0

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("kind", &kind)
        try c("endpoint", &endpoint)
        try c("offset", &offset)
        try c("subject", &subject)
        try c("attempt", &attempt)
        try c("at", &at)
        try c("since", &since)
        try c("failingSince", &failingSince)
        try c("status", &status)
        try c("readFrom", &readFrom)
    }

    package static let keyPrefix = "delivery/"
}

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
    /// Taken away by its owner.
    package var isGone = false
    /// Where each partition of the topic ended when the endpoint was made: it gets what comes behind.
    package var starts: [Int64] = []

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("id", &id)
        try c("appKey", &app)
        try c("version", &version)
        try c("url", &url)
        try c("types", &types)
        try c("enabled", &enabled)
        try c("description", &description)
        try c("secret", &secret)
        try c("isGone", &isGone)
        try c("starts", &starts)
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
        try c("status", &status)
        try c("readFrom", &readFrom)
    }

    package static let keyPrefix = "delivery/"
}

/// The topics, by the names that everything outside knows them by.
package enum Topic {
    package static let deliveries = "switchboard.gateway.deliveries.v1"
    package static let queries = "switchboard.queries.v1"
    package static let callRecords = "switchboard.calls.records.v1"
    package static let callbacks = "switchboard.callbacks.v1"
    package static let callbackDeliveries = "switchboard.callbacks.deliveries.v1"
}

/// One decided kind: an inbox of what is asked and a log of what was decided, partition by partition alike.
package enum LedgerName: String, Hashable, Sendable, CaseIterable {
    case calls, rooms, users, registry

    package var inbox: String { "switchboard.\(rawValue).inbox.v1" }
    package var log: String { "switchboard.\(rawValue).log.v1" }
}

/// The keys of inboxes, logs and mirrors. The App Key stands first in each: tenants never meet.
package enum RecordKey {
    package static func of(_ app: AppKey, _ id: some Identifier) -> String { "\(app.text)/\(id.text)" }

    /// - Returns: nil where the text has no App Key before it.
    package static func split(_ key: String) -> (app: AppKey, id: String)? {
        guard let slash = key.firstIndex(of: "/"), slash > key.startIndex else { return nil }
        return (AppKey(String(key[..<slash])), String(key[key.index(after: slash)...]))
    }

    /// Beats of a gateway stand in `users.inbox` beside the users; no App Key is empty, so that none meets them.
    package static func gateway(_ name: String) -> String { "/\(name)" }
}

/// The settings that every topic is made with, and checked against at the start.
package enum TopicRetention {
    package static let logs: Duration = .seconds(7 * 86_400)
    package static let deliveries: Duration = .seconds(3_600)
    package static let queries: Duration = .seconds(600)
    package static let callbacks: Duration = .seconds(30 * 86_400)
    package static let callRecords: Duration = .seconds(180 * 86_400)
}

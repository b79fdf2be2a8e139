import Switchboard

/// What only this service is told.
struct Configuration {
    /// Webhooks may go to private and loopback addresses: for one's own machine.
    var allowsPrivate: Bool
    /// How long after the first failure a delivery is tried again; the later steps grow with it.
    var retryFirst: Duration

    static let retryFirstDefault: Duration = .seconds(5)

    init(_ options: inout Options) {
        allowsPrivate = options.flag(
            "SWITCHBOARD_WEBHOOK_ALLOW_PRIVATE",
            help: "Lets webhooks go to private, loopback and link-local addresses; for one's own machine")
        retryFirst = options.duration(
            "SWITCHBOARD_WEBHOOK_RETRY_FIRST", default: Self.retryFirstDefault, in: .milliseconds(10) ... .seconds(60),
            help: "When a failed webhook is tried again first; shorter than 5s scales the whole schedule, for tests")
    }
}

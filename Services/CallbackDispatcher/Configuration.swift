import Switchboard

/// What only this service is told.
struct Configuration {
    /// Webhooks may go to private and loopback addresses: for one's own machine.
    var allowsPrivate: Bool
    var rules: DeliveryRules
    /// An endpoint's record older than this is written again, so that retention never takes one away.
    var endpointsAgainAfter: Duration

    /// The schedule's own first wait.
    private static let unscaled: Duration = .zero

    init(_ options: inout Options) {
        var rules = DeliveryRules()
        allowsPrivate = options.flag(
            "SWITCHBOARD_WEBHOOK_ALLOW_PRIVATE",
            help: "Lets webhooks go to private, loopback and link-local addresses; for one's own machine")
        let waits = options.durations(
            "SWITCHBOARD_WEBHOOK_RETRIES", default: RetrySchedule.waitsDefault,
            in: .milliseconds(1) ... .seconds(86_400),
            help: "What lies between an attempt and the next, give or take a fifth; behind the last a webhook is failed"
        )
        let first = options.duration(
            "SWITCHBOARD_WEBHOOK_RETRY_FIRST", default: Self.unscaled, in: .zero ... .seconds(60),
            help: "When a failed webhook is tried again first; scales the whole schedule, for tests; 0ms leaves it")
        rules.schedule = RetrySchedule(waits: waits, first: first == Self.unscaled ? nil : first)
        rules.answerWithin = options.duration(
            "SWITCHBOARD_WEBHOOK_ANSWER_WITHIN", default: rules.answerWithin, in: .milliseconds(100) ... .seconds(60),
            help: "A webhook that is not answered by then has failed")
        rules.orderHeld = options.duration(
            "SWITCHBOARD_WEBHOOK_ORDER_HELD", default: rules.orderHeld, in: .milliseconds(10) ... .seconds(86_400),
            help: "So long an event waits for the one of its subject before it, then it goes ahead")
        rules.disabledAfter = options.duration(
            "SWITCHBOARD_WEBHOOK_DISABLED_AFTER", default: rules.disabledAfter,
            in: .milliseconds(100) ... .seconds(30 * 86_400),
            help: "An endpoint that has answered nothing with 2xx for so long is disabled")
        rules.heldMax = options.int(
            "SWITCHBOARD_WEBHOOK_HELD_MAX", default: rules.heldMax, in: 1...100_000, unit: "events",
            help: "Events held for one endpoint and partition; beyond it, its events wait in the topic")
        endpointsAgainAfter = options.duration(
            "SWITCHBOARD_WEBHOOK_ENDPOINTS_AGAIN", default: .seconds(86_400),
            in: .milliseconds(100) ... .seconds(7 * 86_400),
            help: "Endpoints whose records are older are written again, before retention takes them")
        self.rules = rules
    }
}

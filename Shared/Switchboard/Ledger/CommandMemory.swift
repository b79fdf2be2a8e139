/// What a command came to, for as long as it may be repeated.
struct CommandMemory {
    enum Outcome: Equatable {
        case accepted
        case refused(Refusal)
    }

    private var outcomes: [String: (outcome: Outcome, time: Timestamp)] = [:]
    private var order = Queue<(command: String, time: Timestamp)>()

    mutating func remember(_ command: String, _ outcome: Outcome, at time: Timestamp) {
        outcomes[command] = (outcome, time)
        order.append((command, time))
    }

    /// From a snapshot: older than what is remembered already, and never instead of it.
    mutating func remember(_ known: RememberedCommand) {
        guard outcomes[known.command] == nil else { return }
        remember(known.command, known.refusal.map(Outcome.refused) ?? .accepted, at: known.time)
    }

    func outcome(of command: String, at now: Timestamp) -> Outcome? {
        guard let known = outcomes[command], known.time + LedgerLimit.commandMemory > now else { return nil }
        return known.outcome
    }

    /// Those of them that are remembered, as a snapshot carries them.
    func remembered(_ commands: [String], at now: Timestamp) -> [RememberedCommand] {
        commands.compactMap { command in
            guard let known = outcomes[command], known.time + LedgerLimit.commandMemory > now else { return nil }
            if case .refused(let refusal) = known.outcome { return RememberedCommand(command, refusal, at: known.time) }
            return RememberedCommand(command, nil, at: known.time)
        }
    }

    mutating func forget(at now: Timestamp) {
        while let first = order.first, first.time + LedgerLimit.commandMemory <= now {
            _ = order.popFirst()
            if let known = outcomes[first.command], known.time == first.time { outcomes[first.command] = nil }
        }
    }
}

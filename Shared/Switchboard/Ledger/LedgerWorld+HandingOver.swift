/// Inboxes that are read on when the group has given their partitions to others.
extension LedgerWorld {
    /// Why this process lets go of partitions.
    enum Departure {
        /// It stays; the group wants them elsewhere.
        case none
        /// It must not decide.
        case withdrawing
        /// It ends, and nobody else is in the group.
        case alone
        /// It ends when others have them.
        case leaving(() -> Void)

        var isWithdrawing: Bool { if case .withdrawing = self { true } else { false } }
    }

    /// How long a partition that the group has taken away is decided on, at most; nil: not at all.
    var handoverLimit: Duration? {
        switch departure {
        case .none: LedgerLimit.handoverMax
        case .leaving: LedgerLimit.leaveMax
        case .withdrawing, .alone: nil
        }
    }

    /// The group's consumer has let go of it: the reader goes on where it stopped.
    func readInboxOn(_ topic: String, _ partition: Int32, from offset: Int64) {
        if let id = consumer?.topic(topic) { inboxes[ReadingKey(topic: id, partition: partition)] = nil }
        guard let reader, let id = reader.topic(topic) else { return }
        guard readOn.insert(ReadingKey(topic: id, partition: partition)).inserted else { return }
        reader.add(id, partition, at: .offset(offset))
    }

    func stopReadingOn(_ topic: String, _ partition: Int32) {
        guard let reader, let id = reader.topic(topic) else { return }
        guard readOn.remove(ReadingKey(topic: id, partition: partition)) != nil else { return }
        reader.remove(id, partition)
    }

    /// - Returns: false where it is not read on.
    func setReadingOn(_ topic: String, _ partition: Int32, flows: Bool) -> Bool {
        guard let reader, let id = reader.topic(topic),
            readOn.contains(ReadingKey(topic: id, partition: partition))
        else { return false }
        if flows { reader.resume(id, partition) } else { reader.pause(id, partition) }
        return true
    }

    /// The reader knows the inboxes behind the logs.
    func ledger(ofInbox topic: KafkaTopicID) -> ServedLedger? {
        topic.index >= ledgers.count ? ledgers[topic.index - ledgers.count] : nil
    }

    /// Called whenever a partition has been handed over, or given up.
    func leaveWhenHandedOver() {
        guard hasLeft, case .leaving(let leave) = departure, ledgers.allSatisfy({ !$0.isHandingOver() }) else { return }
        departure = .alone
        leave()
    }

    /// Lets what was received be decided, written and performed, for a while at most: the next owner does the rest.
    func finish(_ then: @escaping () -> Void) {
        let deadline = ContinuousClock.now + LedgerLimit.finishMax
        finishing = loop.every(Self.finishLook) { [unowned self] in
            for ledger in ledgers { ledger.turn() }
            guard ContinuousClock.now > deadline || ledgers.allSatisfy({ $0.isIdle() }) else { return }
            finishing = nil
            then()
        }
    }
    private static let finishLook: Duration = .milliseconds(10)
}

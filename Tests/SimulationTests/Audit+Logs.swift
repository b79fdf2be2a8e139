@testable import Switchboard

/// What the logs say, read simply: by one rule, folded from nothing.
extension Audit {
    /// One fact as it is read back.
    struct Step<B: Book> {
        let key: String
        let fact: B.State.Fact
        let before: B.State
        let after: B.State
        let record: LogRecord<B.State.Fact>
        let number: Int
    }

    /// Folds each log afresh, and compares with what its owner believes.
    /// - Returns: everything that must have arrived somewhere.
    func read<B: Book>(_ post: Post<B>, _ world: World, see: (Step<B>) -> Void) -> Set<World.Landing> {
        var expected: Set<World.Landing> = []
        for partition in 0..<Broker.partitions {
            var reading = Reading<B>(partition: partition)
            for (offset, stored) in world.broker.records(B.ledger.log(partition)).enumerated() {
                guard let record = try? LogRecord<B.State.Fact>(json: stored.value),
                    reading.rule.judge(record, at: Int64(offset)) == .counts
                else { continue }
                let effects = fold(record, at: Int64(offset), number: stored.number, post.book, &reading, see: see)
                for (index, effect) in effects.all.enumerated() {
                    let source = SourceMark(
                        ledger: B.ledger, partition: partition, offset: Int64(offset), index: Int32(index))
                    expected.formUnion(world.landings(of: effect, source))
                }
            }
            for source in performed.keys where source.ledger == B.ledger && source.partition == partition {
                check(reading.counted.contains(source.offset), "performed what does not count: \(source)")
            }
            checkInbox(post, partition, world, reading.replies)
            compare(reading.states, post.hosts[Int(partition)]?.owner, "\(B.ledger) \(partition)")
        }
        return expected
    }

    /// What is known of a log as far as it was read.
    private struct Reading<B: Book> {
        let partition: Int32
        var rule = LogRule()
        var states: [String: B.State] = [:]
        var inboxOffset: Int64 = -1
        var counted: Set<Int64> = []
        var commands: Set<String> = []
        var replies: [Asker: Int] = [:]
        var sources: Set<SourceMark> = []
    }

    /// - Returns: what follows from the record.
    private func fold<B: Book>(
        _ record: LogRecord<B.State.Fact>, at offset: Int64, number: Int, _ book: B, _ reading: inout Reading<B>,
        see: (Step<B>) -> Void
    ) -> Effects {
        let place = "\(B.ledger) \(reading.partition) at \(offset)"
        reading.counted.insert(offset)
        check(record.inboxOffset >= reading.inboxOffset, "\(place): out of the order of the inbox")
        reading.inboxOffset = max(reading.inboxOffset, record.inboxOffset)
        if record.kind == .snapshot { checkSnapshot(record, reading, place) }
        reading.states = reading.states.filter { $0.value.forgetAt.map { $0 > record.time } ?? true }
        if record.refusal?.reason == .malformed {
            failed.append((B.ledger.inbox(reading.partition), Int(record.inboxOffset)))
        }
        if let reply = record.reply { reading.replies[reply.asker, default: 0] += 1 }
        var effects = Effects()
        guard var state = reading.states[record.key] ?? book.blank(for: record.key) else { return effects }
        if !record.facts.isEmpty {
            if let source = record.source {
                check(reading.sources.insert(source).inserted, "\(place): the same effect was decided twice")
            }
            check(record.sequence == state.sequence + 1, "\(place): fact \(record.sequence) after \(state.sequence)")
            if let command = record.command, !isAnswerOnly(record.facts) {
                check(reading.commands.insert(command).inserted, "\(place): \(command) had its effect twice")
            }
        }
        for fact in record.facts {
            let before = state
            state.apply(fact, at: record.time)
            book.perform(fact, key: record.key, before: before, after: state, into: &effects)
            see(Step(key: record.key, fact: fact, before: before, after: state, record: record, number: number))
        }
        if !record.facts.isEmpty { reading.states[record.key] = state }
        guard let reply = record.reply else { return effects }
        if let refusal = record.refusal {
            book.refuse(reply, key: record.key, refusal, state: state, into: &effects)
        } else {
            book.answer(reply, key: record.key, facts: record.facts, state: state, into: &effects)
        }
        return effects
    }

    /// It says what the facts before it say.
    private func checkSnapshot<B: Book>(_ record: LogRecord<B.State.Fact>, _ reading: Reading<B>, _ place: String) {
        snapshots += 1
        guard let state = record.state, let carried = try? Carried<B.State>(json: state.bytes) else {
            return check(false, "\(place): a snapshot that cannot be read")
        }
        guard let folded = reading.states[record.key] else {
            return check(false, "\(place): a snapshot of \(record.key), which is not known")
        }
        check(isSame(carried.state, folded), "\(place): the snapshot of \(record.key) is not what its facts say")
        check(record.sequence == folded.sequence, "\(place): a snapshot at another sequence")
    }

    /// Facts that answer the same command again.
    private func isAnswerOnly<Fact>(_ facts: [Fact]) -> Bool {
        facts.allSatisfy { fact in if case .synced? = fact as? CallFact { true } else { false } }
    }

    /// Every input that is to be answered has left its record.
    private func checkInbox<B: Book>(_ post: Post<B>, _ partition: Int32, _ world: World, _ replies: [Asker: Int]) {
        guard B.ledger == .calls else { return }
        var asked: [Asker: Int] = [:]
        var accepts: [String: Timestamp] = [:]
        for stored in world.broker.records(B.ledger.inbox(partition)) {
            guard let record = try? InboxRecord<B.State.Input>(json: stored.value) else { continue }
            if let reply = record.reply { asked[reply.asker, default: 0] += 1 }
            if case .accept? = record.input as? CallInput, let sentAt = record.sentAt,
                stored.time - sentAt < .seconds(10)
            {
                accepts[stored.key] = min(accepts[stored.key] ?? stored.time, stored.time)
            }
        }
        firstAccepts.merge(accepts) { min($0, $1) }
        for (asker, count) in asked {
            check(replies[asker, default: 0] == count, "\(asker.request) left \(replies[asker, default: 0]) records")
        }
    }

    private func compare<B: Book>(_ states: [String: B.State], _ owner: PartitionOwner<B>?, _ place: String) {
        guard let owner, owner.isOwning else { return }
        let last = owner.lastTime
        let live = owner.entries.filter { $0.value.state.forgetAt.map { $0 > last } ?? true }
        let folded = states.filter { $0.value.forgetAt.map { $0 > last } ?? true }
        check(Set(live.keys) == Set(folded.keys), "\(place): the owner knows other keys than its log")
        for (key, entry) in live {
            guard let state = folded[key] else { continue }
            check(isSame(entry.state, state), "\(place): the owner's \(key) is not its log's")
        }
    }

    private func isSame<S: Machine>(_ a: S, _ b: S) -> Bool {
        switch (a, b) {
        case (let a as Call, let b as Call): a.untold == b.untold
        case (let a as Room, let b as Room): a == b
        case (UsersEntry.user(let a) as UsersEntry, UsersEntry.user(let b) as UsersEntry): a == b
        case (UsersEntry.gateway(let a) as UsersEntry, UsersEntry.gateway(let b) as UsersEntry):
            a.incarnation == b.incarnation && a.sequence == b.sequence
        default: false
        }
    }
}

extension Call {
    /// Without what the last fact told, which is for its effects alone and stands in no snapshot.
    var untold: Call {
        var call = self
        call.told = []
        return call
    }
}

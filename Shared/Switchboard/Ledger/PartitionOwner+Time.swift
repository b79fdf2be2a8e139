/// Deadlines, forgetting, and what the log must still be read for.
extension PartitionOwner {
    /// Call about ten times a second, with how long the loop or the log was not served since the last call.
    package func tick(stalledFor stall: Duration) {
        guard phase == .owning else { return }
        let now = max(ports.clock, lastTime)
        silence.stalled(for: stall, endingAt: now)
        if let oldest = inFlight.first, ports.clock - oldest.sentAt > LedgerLimit.acknowledgementMax {
            return end(because: "no acknowledgement for \(LedgerLimit.acknowledgementMax)")
        }
        pump()
        carryForward(upTo: LedgerLimit.snapshotsPerTick)
        guard question == nil, hasDue(at: now) else { return }
        question = EndQuestion(asked: now, end: nil)
        ports.askInboxEnd(partition) { [self] end in
            guard phase == .owning else { return }
            // A broker that answers late, or not, could not be listened to all that time.
            let clock = max(ports.clock, lastTime)
            guard let end else {
                silence.askedInVain(from: now, to: clock)
                question = nil
                return
            }
            silence.stalled(for: clock - now, endingAt: clock)
            question?.end = end
            pump()
        }
    }

    private func hasDue(at now: Timestamp) -> Bool {
        guard let first = due.first else { return false }
        return first.time <= now
    }

    /// Fires what was due when the end was asked for, once everything before that end is decided: by our clock and by
    /// that of the broker, which says whether an input was in time.
    func fireIfRead() {
        guard let question, let end = question.end, pending.first.map({ $0.offset >= end.offset }) ?? true,
            receivedThrough + 1 >= end.offset, unsent.isEmpty, !isRenewing, ordinal < limits.recordsPerIncarnation
        else { return }
        self.question = nil
        let now = min(question.asked, end.time)
        while let item = due.first, item.time <= now {
            _ = due.popFirst()
            guard let entry = entries[item.key] else { continue }
            let deadlines = entry.state.deadlines
            let isPlainDue = deadlines.plain.map { $0 <= now } ?? false
            let extra = silence.extended(since: entry.silentSince, at: now)
            let silenceDue = deadlines.silence.map { $0 + extra }
            let isSilenceDue = silenceDue.map { $0 <= now } ?? false
            if isPlainDue || isSilenceDue {
                decideTimer(item.key, at: now, silenceCounts: isSilenceDue)
                guard phase == .owning else { return }
            }
            if let silence = deadlines.silence, let silenceDue, !isSilenceDue, silence <= now {
                due.add(item.key, at: silenceDue, isSilence: true)
            }
        }
    }

    /// Puts a key's deadlines into the queue where they have changed.
    /// - Parameter isHeard: whoever it waits for was heard at that time.
    func schedule(_ key: String, _ entry: Entry, at time: Timestamp, isHeard: Bool = false) {
        let deadlines = entry.state.deadlines
        guard deadlines != entry.scheduled else { return }
        if isHeard || entry.scheduled.silence == nil { entry.silentSince = time }
        if let plain = deadlines.plain, plain != entry.scheduled.plain { due.add(key, at: plain, isSilence: false) }
        if let silence = deadlines.silence, silence != entry.scheduled.silence {
            due.add(key, at: silence, isSilence: true)
        }
        entry.scheduled = deadlines
        if due.count > LedgerLimit.deadlinesPerEntry * entries.count + LedgerLimit.deadlinesSpare {
            letGoOfStaleDeadlines()
        }
    }

    /// What holds no longer is let go of before its time: a call that lasted a minute would wait for a day. What passed
    /// and changed nothing is asked once more.
    func letGoOfStaleDeadlines() {
        var items: [DeadlineQueue.Item] = []
        for (key, entry) in entries {
            if let plain = entry.scheduled.plain { items.append(.init(time: plain, key: key, isSilence: false)) }
            if let silence = entry.scheduled.silence { items.append(.init(time: silence, key: key, isSilence: true)) }
        }
        due = DeadlineQueue(items)
    }

    // MARK: forgetting

    /// Drops what need not be remembered at this moment of the log; the same in every replay.
    func forget(at now: Timestamp) {
        while let first = releasing.first, first.at <= now, isOld(first, at: now) {
            _ = releasing.popFirst()
            if let entry = entries[first.key], entry.state.forgetAt != nil { depart(first.key, entry, at: now) }
        }
        while let first = forgetting.first, first.at <= now {
            _ = forgetting.popFirst()
            guard let entry = entries[first.key], let at = entry.state.forgetAt, at <= now else { continue }
            release(entry)
            entries[first.key] = nil
        }
        commands.forget(at: now)
    }

    /// An ended machine holds the log back as live ones do, where that is not for too many records.
    private func isOld(_ release: Release, at now: Timestamp) -> Bool {
        if age - release.age >= limits.recordsWithoutSnapshot { return true }
        guard let forget = entries[release.key]?.state.forgetAt else { return true }
        return forget <= now
    }
}

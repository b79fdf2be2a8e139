/// Accept, perform, and count what was performed.
extension PartitionOwner {
    /// Accepted is more than acknowledged: in order, and exactly where this incarnation's record must stand.
    func acknowledged(_ ordinal: Int64, _ result: LogAppend) {
        guard phase == .owning else { return }
        switch result {
        case .failed(let reason): end(because: "a record could not be written: \(reason)")
        case .acknowledged(let offset, _):
            guard let head = inFlight.first, head.ordinal == ordinal, offset == markerOffset + 1 + ordinal else {
                return end(because: "another owner has written")
            }
            _ = inFlight.popFirst()
            acceptedThrough = offset
            perform(head.effects, at: offset, since: head.since)
            if let (key, value) = head.mirror { ports.mirror(partition, marker: fence, [(key, value)]) }
            pump()
        }
    }

    /// Performs the effects of an accepted record; the first time, or again after a takeover.
    /// - Parameter since: the marker from which on the log is held until they are performed.
    func perform(_ effects: Effects, at offset: Int64, since: Int64) {
        guard !effects.isEmpty else { return noteIdle(offset) }
        let record = Performing(offset: offset, since: since, effects)
        performing.append(record)
        if record.owed > 0 { owing += 1 }
        for (index, effect) in effects.all.enumerated() {
            let source = SourceMark(ledger: B.ledger, partition: partition, offset: offset, index: Int32(index))
            ports.perform(effect, source: source) { [self] succeeded in
                guard phase != .over else { return }
                guard succeeded else { return end(because: "an effect could not be performed") }
                record.outstanding -= 1
                if !effect.isFrame {
                    record.owed -= 1
                    if record.owed == 0 { owing -= 1 }
                }
                settlePerformed()
            }
        }
    }

    private func noteIdle(_ offset: Int64) {
        if performing.isEmpty { performedThrough = max(performedThrough, offset) }
    }

    private func settlePerformed() {
        while let first = performing.first, first.outstanding == 0 {
            _ = performing.popFirst()
            release(from: first.since)
            performedThrough = max(performedThrough, first.offset)
        }
        if performing.isEmpty { performedThrough = max(performedThrough, acceptedThrough) }
    }

    /// Everything received is decided, accepted and performed: the moment to let go cleanly.
    package var isIdle: Bool { pending.isEmpty && unsent.isEmpty && inFlight.isEmpty && performing.isEmpty }
}

/// A partition that goes to another copy is decided here until that one has written its marker: from then on nothing that
/// is appended here counts, and what stood in the log before it, the other knows. So nobody waits while a group agrees.
extension Ledger {
    func revoked(_ partition: Int32, lost: Bool) {
        assigned.remove(partition)
        restarts[partition] = nil
        world.clockVerdicts.forget(place(partition))
        guard let owner = owners[partition] else { return }
        guard !lost, owner.isOwning, let limit = world.handoverLimit else {
            return owner.end(because: "the group gave it to another")
        }
        world.readInboxOn(name.inbox, partition, from: owner.receivedThrough + 1)
        // From where records may be on their way: that place is there already, the one behind them is not.
        world.readLog(
            name.log, partition, from: .offset(owner.acceptedThrough + 1), upTo: .max,
            each: { [weak owner] _, record in owner?.see(record) }, { _ in })
        if paused.contains(partition) { world.setInbox(name.inbox, partition, flows: false) }
        handovers[partition] = world.loop.schedule(after: limit) { [unowned self] in
            owners[partition]?.end(because: "nobody has taken it over")
        }
    }

    /// The group is left, whether it has answered or not.
    func loseAll() {
        for partition in assigned.sorted() { revoked(partition, lost: true) }
    }

    var isHandingOver: Bool { !handovers.isEmpty }

    func endHandovers() {
        for partition in handovers.keys { owners[partition]?.end(because: "it must not be decided here") }
    }
}

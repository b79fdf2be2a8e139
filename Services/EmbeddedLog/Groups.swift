/// All groups that have members, and the requests of members that wait. Offsets are kept apart, in `OffsetStore`.
final class Groups {
    private(set) var groups: [String: Group] = [:]
    private var exchanges: [Int: Exchange] = [:]
    private var nextTicket = 0

    /// Of all groups, with those that were promised an id.
    var memberCount: Int { groups.values.reduce(0) { $0 + $1.members.count + $1.promisedIDs.count } }

    /// Runs `body` on the group, which is made when it is not there, and sends the answers that follow from it. Groups
    /// that nobody is in are not kept: there are no more than members.
    @discardableResult
    func with<Result>(_ id: String, _ body: (inout Group) -> Result) -> Result {
        var group = groups.removeValue(forKey: id) ?? Group(id: id)
        let result = body(&group)
        let replies = group.replies
        group.replies = []
        if !group.isUnused { groups[id] = group }
        for (ticket, reply) in replies { answer(ticket, reply) }
        return result
    }

    /// A ticket for an answer that may come later.
    func ticket(for exchange: Exchange, of groupID: String, now: @escaping () -> Int64) -> Int {
        nextTicket += 1
        let ticket = nextTicket
        exchanges[ticket] = exchange
        exchange.onAbandoned = { [unowned self] in
            exchanges[ticket] = nil
            with(groupID) { $0.forget(ticket: ticket, at: now()) }
        }
        return ticket
    }

    func expire(at now: Int64) {
        for id in Array(groups.keys) { with(id) { $0.expire(at: now) } }
    }

    private func answer(_ ticket: Int, _ reply: Group.Reply) {
        guard let exchange = exchanges.removeValue(forKey: ticket) else { return }
        switch reply {
        case .joined(let joined): exchange.reply { joined.write(to: &$0, version: exchange.version) }
        case .synced(let code, let assignment):
            exchange.reply { answer in
                if exchange.version >= 1 { answer.int32(0) }
                answer.error(code)
                answer.bytesValue(assignment)
            }
        }
    }
}

extension Group.Joined {
    func write(to answer: inout WireWriter, version: Int16) {
        if version >= 2 { answer.int32(0) }
        answer.error(code)
        answer.int32(generation)
        answer.string(protocolName)
        answer.string(leaderID)
        answer.string(memberID)
        answer.count(members.count)
        for member in members {
            answer.string(member.id)
            if version >= 5 { answer.nullableString(member.instanceID) }
            answer.bytesValue(member.metadata)
        }
    }
}

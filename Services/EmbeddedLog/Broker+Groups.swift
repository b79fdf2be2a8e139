import Switchboard

/// Members of groups: joining, sharing out, staying, leaving; and what tools ask about groups.
extension Broker {
    private static let firstVersionOfIDFirst: Int16 = 4

    func joinGroup(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let version = exchange.version
        let groupID = try reader.string()
        let session = try reader.int32()
        let rebalance = version >= 1 ? try reader.int32() : session
        let memberID = try reader.string()
        let instanceID = version >= 5 ? try reader.nullableString() : nil
        let protocolType = try reader.string()
        var protocols: [Group.Offer] = []
        for _ in 0..<(try reader.count(itemBytesMin: 6)) {
            protocols.append(Group.Offer(name: try reader.string(), metadata: try reader.bytesValue()))
        }
        try reader.end()
        let said = protocols.reduce(protocolType.utf8.count + (instanceID?.utf8.count ?? 0)) { $0 + $1.byteCount }
        let code: ErrorCode? =
            if !Self.isGroupID(groupID) { .invalidGroupID } else if !Limits.sessionMilliseconds.contains(session) {
                .invalidSessionTimeout
            } else if said > Limits.memberBytes {
                .invalidRequest
            } else if memberID.isEmpty, groups.memberCount >= Limits.members {
                .groupMaxSizeReached
            } else { nil }
        if let code {
            return exchange.reply { Group.Joined(code: code, memberID: memberID).write(to: &$0, version: version) }
        }
        let join = Group.Join(
            memberID: memberID, instanceID: instanceID, clientID: exchange.clientID,
            clientHost: "/" + (exchange.connection?.peer ?? ""), sessionMilliseconds: Int64(session),
            rebalanceMilliseconds: Int64(min(max(rebalance, session), Limits.rebalanceMilliseconds)),
            protocolType: protocolType, protocols: protocols, asksForIDFirst: version >= Self.firstVersionOfIDFirst)
        let ticket = groups.ticket(for: exchange, of: groupID, now: { [unowned self] in steadyNow })
        // What waits is the member, and its limits are others.
        exchange.heldBytes = 0
        let newID = "\(instanceID ?? exchange.clientID)-\(Self.randomID())"
        groups.with(groupID) { $0.join(join, ticket: ticket, newID: newID, at: steadyNow) }
    }

    func syncGroup(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let groupID = try reader.string()
        let generation = try reader.int32()
        let memberID = try reader.string()
        let instanceID = exchange.version >= 3 ? try reader.nullableString() : nil
        var assignments: [String: [UInt8]] = [:]
        for _ in 0..<(try reader.count(itemBytesMin: 6)) {
            let id = try reader.string()
            assignments[id] = try reader.bytesValue()
        }
        try reader.end()
        let problem: ErrorCode? =
            if groups.groups[groupID] == nil {
                .unknownMemberID
            } else if assignments.values.contains(where: {
                $0.count > Limits.memberBytes
            }) {
                .invalidRequest
            } else { nil }
        if let problem {
            return exchange.reply { answer in
                if exchange.version >= 1 { answer.int32(0) }
                answer.error(problem)
                answer.bytesValue([])
            }
        }
        let ticket = groups.ticket(for: exchange, of: groupID, now: { [unowned self] in steadyNow })
        exchange.heldBytes = 0
        groups.with(groupID) {
            $0.sync(
                memberID: memberID, instanceID: instanceID, generation: generation, assignments: assignments,
                ticket: ticket, at: steadyNow)
        }
    }

    func heartbeat(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let groupID = try reader.string()
        let generation = try reader.int32()
        let memberID = try reader.string()
        let instanceID = exchange.version >= 3 ? try reader.nullableString() : nil
        try reader.end()
        let code = groups.with(groupID) {
            $0.heartbeat(memberID: memberID, instanceID: instanceID, generation: generation, at: steadyNow)
        }
        replyCode(exchange, code)
    }

    func leaveGroup(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let groupID = try reader.string()
        let memberID = try reader.string()
        try reader.end()
        replyCode(exchange, groups.with(groupID) { $0.leave(memberID: memberID, at: steadyNow) })
    }

    private func replyCode(_ exchange: Exchange, _ code: ErrorCode) {
        exchange.reply { answer in
            if exchange.version >= 1 { answer.int32(0) }
            answer.error(code)
        }
    }

    func findCoordinator(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let key = try reader.string()
        let isForGroup = exchange.version >= 1 ? try reader.int8() == 0 : true
        try reader.end()
        let code: ErrorCode =
            if !isForGroup { .transactionalIDAuthorizationFailed } else {
                Self.isGroupID(key) ? .none : .invalidGroupID
            }
        exchange.reply { answer in
            if exchange.version >= 1 { answer.int32(0) }
            answer.error(code)
            if exchange.version >= 1 {
                answer.nullableString(isForGroup ? nil : "there are no transactions here")
            }
            answer.int32(code == .none ? Self.nodeID : -1)
            answer.string(code == .none ? advertised.host : "")
            answer.int32(code == .none ? Int32(advertised.port) : -1)
        }
    }

    /// Forgets groups that nobody is in, with all they committed.
    func deleteGroups(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let ids = try reader.distinctStrings()
        try reader.end()
        let codes = ids.map { deleteGroup($0) }
        syncer.whenSafe {
            exchange.reply { answer in
                answer.int32(0)
                answer.count(ids.count)
                for (id, code) in zip(ids, codes) {
                    answer.string(id)
                    answer.error(code)
                }
            }
        }
    }

    private func deleteGroup(_ id: String) -> ErrorCode {
        guard Self.isGroupID(id) else { return .invalidGroupID }
        if groups.groups[id] != nil { return .nonEmptyGroup }
        guard offsets.commitsByGroup[id] != nil else { return .groupIDNotFound }
        do { try offsets.forget(group: id) } catch { return error }
        log.notice("deleted a group", ["group": id])
        return .none
    }

    // MARK: asked by tools

    func listGroups(_ exchange: Exchange) throws(WireFailure) {
        try exchange.takeBody().end()
        let withMembers = groups.groups
        let ids = Set(withMembers.keys).union(offsets.groupIDs)
        exchange.reply { answer in
            answer.error(.none)
            answer.count(ids.count)
            for id in ids.sorted() {
                answer.string(id)
                answer.string(withMembers[id]?.protocolType ?? "consumer")
            }
        }
    }

    func describeGroups(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        let ids = try reader.distinctStrings()
        try reader.end()
        exchange.reply { answer in
            answer.count(ids.count)
            for id in ids {
                let group = groups.groups[id]
                let state = group?.state.rawValue ?? (offsets.commitsByGroup[id] != nil ? "Empty" : "Dead")
                answer.error(.none)
                answer.string(id)
                answer.string(state)
                answer.string(group?.protocolType ?? (state == "Empty" ? "consumer" : ""))
                answer.string(group?.protocolName ?? "")
                let members = group?.members ?? []
                answer.count(members.count)
                for member in members {
                    answer.string(member.id)
                    answer.string(member.join.clientID)
                    answer.string(member.join.clientHost)
                    answer.bytesValue(member.metadata(for: group?.protocolName ?? ""))
                    answer.bytesValue(member.assignment)
                }
            }
        }
    }

    static func isGroupID(_ id: String) -> Bool { !id.isEmpty && id.utf8.count <= Limits.groupIDBytes }

    private static func randomID() -> String {
        let digits = [UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max)].map { number in
            let text = String(number, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return digits.joined()
    }
}

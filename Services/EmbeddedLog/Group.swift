/// One consumer group: who is in it, and which generation of it holds which partitions. What the members tell one
/// another about partitions is theirs: the broker only passes it on.
///
/// A value without a clock: each step is told the time in milliseconds, and leaves its answers in `replies`.
struct Group {
    enum State: String {
        /// Nobody is in it.
        case empty = "Empty"
        /// A rebalance has begun: it waits for all to join again.
        case preparing = "PreparingRebalance"
        /// All have joined: it waits for the leader to say who gets what.
        case completing = "CompletingRebalance"
        case stable = "Stable"
    }

    /// What is known of one `JoinGroup`.
    struct Join: Equatable {
        var memberID = ""
        var instanceID: String?
        var clientID = ""
        var clientHost = ""
        var sessionMilliseconds: Int64
        var rebalanceMilliseconds: Int64
        var protocolType: String
        /// Best first.
        var protocols: [Offer]
        /// A new member is first told its id, so that one that gives up leaves nothing behind.
        var asksForIDFirst = false
    }

    /// A way to share out the partitions that a member understands, and what it says about itself in it.
    struct Offer: Equatable {
        var name: String
        var metadata: [UInt8]

        /// With the lengths before both, so that nothing, said very often, is something.
        var byteCount: Int { 6 + name.utf8.count + metadata.count }
    }

    struct Member {
        var id: String
        var join: Join
        var assignment: [UInt8] = []
        /// When it counts as gone unless it is heard of.
        var silenceDeadline: Int64
        /// The requests of it that wait for an answer.
        var joinTicket: Int?
        var syncTicket: Int?

        func metadata(for name: String) -> [UInt8] { join.protocols.first { $0.name == name }?.metadata ?? [] }
    }

    struct Joined: Equatable {
        var code = ErrorCode.none
        var generation: Int32 = -1
        var protocolName = ""
        var leaderID = ""
        var memberID: String
        /// For the leader alone.
        var members: [Peer] = []
    }

    struct Peer: Equatable {
        var id: String
        var instanceID: String?
        var metadata: [UInt8]
    }

    enum Reply: Equatable {
        case joined(Joined)
        case synced(ErrorCode, assignment: [UInt8])
    }

    /// A new group waits so long for members that start together.
    static let firstJoinMilliseconds: Int64 = 100

    let id: String
    private(set) var state = State.empty
    private(set) var generation: Int32 = 0
    private(set) var protocolType = ""
    private(set) var protocolName = ""
    private(set) var leaderID = ""
    /// In the order in which they first joined.
    private(set) var members: [Member] = []
    /// Ids that were told and have not joined yet, with the time until which they may.
    private(set) var promisedIDs: [String: Int64] = [:]
    /// Answers that are owed now: ticket and content.
    var replies: [(ticket: Int, reply: Reply)] = []
    /// In `preparing`: who has not joined by then is left behind. In `completing`: who has not synced.
    private var rebalanceDeadline: Int64 = 0
    /// In `preparing`: it ends no sooner.
    private var rebalanceEarliest: Int64 = 0

    init(id: String) { self.id = id }

    var isUnused: Bool { members.isEmpty && promisedIDs.isEmpty && replies.isEmpty }

    // MARK: joining

    mutating func join(_ join: Join, ticket: Int, newID: String, at now: Int64) {
        func refuse(_ code: ErrorCode, _ id: String? = nil) {
            replies.append((ticket, .joined(Joined(code: code, memberID: id ?? join.memberID))))
        }
        guard isUnderstood(join) else { return refuse(.inconsistentGroupProtocol) }
        if join.memberID.isEmpty {
            if let known = index(instanceID: join.instanceID) { return replace(known, join, ticket, newID, at: now) }
            guard members.count + promisedIDs.count < Limits.membersPerGroup else {
                return refuse(.groupMaxSizeReached)
            }
            if join.asksForIDFirst && join.instanceID == nil {
                promisedIDs[newID] = now + join.sessionMilliseconds
                return refuse(.memberIDRequired, newID)
            }
            return add(join, id: newID, ticket, at: now)
        }
        if promisedIDs.removeValue(forKey: join.memberID) != nil {
            return add(join, id: join.memberID, ticket, at: now)
        }
        if let code = problem(memberID: join.memberID, instanceID: join.instanceID) { return refuse(code) }
        guard let at = index(id: join.memberID) else { return refuse(.unknownMemberID) }
        rejoin(at, join, ticket, at: now)
    }

    private mutating func add(_ join: Join, id: String, _ ticket: Int, at now: Int64) {
        if members.isEmpty { protocolType = join.protocolType }
        members.append(
            Member(id: id, join: join, silenceDeadline: now + join.sessionMilliseconds, joinTicket: ticket))
        prepare(at: now)
    }

    private mutating func rejoin(_ at: Int, _ join: Join, _ ticket: Int, at now: Int64) {
        let isSame = members[at].join.protocols == join.protocols
        if let older = members[at].joinTicket {
            replies.append((older, .joined(Joined(code: .rebalanceInProgress, memberID: join.memberID))))
        }
        members[at].join = join
        members[at].joinTicket = ticket
        heard(at, now)
        let mayKeep: Bool =
            switch state {
            case .stable: isSame && members[at].id != leaderID
            case .completing: isSame
            case .empty, .preparing: false
            }
        if mayKeep { answerJoin(at) } else { prepare(at: now) }
    }

    /// A static member has come back under a new id: the old one is fenced, and the partitions stay where they are
    /// unless it now says something else about itself.
    private mutating func replace(_ at: Int, _ join: Join, _ ticket: Int, _ newID: String, at now: Int64) {
        let oldID = members[at].id
        if let older = members[at].joinTicket {
            replies.append((older, .joined(Joined(code: .fencedInstanceID, memberID: oldID))))
        }
        if let older = members[at].syncTicket {
            replies.append((older, .synced(.fencedInstanceID, assignment: [])))
        }
        let isSame = members[at].join.protocols == join.protocols
        let wasLeader = leaderID == oldID
        members[at].id = newID
        members[at].join = join
        members[at].joinTicket = ticket
        members[at].syncTicket = nil
        heard(at, now)
        if wasLeader { leaderID = newID }
        guard state == .stable && isSame else { return prepare(at: now) }
        // Told the leader's old id, a leader takes itself for a follower and asks for what it had.
        answerJoin(at, leaderID: wasLeader ? oldID : leaderID)
    }

    // MARK: rebalancing

    private mutating func prepare(at now: Int64) {
        if state != .preparing {
            for at in members.indices {
                guard let ticket = members[at].syncTicket else { continue }
                members[at].syncTicket = nil
                heard(at, now)
                replies.append((ticket, .synced(.rebalanceInProgress, assignment: [])))
            }
            rebalanceEarliest = state == .empty ? now + Self.firstJoinMilliseconds : now
            rebalanceDeadline = now + (members.map(\.join.rebalanceMilliseconds).max() ?? 0)
            state = .preparing
        }
        completeIfAllJoined(at: now)
    }

    private mutating func completeIfAllJoined(at now: Int64) {
        guard state == .preparing, now >= rebalanceEarliest || members.isEmpty, promisedIDs.isEmpty,
            members.allSatisfy({ $0.joinTicket != nil })
        else { return }
        complete(at: now)
    }

    private mutating func complete(at now: Int64) {
        members.removeAll { $0.joinTicket == nil && $0.join.instanceID == nil }
        let longest = members.map(\.join.rebalanceMilliseconds).max() ?? 0
        rebalanceDeadline = now + longest
        // Static members alone, all of them away: they may come back until their sessions end.
        guard members.isEmpty || members.contains(where: { $0.joinTicket != nil }) else { return }
        generation += 1
        guard !members.isEmpty else {
            state = .empty
            protocolName = ""
            leaderID = ""
            return
        }
        guard let first = members.first(where: { $0.joinTicket != nil }) else { return }
        if !members.contains(where: { $0.id == leaderID && $0.joinTicket != nil }) { leaderID = first.id }
        protocolName = chosenProtocol()
        state = .completing
        for at in members.indices where members[at].joinTicket != nil {
            members[at].assignment = []
            heard(at, now)
            answerJoin(at)
        }
    }

    /// Of the ways that all understand, the one that most like best.
    private func chosenProtocol() -> String {
        let common = members[0].join.protocols.map(\.name).filter { name in
            members.allSatisfy { $0.join.protocols.contains { $0.name == name } }
        }
        var votes: [String: Int] = [:]
        for member in members {
            if let best = member.join.protocols.first(where: { common.contains($0.name) }) {
                votes[best.name, default: 0] += 1
            }
        }
        return common.max { votes[$0, default: 0] < votes[$1, default: 0] } ?? ""
    }

    private mutating func answerJoin(_ at: Int, leaderID told: String? = nil) {
        guard let ticket = members[at].joinTicket else { return }
        members[at].joinTicket = nil
        let isLeader = members[at].id == told ?? leaderID
        let peers = members.map {
            Peer(id: $0.id, instanceID: $0.join.instanceID, metadata: $0.metadata(for: protocolName))
        }
        let joined = Joined(
            generation: generation, protocolName: protocolName, leaderID: told ?? leaderID, memberID: members[at].id,
            members: isLeader ? peers : [])
        replies.append((ticket, .joined(joined)))
    }

    // MARK: sharing out

    mutating func sync(
        memberID: String, instanceID: String?, generation: Int32, assignments: [String: [UInt8]], ticket: Int,
        at now: Int64
    ) {
        func answer(_ code: ErrorCode, _ assignment: [UInt8] = []) {
            replies.append((ticket, .synced(code, assignment: assignment)))
        }
        if let code = problem(memberID: memberID, instanceID: instanceID) { return answer(code) }
        guard let at = index(id: memberID) else { return answer(.unknownMemberID) }
        guard generation == self.generation else { return answer(.illegalGeneration) }
        heard(at, now)
        switch state {
        case .empty: answer(.unknownMemberID)
        case .preparing: answer(.rebalanceInProgress)
        case .stable: answer(.none, members[at].assignment)
        case .completing:
            if let older = members[at].syncTicket {
                replies.append((older, .synced(.rebalanceInProgress, assignment: [])))
            }
            members[at].syncTicket = ticket
            if memberID == leaderID { share(assignments, at: now) }
        }
    }

    private mutating func share(_ assignments: [String: [UInt8]], at now: Int64) {
        state = .stable
        for at in members.indices {
            members[at].assignment = assignments[members[at].id] ?? []
            guard let ticket = members[at].syncTicket else { continue }
            members[at].syncTicket = nil
            heard(at, now)
            replies.append((ticket, .synced(.none, assignment: members[at].assignment)))
        }
    }
}

// MARK: being there

extension Group {
    mutating func heartbeat(memberID: String, instanceID: String?, generation: Int32, at now: Int64) -> ErrorCode {
        if let code = problem(memberID: memberID, instanceID: instanceID) { return code }
        guard let at = index(id: memberID), state != .empty else { return .unknownMemberID }
        guard generation == self.generation else { return .illegalGeneration }
        heard(at, now)
        return state == .preparing ? .rebalanceInProgress : .none
    }

    /// Whether a member may commit offsets. Without a generation (-1) only where nobody is in the group.
    mutating func mayCommit(memberID: String, instanceID: String?, generation: Int32, at now: Int64) -> ErrorCode {
        if generation < 0 && memberID.isEmpty && instanceID == nil {
            return members.isEmpty ? .none : .unknownMemberID
        }
        if let code = problem(memberID: memberID, instanceID: instanceID) { return code }
        guard let at = index(id: memberID) else { return .unknownMemberID }
        guard generation == self.generation else { return .illegalGeneration }
        heard(at, now)
        return state == .completing ? .rebalanceInProgress : .none
    }

    mutating func leave(memberID: String, at now: Int64) -> ErrorCode {
        if promisedIDs.removeValue(forKey: memberID) != nil {
            completeIfAllJoined(at: now)
            return .none
        }
        guard let at = index(id: memberID) else { return .unknownMemberID }
        remove(at, at: now)
        return .none
    }

    /// The request with `ticket` needs no answer any more: its client has gone. It may come back within its session.
    mutating func forget(ticket: Int, at now: Int64) {
        for at in members.indices {
            if members[at].joinTicket == ticket {
                members[at].joinTicket = nil
                heard(at, now)
            }
            if members[at].syncTicket == ticket {
                members[at].syncTicket = nil
                heard(at, now)
            }
        }
    }

    /// What follows from the time alone: sessions and waits that are over.
    mutating func expire(at now: Int64) {
        for (id, deadline) in promisedIDs where deadline <= now { promisedIDs[id] = nil }
        while let gone = members.firstIndex(where: {
            $0.joinTicket == nil && $0.syncTicket == nil && $0.silenceDeadline <= now
        }) {
            remove(gone, at: now)
        }
        completeIfAllJoined(at: now)
        guard now >= rebalanceDeadline else { return }
        if state == .preparing { complete(at: now) }
        if state == .completing,
            let late = members.firstIndex(where: { $0.syncTicket == nil && now >= rebalanceDeadline })
        {
            remove(late, at: now)
        }
    }

    private mutating func remove(_ at: Int, at now: Int64) {
        let member = members.remove(at: at)
        if let ticket = member.joinTicket {
            replies.append((ticket, .joined(Joined(code: .unknownMemberID, memberID: member.id))))
        }
        if let ticket = member.syncTicket { replies.append((ticket, .synced(.unknownMemberID, assignment: []))) }
        prepare(at: now)
    }

    private mutating func heard(_ at: Int, _ now: Int64) {
        members[at].silenceDeadline = now + members[at].join.sessionMilliseconds
    }

    private func isUnderstood(_ join: Join) -> Bool {
        guard !join.protocolType.isEmpty, !join.protocols.isEmpty else { return false }
        let others = members.filter { $0.id != join.memberID }
        guard !others.isEmpty else { return true }
        return join.protocolType == protocolType
            && join.protocols.contains { offer in
                others.allSatisfy { $0.join.protocols.contains { $0.name == offer.name } }
            }
    }

    /// Whether a static member's name belongs to another id by now.
    private func problem(memberID: String, instanceID: String?) -> ErrorCode? {
        guard let instanceID else { return nil }
        guard let at = index(instanceID: instanceID) else { return .unknownMemberID }
        return members[at].id == memberID ? nil : .fencedInstanceID
    }

    private func index(id: String) -> Int? { members.firstIndex { $0.id == id } }

    private func index(instanceID: String?) -> Int? {
        guard let instanceID else { return nil }
        return members.firstIndex { $0.join.instanceID == instanceID }
    }
}

/// What can happen to one room.
package enum RoomInput: Sendable {
    /// A seated user enters; the first one makes the room.
    case join(Join)
    case leave(Leave)
    case timer

    package struct Join: Hashable, Sendable {
        package var user = UserID()
        package var device = Device()
        package var seat = 0
        package var kind = RoomKind.call
        package var mediaType = MediaType.video
        /// The SessionID that this join would begin; unique by where it was caused.
        package var session = SessionID()
        package init() {}
    }

    package struct Leave: Hashable, Sendable {
        package var user = UserID()
        package var seat = 0
        package var reason = EndReason.ended
        package init() {}
    }
}

package enum RoomFact: Hashable, Sendable {
    /// The first join made the room: a session begins.
    case opened(Opened)
    case joined(Joined)
    /// Not let in: full, or live as another kind.
    case refused(Refused)
    case left(Left)
    /// The last one left: the session is over and the RoomID free.
    case closed

    package struct Opened: Hashable, Sendable {
        package var session = SessionID()
        package var kind = RoomKind.call
        package init() {}
    }

    package struct Joined: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        package var seat = 0
        package var mediaType = MediaType.video
        package var joinID = JoinID()
        package init() {}
    }

    package struct Refused: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        package var seat = 0
        package var reason = Refusal.Reason.full
        package init() {}
    }

    package struct Left: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        package var seat = 0
        package var reason = EndReason.ended
        package var joinID = JoinID()
        package init() {}
    }
}

/// One room: open from the first join until the last leave, then free to be opened again with another session.
///
/// Its fold alone decides capacity, so that it is exact under any number of simultaneous joins.
package struct Room: Machine, Hashable {
    package typealias Input = RoomInput
    package typealias Fact = RoomFact

    package struct Member: Hashable, Sendable {
        package var user: UserID
        package var device: DeviceID
        package var seat: Int
        package var mediaType: MediaType
        package var joinID: JoinID
        package var joinedAt: Timestamp
    }

    package static let videoMax = 16
    package static let membersMax = 32

    package internal(set) var sequence = 0
    package internal(set) var session: SessionID?
    package internal(set) var kind = RoomKind.call
    package internal(set) var openedAt = Timestamp()
    package internal(set) var closedAt: Timestamp?
    package internal(set) var members: [Member] = []
    package internal(set) var joins = 0
    package internal(set) var lastSession: SessionID?

    package init() {}

    package static func timer(silenceCounts: Bool) -> RoomInput { .timer }
    package var deadlines: Deadlines { Deadlines() }
    package var forgetAt: Timestamp? { session == nil ? closedAt : nil }

    package func handle(_ input: RoomInput, at now: Timestamp) throws(Refusal) -> [RoomFact] {
        switch input {
        case .join(let join): return handle(join)
        case .leave(let leave):
            guard let member = members.first(where: { $0.user == leave.user && $0.seat == leave.seat }) else {
                return []
            }
            let left = RoomFact.left(self.left(member, because: leave.reason))
            return members.count == 1 ? [left, .closed] : [left]
        case .timer: return []
        }
    }

    private func handle(_ join: RoomInput.Join) -> [RoomFact] {
        if members.contains(where: { $0.user == join.user && $0.seat == join.seat }) { return [] }
        var facts: [RoomFact] = []
        if session == nil {
            var opened = RoomFact.Opened()
            opened.session = join.session
            opened.kind = join.kind
            facts.append(.opened(opened))
        } else if kind != join.kind {
            return [.refused(refused(join, .roomOfAnotherKind))]
        }
        let videos = members.count { $0.mediaType == .video } + (join.mediaType == .video ? 1 : 0)
        guard videos <= Self.videoMax, members.count < Self.membersMax else {
            return [.refused(refused(join, .full))]
        }
        var joined = RoomFact.Joined()
        joined.user = join.user
        joined.device = join.device.id
        joined.seat = join.seat
        joined.mediaType = join.mediaType
        joined.joinID = JoinID("\(session == nil ? 1 : joins + 1)")
        facts.append(.joined(joined))
        return facts
    }

    private func refused(_ join: RoomInput.Join, _ reason: Refusal.Reason) -> RoomFact.Refused {
        var fact = RoomFact.Refused()
        fact.user = join.user
        fact.device = join.device.id
        fact.seat = join.seat
        fact.reason = reason
        return fact
    }

    private func left(_ member: Member, because reason: EndReason) -> RoomFact.Left {
        var fact = RoomFact.Left()
        fact.user = member.user
        fact.device = member.device
        fact.seat = member.seat
        fact.reason = reason
        fact.joinID = member.joinID
        return fact
    }

    package mutating func apply(_ fact: RoomFact, at now: Timestamp) {
        sequence += 1
        switch fact {
        case .opened(let opened):
            session = opened.session
            kind = opened.kind
            openedAt = now
            closedAt = nil
            joins = 0
        case .joined(let joined):
            joins += 1
            members.append(
                Member(
                    user: joined.user, device: joined.device, seat: joined.seat, mediaType: joined.mediaType,
                    joinID: joined.joinID, joinedAt: now))
        case .refused: break
        case .left(let left): members.removeAll { $0.user == left.user && $0.seat == left.seat }
        case .closed:
            lastSession = session
            session = nil
            closedAt = now
        }
    }
}

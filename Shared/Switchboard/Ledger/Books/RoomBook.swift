/// What follows from the facts of rooms: news for the call that waits in it, and the seat given back.
package struct RoomBook: Book {
    package typealias State = Room

    package static let ledger = LedgerName.rooms
    package let isMirrored = true

    package init() {}

    package func blank(for key: String) -> Room? { RecordKey.split(key).map { _ in Room() } }

    /// A join that opens the room names its session by the place that caused it: unique, and the same when read again.
    package func complete(_ input: inout RoomInput, key: String, source: SourceMark?) {
        guard case .join(var join) = input, let source else { return }
        join.session = SessionID("\(source.ledger.rawValue)-\(source.partition)-\(source.offset)-\(source.index)")
        input = .join(join)
    }

    package func perform(
        _ fact: RoomFact, key: String, before: Room, after room: Room, into effects: inout Effects
    ) {
        guard let (app, id) = RecordKey.split(key) else { return }
        switch fact {
        case .joined(let joined):
            guard room.kind == .call, let session = room.session else { break }
            var news = CallInput.Joined()
            news.user = joined.user
            news.device = joined.device
            news.joinID = joined.joinID
            news.session = session
            effects.append(.call(key: key, .joined(news)))
        case .refused(let refused):
            var left = UserInput.LeftRoom()
            left.room = RoomID(id)
            left.seat = refused.seat
            effects.append(.user(key: RecordKey.of(app, refused.user), .left(left)))
            var news = CallInput.SeatRefused()
            news.user = refused.user
            news.device = refused.device
            news.reason = refused.reason
            news.room = RoomID(id)
            effects.append(.call(key: key, .seatRefused(news)))
        case .left(let leave):
            var left = UserInput.LeftRoom()
            left.room = RoomID(id)
            left.seat = leave.seat
            effects.append(.user(key: RecordKey.of(app, leave.user), .left(left)))
        case .opened, .closed: break
        }
    }

    package func eventCount(of fact: RoomFact, before: Room) -> Int { fact.eventCount }

    package func answer(
        _ reply: Reply, key: String, facts: [RoomFact], state: Room, into effects: inout Effects
    ) {}

    package func refuse(_ reply: Reply, key: String, _ refusal: Refusal, state: Room, into effects: inout Effects) {}

    package func mirror(_ room: Room, key: String) -> [UInt8]? {
        guard let session = room.session else { return nil }
        var value = RoomMembers()
        value.sessionId = session
        value.kind = room.kind
        value.members = room.members.map { member in
            var entry = RoomMembers.Member()
            entry.userId = member.user
            entry.deviceId = member.device
            entry.joinId = member.joinID
            entry.joinedAt = member.joinedAt
            return entry
        }
        return value.encoded()
    }
}

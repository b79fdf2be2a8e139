package import Switchboard

extension CallbackFold {
    package mutating func take(_ record: LogRecord<RoomFact>, at offset: Int64, isSilent: Bool = false) -> [Callback] {
        if record.kind == .snapshot { carry(record) }
        guard isWhole(record, isKnown: rooms[record.key] != nil),
            let (found, id) = place(.rooms, "rooms", record.key, offset, record.time)
        else {
            return []
        }
        var place = found
        var live = rooms[record.key] ?? LiveRoom()
        var callbacks: [Callback] = []
        for fact in record.facts {
            let before = live.room
            live.room.apply(fact, at: record.time)
            guard let session = live.room.session ?? before.session else { continue }
            var data = CallbackData()
            data.roomId = RoomID(id)
            data.sessionId = session
            data.kind = live.room.kind
            for type in Self.events(of: fact, before, at: record.time, &data) {
                callbacks.append(
                    place.callback(type, place.sequence, after: &live.previous, session: session, data))
            }
        }
        rooms[record.key] = live.room.session == nil ? nil : live
        return isSilent ? [] : callbacks
    }

    private static func events(
        of fact: RoomFact, _ before: Room, at now: Timestamp, _ data: inout CallbackData
    ) -> [CallbackType] {
        switch fact {
        case .opened: return [.roomCreated, .sessionStarted]
        case .joined(let joined):
            data.userId = joined.user
            return [.roomJoined]
        case .left(let left):
            data.userId = left.user
            data.reason = left.reason.code
            if let member = before.members.first(where: { $0.user == left.user && $0.seat == left.seat }) {
                data.durationMs = max(0, (now - member.joinedAt).milliseconds)
            }
            return [.roomLeft]
        case .closed:
            data.durationMs = max(0, (now - before.openedAt).milliseconds)
            return [.sessionEnded, .roomDestroyed]
        case .refused: return []
        }
    }
}

@testable import Switchboard

/// What reached rooms, inboxes, gateways and the mirror.
extension Audit {
    enum RoomMove {
        case opened(String)
        case joined(String, UserID, Int)
        case left(String, UserID, Int)
        case closed(String)
    }

    func moves(_ step: Step<RoomBook>) -> [(number: Int, move: RoomMove)] {
        switch step.fact {
        case .opened: [(step.number, .opened(step.key))]
        case .joined(let joined): [(step.number, .joined(step.key, joined.user, joined.seat))]
        case .left(let left): [(step.number, .left(step.key, left.user, left.seat))]
        case .closed: [(step.number, .closed(step.key))]
        case .refused: []
        }
    }

    /// Over all rooms, in the order in which it was written.
    func checkRooms(_ moves: [RoomMove]) {
        var open: Set<String> = []
        var inside: [UserID: String] = [:]
        for move in moves {
            switch move {
            case .opened(let room): check(open.insert(room).inserted, "\(room) has two sessions")
            case .closed(let room):
                check(open.remove(room) != nil, "\(room) closes twice")
                check(!inside.values.contains { $0.hasPrefix("\(room)#") }, "\(room) closes with somebody inside")
            case .joined(let room, let user, let seat):
                check(open.contains(room), "\(user) is inside \(room), which is not open")
                check(inside[user] == nil, "\(user) is inside \(room) and \(inside[user] ?? "")")
                inside[user] = "\(room)#\(seat)"
            case .left(let room, let user, let seat):
                check(inside[user] == "\(room)#\(seat)", "\(user) leaves \(room), where it is not")
                inside[user] = nil
            }
        }
        check(inside.isEmpty, "somebody is still inside: \(inside)")
    }

    // MARK: effects and the mirror

    /// Everything that a record owes has arrived, in an order in which its receiver takes it, and nothing else has.
    func checkArrivals(_ expected: Set<World.Landing>, _ world: World) {
        var taken: Set<World.Landing> = []
        for (place, records) in world.broker.topics {
            var marks: [SourcePartition: SourceMark] = [:]
            for record in records {
                guard let source = source(of: record, in: place) else { continue }
                let part = SourcePartition(source)
                if let mark = marks[part], source <= mark { continue }
                marks[part] = source
                let landing = World.Landing(place: place, key: record.key, value: record.value)
                check(expected.contains(landing), "\(place): \(source) arrived as no record says it")
                taken.insert(landing)
            }
        }
        for landing in expected where landing.place.topic != Topic.callRecords && !taken.contains(landing) {
            check(
                false,
                "\(landing.place): an effect never arrived: \(String(decoding: landing.value, as: UTF8.self).prefix(160))"
            )
            return
        }
    }

    private func source(of record: Broker.Record, in place: Broker.Place) -> SourceMark? {
        switch place.topic {
        case LedgerName.calls.inbox: (try? InboxRecord<CallInput>(json: record.value))?.source
        case LedgerName.rooms.inbox: (try? InboxRecord<RoomInput>(json: record.value))?.source
        case LedgerName.users.inbox: (try? InboxRecord<UsersEntry.Input>(json: record.value))?.source
        case Topic.deliveries: (try? DeliveryRecord(json: record.value))?.entries.first?.source
        default: nil
        }
    }

    func checkMirror(_ world: World) {
        for partition in world.users.hosts.indices {
            guard let owner = world.users.hosts[partition]?.owner, owner.isOwning,
                world.mirror.isStamped(.users, Int32(partition))
            else { continue }
            for (key, entry) in owner.entries {
                let shown = world.mirror.values["users:\(key)"].map { String(decoding: $0, as: UTF8.self) }
                let held = world.users.book.mirror(entry.state, key: key).map { String(decoding: $0, as: UTF8.self) }
                check(shown == held, "the mirror shows of \(key): \(shown ?? "nothing"), and not: \(held ?? "nothing")")
            }
        }
    }
}

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
        checkMirror(world.users, world)
        checkMirror(world.rooms, world)
    }

    /// All that its owner holds is shown, and nothing else.
    private func checkMirror<B: Book>(_ post: Post<B>, _ world: World) {
        for (partition, host) in post.hosts.enumerated() {
            guard let owner = host?.owner, owner.isOwning else { continue }
            let name = "\(B.ledger.rawValue) \(partition)"
            guard world.mirror.isStamped(B.ledger, Int32(partition)) else {
                check(false, "the mirror has lost \(name), and nobody wrote it again")
                continue
            }
            let shown = world.mirror.shown(B.ledger, Int32(partition))
            for key in Set(owner.entries.keys).union(shown.keys).sorted() {
                let held = owner.entries[key].flatMap { post.book.mirror($0.state, key: key) }
                guard shown[key] != held else { continue }
                let texts = [shown[key], held].map { $0.map { String(decoding: $0, as: UTF8.self) } ?? "nothing" }
                check(false, "the mirror shows of \(key): \(texts[0]), and not: \(texts[1])")
            }
        }
    }
}

import Switchboard
import Testing

/// Over thousands of random sequences, each decided by its seed.
@Suite struct `Whatever comes, a user` {
    @Test func `is inside one room at a time, and everyone who asks for the seat is answered`() {
        for seed in UInt64(1)...3_000 {
            var world = SeatWorld(seed: seed)
            for _ in 0..<60 { world.step() }
            world.settle()
            #expect(world.faults.isEmpty, "seed \(seed)")
            if !world.faults.isEmpty { return }
            checkReplay(of: world, seed)
        }
    }

    private func checkReplay(of world: SeatWorld, _ seed: UInt64) {
        var replayed = User()
        for fact in world.userFacts {
            guard let read = try? UserFact(json: fact.encoded()) else {
                Issue.record("\(fact.word) cannot be read again, seed \(seed)")
                return
            }
            replayed.apply(read, at: Timestamp(milliseconds: 1_700_000_000_000))
        }
        if replayed != world.user { Issue.record("replayed to another state, seed \(seed)") }
    }

    @Test func `has each device once, over the connection that was named last`() {
        for seed in UInt64(1)...1_000 {
            var dice = Dice(seed: seed)
            var stage = UserStage()
            var present: [DeviceID: Connection] = [:]
            for number in UInt64(1)...40 {
                let device = dice.pick([Device.phone, .tablet]).over(number)
                let old = device.over(UInt64.random(in: 1...number, using: &dice))
                switch dice.pick([0, 1, 2]) {
                case 0:
                    stage.send(.login(.init(device)))
                    present[device.id] = device.connection
                case 1:
                    stage.send(.lost(.init(old)))
                    if present[old.id] == old.connection { present[old.id] = nil }
                default:
                    stage.send(.logout(.init(old)))
                    if present[old.id] == old.connection { present[old.id] = nil }
                }
                let shown = stage.user.devices.map { ($0.device.id, $0.device.connection!) }
                #expect(shown.count == present.count, "seed \(seed)")
                guard shown.allSatisfy({ present[$0.0] == $0.1 }) else {
                    Issue.record("another connection is shown, seed \(seed)")
                    return
                }
            }
        }
    }
}

@Suite struct `Whatever comes, a room` {
    @Test func `never holds more than it may, and each joined has exactly one left`() throws {
        for seed in UInt64(1)...400 {
            var dice = Dice(seed: seed)
            var room = Room()
            var replayed = Room()
            var inside: [String: RoomFact.Joined] = [:]
            var joinIDs: Set<JoinID> = []
            var sessions: Set<SessionID> = []
            for number in 1...200 {
                let now = Timestamp(milliseconds: Int64(number))
                for fact in try room.handle(input(number, &dice), at: now) {
                    room.apply(fact, at: now)
                    replayed.apply(try RoomFact(json: fact.encoded()), at: now)
                    switch fact {
                    case .opened(let opened):
                        #expect(inside.isEmpty && sessions.insert(opened.session).inserted, "seed \(seed)")
                        joinIDs = []
                    case .joined(let joined):
                        let isNew = inside.updateValue(joined, forKey: joined.user.text) == nil
                        #expect(isNew && joinIDs.insert(joined.joinID).inserted, "seed \(seed)")
                    case .left(let left):
                        let joined = inside.removeValue(forKey: left.user.text)
                        #expect(joined?.joinID == left.joinID && joined?.seat == left.seat, "seed \(seed)")
                    case .closed: #expect(inside.isEmpty, "seed \(seed)")
                    case .refused: break
                    }
                }
                let videos = inside.values.count { $0.mediaType == .video }
                guard inside.count <= Room.membersMax, videos <= Room.videoMax else {
                    Issue.record("\(inside.count) members, \(videos) with video, seed \(seed)")
                    return
                }
            }
            #expect(replayed == room, "seed \(seed)")
        }
    }

    /// Of forty users, each of whom joins with one seat; the first runs are crowded, the later ones nearly empty.
    private func input(_ number: Int, _ dice: inout Dice) -> RoomInput {
        let crowd = dice.onceIn(2) ? 40 : 3
        let user = UserID("u\(Int.random(in: 0..<crowd, using: &dice))")
        if number > 120 || dice.onceIn(4) {
            var leave = RoomInput.Leave()
            leave.user = user
            leave.seat = 1
            return .leave(leave)
        }
        var join = RoomInput.Join()
        join.user = user
        join.device = Device("d", 1)
        join.seat = 1
        join.mediaType = dice.pick(MediaType.allCases)
        join.session = SessionID("s\(number)")
        return .join(join)
    }
}

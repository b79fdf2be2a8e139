import Switchboard

/// One user and its rooms, with messages between them that are late but in order for each pair, and maybe twice.
struct SeatWorld {
    private(set) var faults: [String] = []
    private(set) var user = User()
    private(set) var rooms: [RoomID: Room] = [:]
    private(set) var userFacts: [UserFact] = []

    private var dice: Dice
    private let now = Timestamp(milliseconds: 1_700_000_000_000)
    private var toRooms: [RoomID: [RoomInput]] = [:]
    private var toUser: [RoomID: [UserInput.LeftRoom]] = [:]
    /// Who has asked for a seat, and has neither it nor a no.
    private var waiting: [UserInput.Sit] = []
    private var seatsFreed = 0

    private static let roomNames = ["a", "b", "c"].map(RoomID.init)

    init(seed: UInt64) { dice = Dice(seed: seed) }

    mutating func step() {
        switch Int.random(in: 0..<8, using: &dice) {
        case 0, 1: sit()
        case 2: unsit()
        case 3, 4, 5: deliverToRoom()
        default: deliverToUser()
        }
        checkAlways()
    }

    /// All messages arrive, and nobody asks any more.
    mutating func settle() {
        while !toRooms.values.allSatisfy(\.isEmpty) || !toUser.values.allSatisfy(\.isEmpty) {
            deliverToRoom()
            deliverToUser()
            checkAlways()
        }
        let unanswered = waiting.map(\.room)
        check(unanswered.isEmpty, "nobody answers \(unanswered)")
        check(user.next == nil, "somebody still waits for the seat")
        check(user.seat?.phase != .leaving, "the seat is never given back")
        let inside = roomsInside
        check(inside == (user.seat.map { [$0.room] } ?? []), "sits in \(inside), and not where the seat is")
    }

    // MARK: wishes

    private mutating func sit() {
        let device = dice.pick([Device.phone, .tablet])
        let sit = UserInput.Sit(dice.pick(Self.roomNames).text, device, takeover: dice.onceIn(2))
        waiting.append(sit)
        if decide(.sit(sit)) == 0 {
            // It sits there already, or waits for that seat already.
            waiting.removeLast()
        }
    }

    private mutating func unsit() {
        let device = dice.pick([Device.phone, .tablet])
        _ = decide(.unsit(.init(dice.pick(Self.roomNames).text, device)))
    }

    // MARK: the user

    /// - Returns: how many facts followed.
    private mutating func decide(_ input: UserInput) -> Int {
        let facts = (try? user.handle(input, at: now)) ?? []
        for fact in facts {
            let before = user
            user.apply(fact, at: now)
            userFacts.append(fact)
            perform(fact, before: before)
        }
        return facts.count
    }

    private mutating func perform(_ fact: UserFact, before: User) {
        switch fact {
        case .seated(let seated):
            check(before.seat == nil, "seated while there is a seat")
            check(seated.seat == before.seatsGiven + 1, "seat \(seated.seat) after \(before.seatsGiven)")
            check(seatsFreed == before.seatsGiven, "seated before the last seat was left")
            answered(seated.sit)
            var join = RoomInput.Join()
            join.user = .anna
            join.device = seated.sit.device
            join.seat = seated.seat
            join.session = SessionID("s\(userFacts.count)")
            toRooms[seated.sit.room, default: []].append(.join(join))
        case .seatDenied(let denied): answered(denied.sit)
        case .moving(let sit):
            check(before.seat != nil, "moving out of nothing")
            check(user.next == sit, "does not wait")
            evict(before)
        case .leaving(let unsit):
            if before.next?.room == unsit.room, before.next?.device.id == unsit.device {
                answered(before.next!)
            } else {
                evict(before)
            }
        case .freed: seatsFreed += 1
        case .loggedIn, .wentOffline, .loggedOut, .ringAdded, .ringRemoved, .tokensCutOff, .absenceOver: break
        }
    }

    private mutating func evict(_ before: User) {
        guard let seat = before.seat else { return }
        var leave = RoomInput.Leave()
        leave.user = .anna
        leave.seat = seat.number
        for _ in 0...(dice.onceIn(3) ? 1 : 0) { toRooms[seat.room, default: []].append(.leave(leave)) }
    }

    private mutating func answered(_ sit: UserInput.Sit) {
        let index = waiting.firstIndex { $0.room == sit.room && $0.device.id == sit.device.id }
        check(index != nil, "an answer to nobody")
        if let index { waiting.remove(at: index) }
    }

    // MARK: the rooms

    private mutating func deliverToRoom() {
        let name = dice.pick(Self.roomNames)
        guard let input = toRooms[name]?.first else { return }
        toRooms[name]?.removeFirst()
        var room = rooms[name] ?? Room()
        // Now and then the room is full.
        if case .join(let join) = input, dice.onceIn(6) {
            toUser[name, default: []].append(.init(name.text, seat: join.seat))
            return
        }
        for fact in (try? room.handle(input, at: now)) ?? [] {
            room.apply(fact, at: now)
            if case .left(let left) = fact {
                toUser[name, default: []].append(.init(name.text, seat: left.seat))
            }
        }
        rooms[name] = room
    }

    private mutating func deliverToUser() {
        let name = dice.pick(Self.roomNames)
        guard let left = toUser[name]?.first else { return }
        if !dice.onceIn(4) { toUser[name]?.removeFirst() }
        _ = decide(.left(left))
    }

    // MARK: what always holds

    private var roomsInside: [RoomID] {
        Self.roomNames.filter { rooms[$0]?.members.contains { $0.user == .anna } ?? false }
    }

    private mutating func checkAlways() {
        let inside = roomsInside
        check(inside.count <= 1, "inside \(inside) at once")
        for room in rooms.values {
            check(room.members.isEmpty == (room.session == nil), "an open room is empty, or a closed one is not")
        }
    }

    private mutating func check(_ holds: Bool, _ fault: @autoclosure () -> String) {
        if !holds { faults.append(fault()) }
    }
}

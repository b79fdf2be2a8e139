/// One user: which devices are connected, what rings, and the one seat.
///
/// Every join of every device goes through here, so that a user is in one room at a time whatever any store says.
package struct User: Machine, Hashable {
    package typealias Input = UserInput
    package typealias Fact = UserFact

    package struct Online: Hashable, Sendable {
        package var device: Device
        package var since: Timestamp
        package var appIdentifier: String?
        package var clientIp: String?
    }

    package enum SeatPhase: String, Hashable, Sendable, CaseIterable {
        /// The room has been asked, or has let the device in.
        case taken
        /// The room has been told that the device leaves; free once it has confirmed.
        case leaving
    }

    package struct Seat: Hashable, Sendable {
        package var number: Int
        package var room: RoomID
        package var kind: RoomKind
        package var device: DeviceID
        package var phase: SeatPhase
    }

    /// A device that lost its connection while calls rang there or it was inside one: what it has not heard of them, it
    /// hears when it comes back.
    package struct Absence: Hashable, Sendable {
        package var device: DeviceID
        package var calls: [CallID]
        package var since: Timestamp
    }

    package internal(set) var sequence = 0
    package internal(set) var profile = Profile()
    package internal(set) var devices: [Online] = []
    package internal(set) var rings: [UserInput.Ring] = []
    package internal(set) var absences: [Absence] = []
    package internal(set) var seat: Seat?
    /// Sits down as soon as the present seat is free; one at a time waits, and who is not the one is told so.
    package internal(set) var next: UserInput.Sit?
    package internal(set) var seatsGiven = 0
    package internal(set) var cutOff: Timestamp?
    package internal(set) var changedAt = Timestamp()

    package init() {}

    package static func timer(silenceCounts: Bool) -> UserInput { .timer }

    /// A ring whose end was never heard is let go some time after it must have ended.
    private static let ringKept: Duration = .seconds(60)
    /// A login on its way for longer may have been overtaken by another of the same device. More than two clocks are apart.
    static let loginLate: Duration = .seconds(1)
    /// As long as the longest ring, or the longest grace of a lost device, and the tombstone of a call together.
    static let absenceKept: Duration = .seconds(1_200)
    /// Devices; beyond it the one that left first is not waited for any more.
    static let absencesMax = 16
    /// Rings that are noted: of a further one, devices that come online while it rings are not told.
    static let ringsMax = 20

    package var deadlines: Deadlines {
        var next = Deadlines()
        for ring in rings { next.plain(at: ring.expiresAt + Self.ringKept) }
        for absence in absences { next.plain(at: absence.since + Self.absenceKept) }
        return next
    }

    package var forgetAt: Timestamp? {
        let isIdle = devices.isEmpty && rings.isEmpty && absences.isEmpty && seat == nil && next == nil
        return isIdle && cutOff == nil ? changedAt : nil
    }

    /// How others see this user when they dial: nil is free.
    package var busy: UserState? {
        if seat != nil { return .busyWaiting }
        return rings.isEmpty ? nil : .busyRinging
    }

    /// The calls that ring on this device, and the one that it is inside or on its way into.
    package func calls(of device: DeviceID) -> [CallID] {
        rings.map(\.call) + [call(seating: device)].compactMap(\.self)
    }

    package func call(seating device: DeviceID) -> CallID? {
        if let next, next.kind == .call, next.device.id == device { return CallID(next.room.text) }
        guard let seat, seat.kind == .call, seat.device == device else { return nil }
        return CallID(seat.room.text)
    }

    // MARK: deciding

    package func handle(_ input: UserInput, at now: Timestamp) throws(Refusal) -> [UserFact] {
        switch input {
        case .login(let login): try handle(login, at: now)
        case .lost(let gone): isPresent(gone) ? [.wentOffline(gone)] : []
        case .logout(let gone): isPresent(gone) ? [.loggedOut(gone)] : []
        case .ring(let ring):
            rings.count >= Self.ringsMax || rings.contains { $0.call == ring.call } ? [] : [.ringAdded(ring)]
        case .ringOver(let call): rings.contains { $0.call == call } ? [.ringRemoved(call)] : []
        case .sit(let sit): handle(sit)
        case .unsit(let unsit): handle(unsit)
        case .left(let left): handle(left)
        case .cutOff(let moment): cutOff.map { moment > $0 } ?? true ? [.tokensCutOff(moment)] : []
        case .timer:
            rings.filter { $0.expiresAt + Self.ringKept <= now }.map { .ringRemoved($0.call) }
                + absences.filter { $0.since + Self.absenceKept <= now }.map { .absenceOver($0.device) }
        }
    }

    private func handle(_ login: UserInput.Login, at now: Timestamp) throws(Refusal) -> [UserFact] {
        if let cutOff, login.issuedAt < cutOff { throw Refusal(.tokenInvalid) }
        let old = devices.first { $0.device.id == login.device.id }
        if let old, old.device.connection == login.device.connection { return [] }
        let isSameSocket = login.formerly != nil && login.formerly == old?.device.connection
        // A gateway that begins a new life announces sockets again, also those that their devices have left meanwhile.
        if old != nil, login.formerly != nil, !isSameSocket { return [] }
        var fact = UserFact.LoggedIn()
        fact.device = login.device
        fact.profile = login.profile
        fact.appIdentifier = login.appIdentifier
        fact.clientIp = login.clientIp
        fact.asker = login.asker
        fact.replaces = isSameSocket ? nil : old?.device.connection
        fact.isLate = fact.replaces != nil && login.takenAt.map { now - $0 > Self.loginLate } ?? false
        // Who comes back without a word of it hears how each call stands that the answer names: what was told of its end
        // may have gone into the old socket when that was dead.
        fact.shows = login.shows ?? (login.formerly == nil ? calls(of: login.device.id) : [])
        return pushedOut(by: login).map { .loggedOut($0) } + [.loggedIn(fact)]
    }

    private func isPresent(_ gone: UserInput.Gone) -> Bool {
        devices.contains { $0.device.id == gone.device && $0.device.connection == gone.connection }
    }

    private func handle(_ sit: UserInput.Sit) -> [UserFact] {
        guard let seat else { return [seated(sit)] }
        if let next {
            if next.room == sit.room, next.device.id == sit.device.id { return [] }
            guard moveReason(from: next.device.id, to: sit) != nil else {
                return [denied(sit, for: next.room, next.device.id, next.kind)]
            }
            return [denied(next, for: sit.room, sit.device.id, sit.kind), .moving(sit)]
        }
        if seat.room == sit.room, seat.device == sit.device.id, seat.phase == .taken { return [] }
        guard seat.phase == .leaving || moveReason(from: seat.device, to: sit) != nil else {
            return [denied(sit, for: seat.room, seat.device, seat.kind)]
        }
        return [.moving(sit)]
    }

    /// Why the device that sits leaves for the new seat; nil where it does not.
    package func moveReason(from device: DeviceID, to sit: UserInput.Sit) -> EndReason? {
        device == sit.device.id ? sit.leavesFor : sit.putsOutFor
    }

    private func denied(_ sit: UserInput.Sit, for room: RoomID, _ device: DeviceID, _ kind: RoomKind) -> UserFact {
        var fact = UserFact.SeatDenied()
        fact.sit = sit
        fact.room = room
        fact.device = device
        fact.isCall = kind == .call
        return .seatDenied(fact)
    }

    private func handle(_ unsit: UserInput.Unsit) -> [UserFact] {
        if let next, next.room == unsit.room, next.device.id == unsit.device { return [.leaving(unsit)] }
        guard let seat, seat.room == unsit.room, seat.device == unsit.device, seat.phase == .taken else { return [] }
        return [.leaving(unsit)]
    }

    private func handle(_ left: UserInput.LeftRoom) -> [UserFact] {
        guard let seat, seat.number == left.seat else { return [] }
        guard let next else { return [.freed(left)] }
        return [.freed(left), seated(next)]
    }

    private func seated(_ sit: UserInput.Sit) -> UserFact {
        var fact = UserFact.Seated()
        fact.sit = sit
        fact.seat = seatsGiven + 1
        return .seated(fact)
    }

    // MARK: folding

    package mutating func apply(_ fact: UserFact, at now: Timestamp) {
        sequence += 1
        changedAt = now
        switch fact {
        case .loggedIn(let login):
            profile = login.profile
            devices.removeAll { $0.device.id == login.device.id }
            devices.append(
                .init(
                    device: login.device, since: now, appIdentifier: login.appIdentifier, clientIp: login.clientIp))
            absences.removeAll { $0.device == login.device.id }
        case .wentOffline(let gone):
            remove(gone)
            miss(gone.device, at: now)
        case .loggedOut(let gone): remove(gone)
        case .ringAdded(var ring):
            // Asked once, when it is added; a user is carried by its devices, not by each ring's again.
            ring.rung = []
            rings.append(ring)
        case .ringRemoved(let call): rings.removeAll { $0.call == call }
        case .seated(let seated):
            seatsGiven = seated.seat
            let sit = seated.sit
            seat = Seat(
                number: seated.seat, room: sit.room, kind: sit.kind, device: sit.device.id, phase: .taken)
            next = nil
        case .seatDenied: break
        case .moving(let sit):
            next = sit
            seat?.phase = .leaving
        case .leaving(let unsit):
            if next?.room == unsit.room, next?.device.id == unsit.device {
                next = nil
            } else {
                seat?.phase = .leaving
            }
        case .freed: seat = nil
        case .tokensCutOff(let moment): cutOff = moment
        case .absenceOver(let device): absences.removeAll { $0.device == device }
        }
    }

    private mutating func remove(_ gone: UserInput.Gone) {
        devices.removeAll { $0.device.id == gone.device && $0.device.connection == gone.connection }
    }

    private mutating func miss(_ device: DeviceID, at now: Timestamp) {
        let calls = calls(of: device)
        guard !calls.isEmpty else { return }
        absences.append(.init(device: device, calls: calls, since: now))
        if absences.count > Self.absencesMax { absences.removeFirst() }
    }
}

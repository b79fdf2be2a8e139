/// What follows from the facts of users: answers to logins, seats in rooms, news for calls.
package struct UsersBook: Book {
    package typealias State = UsersEntry

    package static let ledger = LedgerName.users
    package let isMirrored = true
    let pingInterval: Duration
    let lossGrace: Duration

    package init(pingInterval: Duration = .seconds(15), lossGrace: Duration = .seconds(60)) {
        self.pingInterval = pingInterval
        self.lossGrace = lossGrace
    }

    package func blank(for key: String) -> UsersEntry? {
        if key.hasPrefix("/") { return .gateway(GatewayLife()) }
        return RecordKey.split(key).map { _ in .user(User()) }
    }

    /// A gateway's death is the loss of each connection that it held.
    package func expand(
        _ input: UsersEntry.Input, over states: (_ body: (String, UsersEntry) -> Void) -> Void
    ) -> [(String, UsersEntry.Input)]? {
        guard case .gatewayDied(let incarnation) = input else { return nil }
        var losses: [(String, UsersEntry.Input)] = []
        states { key, entry in
            guard case .user(let user) = entry else { return }
            for online in user.devices {
                guard let connection = online.device.connection, connection.gateway == incarnation else { continue }
                losses.append((key, .user(.lost(.init(device: online.device.id, connection: connection)))))
            }
        }
        return losses.sorted { $0.0 < $1.0 }
    }

    /// A beat leaves no fact; the owner remembers when it heard it.
    package func observe(_ input: UsersEntry.Input, by state: inout UsersEntry, at now: Timestamp) {
        guard case .gateway(.beat) = input, case .gateway(var life) = state else { return }
        life.heardAt = now
        state = .gateway(life)
    }

    /// No gateway is silent that nobody listened to.
    package func begin(_ state: inout UsersEntry, hearingFrom now: Timestamp) {
        guard case .gateway(var life) = state else { return }
        life.heardAt = now
        state = .gateway(life)
    }

    package func perform(
        _ fact: UsersEntry.Fact, key: String, before: UsersEntry, after: UsersEntry, into effects: inout Effects
    ) {
        switch (fact, before, after) {
        case (.user(let fact), .user(let before), .user(let user)):
            guard let (app, id) = RecordKey.split(key) else { return }
            perform(fact, app, UserID(id), before, user, into: &effects)
        case (.gateway(.died(let incarnation)), _, _): effects.append(.gatewayDied(incarnation: incarnation))
        default: break
        }
    }

    private func perform(
        _ fact: UserFact, _ app: AppKey, _ id: UserID, _ before: User, _ user: User, into effects: inout Effects
    ) {
        switch fact {
        case .loggedIn(let login): admit(login, app, id, before, user, into: &effects)
        case .wentOffline(let gone):
            let device = Device(id: gone.device, connection: gone.connection)
            for call in before.calls(of: gone.device) {
                effects.append(.call(key: RecordKey.of(app, call), .deviceDown(.init(user: id, device: device))))
            }
        case .loggedOut(let gone) where gone.isPushedOut: pushOut(gone, app, id, before, into: &effects)
        case .loggedOut(let gone):
            if let asker = gone.asker {
                effects.frame(to: asker.connection, .answer(asker.request), close: 1000)
            }
            guard let call = before.call(seating: gone.device) else { break }
            let device = Device(id: gone.device, connection: gone.connection)
            effects.append(.call(key: RecordKey.of(app, call), .loggedOut(.init(user: id, device: device))))
        case .ringAdded(let ring):
            let unknown = user.devices.map(\.device).filter { device in
                !ring.rung.contains { $0.id == device.id && $0.connection == device.connection }
            }
            guard !unknown.isEmpty else { break }
            var news = CallInput.Devices()
            news.user = id
            news.devices = unknown
            news.profile = user.profile
            effects.append(.call(key: RecordKey.of(app, ring.call), .devices(news)))
        case .seated(let seated):
            join(seated, app, id, into: &effects)
            announceNewer(seated.sit, app, id, user, into: &effects)
        case .seatDenied(let denied): refuse(denied, app, id, into: &effects)
        case .moving(let sit):
            guard let seat = before.seat, seat.phase == .taken else { break }
            let reason = before.moveReason(from: seat.device, to: sit) ?? .ended
            // The call's own end finds the seat given up already: the room hears it from here.
            leave(seat, because: reason, app, id, into: &effects)
            guard seat.kind == .call else { break }
            var moves = CallInput.Moves()
            moves.user = id
            moves.device = seat.device
            moves.reason = reason
            effects.append(.call(key: RecordKey.of(app, CallID(seat.room.text)), .moves(moves)))
        case .leaving(let unsit):
            guard before.seat?.phase != user.seat?.phase, let seat = user.seat else { break }
            leave(seat, because: unsit.reason, app, id, into: &effects)
        case .ringRemoved, .freed, .tokensCutOff, .absenceOver: break
        }
    }

    package func eventCount(of fact: UsersEntry.Fact, before: UsersEntry) -> Int {
        guard case .user(let fact) = fact, case .user(let before) = before else { return 0 }
        return fact.eventCount(before: before)
    }

    // MARK: logging in

    private func admit(
        _ login: UserFact.LoggedIn, _ app: AppKey, _ id: UserID, _ before: User, _ user: User,
        into effects: inout Effects
    ) {
        if let old = login.replaces {
            // Where the device has left it long since, nobody is there; else it comes back, and this is where it is.
            effects.frame(to: old, nil, close: Int(login.isLate ? CloseCode.goingAway : CloseCode.replaced))
        }
        let calls = user.calls(of: login.device.id)
        let missed = before.absences.first { $0.device == login.device.id }?.calls.filter { !calls.contains($0) } ?? []
        if let asker = login.asker {
            var answer = ConnectAnswer()
            answer.userId = id
            answer.connectionId = "\(asker.connection.gateway)-\(asker.connection.number)"
            answer.gatewayId = asker.connection.gateway
            answer.serverTime = user.changedAt
            answer.pingIntervalMs = pingInterval.milliseconds
            answer.lossGraceMs = lossGrace.milliseconds
            answer.callIds = calls
            answer.roomIds = user.seat.map { [$0.room] } ?? []
            var note = DeliveryNote()
            note.admitted = true
            effects.frame(to: asker.connection, .answer(asker.request, answer), note: note)
        }
        let known = calls + missed
        var further: [CallID] = []
        for call in login.shows where !known.contains(call) && !further.contains(call) { further.append(call) }
        // What is named by the device alone comes last: a program that does not know of it numbers the rest the same.
        for call in known + further {
            let news = CallInput.DeviceNews(user: id, device: login.device, shows: login.shows.contains(call))
            effects.append(.call(key: RecordKey.of(app, call), .deviceUp(news)))
        }
    }

    /// Told why, and closed; the call that it was inside goes on without it, or ends.
    private func pushOut(
        _ gone: UserInput.Gone, _ app: AppKey, _ id: UserID, _ before: User, into effects: inout Effects
    ) {
        let kicked = KickedData(reason: Refusal.Reason.replacedByLogin.code)
        effects.frame(to: gone.connection, .event("kicked", kicked), close: Int(CloseCode.replaced))
        let seated = before.call(seating: gone.device)
        let device = Device(id: gone.device, connection: gone.connection)
        for call in before.calls(of: gone.device) {
            let key = RecordKey.of(app, call)
            if call == seated {
                var moves = CallInput.Moves()
                (moves.user, moves.device, moves.reason) = (id, gone.device, .otherLogin)
                effects.append(.call(key: key, .moves(moves)))
            } else {
                effects.append(.call(key: key, .deviceDown(.init(user: id, device: device))))
            }
        }
    }

    // MARK: sitting down

    private func join(_ seated: UserFact.Seated, _ app: AppKey, _ id: UserID, into effects: inout Effects) {
        var join = RoomInput.Join()
        join.user = id
        join.device = seated.sit.device
        join.seat = seated.seat
        join.kind = seated.sit.kind
        join.mediaType = seated.sit.mediaType
        effects.append(.room(key: RecordKey.of(app, seated.sit.room), .join(join)))
    }

    private func leave(
        _ seat: User.Seat, because reason: EndReason, _ app: AppKey, _ id: UserID, into effects: inout Effects
    ) {
        var leave = RoomInput.Leave()
        leave.user = id
        leave.seat = seat.number
        leave.reason = reason
        effects.append(.room(key: RecordKey.of(app, seat.room), .leave(leave)))
    }

    /// The device has connected anew since it asked for the seat: the call would go on speaking to the old connection.
    private func announceNewer(
        _ sit: UserInput.Sit, _ app: AppKey, _ id: UserID, _ user: User, into effects: inout Effects
    ) {
        guard sit.kind == .call, let online = user.devices.first(where: { $0.device.id == sit.device.id }),
            online.device.connection != sit.device.connection
        else { return }
        let news = CallInput.DeviceNews(user: id, device: online.device)
        effects.append(.call(key: RecordKey.of(app, CallID(sit.room.text)), .deviceUp(news)))
    }

    private func refuse(_ denied: UserFact.SeatDenied, _ app: AppKey, _ id: UserID, into effects: inout Effects) {
        guard denied.sit.kind == .call else { return }
        var news = CallInput.SeatRefused()
        news.user = id
        news.device = denied.sit.device.id
        news.reason = denied.isCall ? .insideAnotherCall : .insideAnotherRoom
        news.room = denied.room
        news.sitting = denied.device
        news.call = denied.isCall ? CallID(denied.room.text) : nil
        effects.append(.call(key: RecordKey.of(app, CallID(denied.sit.room.text)), .seatRefused(news)))
    }

    // MARK: answering

    /// Logins and logouts are answered from their facts; asked again, by the fact's frame sent again.
    package func answer(
        _ reply: Reply, key: String, facts: [UsersEntry.Fact], state: UsersEntry, into effects: inout Effects
    ) {}

    package func refuse(
        _ reply: Reply, key: String, _ refusal: Refusal, state: UsersEntry, into effects: inout Effects
    ) {
        let asker = reply.asker
        effects.frame(to: asker.connection, .refusal(asker.request, refusal), close: Int(CloseCode.token))
    }

    // MARK: the mirror

    package func mirror(_ state: UsersEntry, key: String) -> [UInt8]? {
        guard case .user(let user) = state, user.forgetAt == nil else { return nil }
        var presence = Presence()
        presence.devices = user.devices.map(\.device)
        presence.profile = user.devices.isEmpty ? nil : user.profile
        presence.busy = user.busy
        return presence.encoded()
    }
}

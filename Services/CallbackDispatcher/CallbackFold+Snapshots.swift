import Switchboard

/// Snapshots say what lived before the place at which the reading began.
extension CallbackFold {
    /// Whether what came before the facts of a call or room is known. Else the reading began in the middle of its life,
    /// and they were rendered before.
    func isWhole<Fact>(_ record: LogRecord<Fact>, isKnown: Bool) -> Bool {
        !record.facts.isEmpty && (record.sequence <= 1 || isKnown)
    }

    mutating func carry(_ record: LogRecord<CallFact>) {
        guard let call: Call = state(of: record), call.isLive else { return }
        calls[record.key] = LiveCall(call: call, previous: record.announced)
    }

    mutating func carry(_ record: LogRecord<RoomFact>) {
        guard let room: Room = state(of: record), room.session != nil else { return }
        rooms[record.key] = LiveRoom(room: room, previous: record.announced)
    }

    mutating func carry(_ record: LogRecord<UsersEntry.Fact>) {
        guard let entry: UsersEntry = state(of: record), case .user(let user) = entry,
            !user.devices.isEmpty
        else { return }
        var live = LiveUser(previous: record.announced)
        for online in user.devices {
            var login = UserFact.LoggedIn()
            login.device = online.device
            login.appIdentifier = online.appIdentifier
            login.clientIp = online.clientIp
            live.devices[online.device.id] = login
        }
        users[record.key] = live
    }

    private func state<Fact, State: Message>(of record: LogRecord<Fact>) -> State? {
        record.state.flatMap { try? Carried<State>(json: $0.bytes).state }
    }
}

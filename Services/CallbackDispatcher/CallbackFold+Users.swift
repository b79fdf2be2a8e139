package import Switchboard

extension CallbackFold {
    package mutating func take(
        _ record: LogRecord<UsersEntry.Fact>, at offset: Int64, isSilent: Bool = false
    ) -> [Callback] {
        if record.kind == .snapshot { carry(record) }
        guard record.facts.contains(where: \.isPresence),
            let (found, id) = place(.users, "users", record.key, offset, record.time)
        else { return [] }
        var place = found
        var live = users[record.key] ?? LiveUser()
        var callbacks: [Callback] = []
        for fact in record.facts {
            guard let (type, device) = Self.event(of: fact, &live) else { continue }
            var data = CallbackData()
            data.userId = UserID(id)
            data.deviceId = device.device.id
            data.platform = device.device.platform
            data.appIdentifier = device.appIdentifier
            data.clientIp = device.clientIp ?? ""
            data.connectionId = device.device.connection.map { "\($0.gateway)-\($0.number)" } ?? "-"
            callbacks.append(place.callback(type, place.sequence, after: &live.previous, session: nil, data))
        }
        users[record.key] = live.devices.isEmpty ? nil : live
        return isSilent ? [] : callbacks
    }

    /// What is told of a device that goes is what was known of it when it came.
    private static func event(
        of fact: UsersEntry.Fact, _ live: inout LiveUser
    ) -> (CallbackType, UserFact.LoggedIn)? {
        guard case .user(let fact) = fact else { return nil }
        switch fact {
        case .loggedIn(let login):
            live.devices[login.device.id] = login
            return (.userOnline, login)
        case .wentOffline(let gone): return live.devices.removeValue(forKey: gone.device).map { (.userOffline, $0) }
        case .loggedOut(let gone): return live.devices.removeValue(forKey: gone.device).map { (.userLoggedOut, $0) }
        case .ringAdded, .ringRemoved, .seated, .seatDenied, .moving, .leaving, .freed, .tokensCutOff, .absenceOver:
            return nil
        }
    }
}

extension UsersEntry.Fact {
    fileprivate var isPresence: Bool {
        switch self {
        case .user(.loggedIn), .user(.wentOffline), .user(.loggedOut): true
        default: false
        }
    }
}

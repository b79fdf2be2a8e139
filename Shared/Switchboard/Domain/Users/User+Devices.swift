/// How many devices a user may have connected, and which make room for a new one.
extension User {
    /// Of one platform, in one of the applications that share an App Key.
    package static let devicesPerPlatform = 5
    /// In all: whatever applications clients name, a user stays small.
    package static let devicesMax = 50
    /// At one login. Who has far too many, from when there was no limit, loses the rest at the next ones.
    static let pushedOutMax = 8

    /// The devices that are logged out for this one, the oldest first.
    func pushedOut(by login: UserInput.Login) -> [UserInput.Gone] {
        let others = devices.filter { $0.device.id != login.device.id }
        let alike = others.filter {
            $0.device.platform == login.device.platform && $0.appIdentifier == login.appIdentifier
        }
        var leaving = alike.prefix(max(0, alike.count + 1 - Self.devicesPerPlatform))
        if leaving.isEmpty { leaving = others.prefix(max(0, others.count + 1 - Self.devicesMax)) }
        return leaving.prefix(Self.pushedOutMax).compactMap { online in
            online.device.connection.map {
                UserInput.Gone(device: online.device.id, connection: $0, isPushedOut: true)
            }
        }
    }
}

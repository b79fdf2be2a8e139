/// One WebSocket in one life of a gateway. Frames are addressed to connections, never to users.
package struct Connection: Hashable, Sendable {
    /// The partition of `gateway.deliveries` that the gateway reads.
    package var partition: Int32 = 0
    /// Names one life of a gateway; a restarted gateway has another, and one that was silent for long begins another.
    package var gateway: String = ""
    /// Counts up within the process, over all its lives: a socket keeps its number.
    package var number: UInt64 = 0

    package init() {}

    package init(partition: Int32, gateway: String, number: UInt64) {
        self.partition = partition
        self.gateway = gateway
        self.number = number
    }
}

package enum Platform: String, Hashable, Sendable, CaseIterable {
    case ios, android, web, desktop, server
}

/// How a user is shown to others; taken from the token.
package struct Profile: Hashable, Sendable {
    package var name = ""
    package var avatarUrl: String?

    package init() {}
    package init(name: String, avatarUrl: String? = nil) {
        self.name = name
        self.avatarUrl = avatarUrl
    }
}

/// A device as a decision met it: which one, and over which connection it can be told something, if any.
package struct Device: Hashable, Sendable {
    package var id = DeviceID()
    package var connection: Connection?
    package var platform = Platform.web

    package init() {}
    package init(id: DeviceID, connection: Connection?, platform: Platform = .web) {
        self.id = id
        self.connection = connection
        self.platform = platform
    }
}

/// Who waits for the answer of a request.
package struct Asker: Hashable, Sendable {
    package var connection = Connection()
    /// The request's `id` on that connection.
    package var request = ""

    package init() {}
    package init(connection: Connection, request: String) {
        self.connection = connection
        self.request = request
    }
}

/// What the mirror showed of a user when a decision looked.
package struct Presence: Hashable, Sendable {
    package var devices: [Device] = []
    package var profile: Profile?
    /// Set where the user is ringing elsewhere, or placing a call or inside one.
    package var busy: UserState?

    package init() {}
}

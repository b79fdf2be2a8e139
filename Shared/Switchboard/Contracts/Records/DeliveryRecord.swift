/// Frames for connections of one gateway partition; a record may carry those of several inputs, each entry with its own
/// mark, so that an entry sent again is sifted singly.
package struct DeliveryRecord: Message {
    package var entries: [DeliveryEntry] = []

    package init() {}
    package init(_ entries: [DeliveryEntry]) { self.entries = entries }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("entries", &entries) }
}

/// The same record, of entries that are spelled already.
package struct SpelledDeliveryRecord: Message {
    package var entries: [Opaque] = []

    package init() {}
    package init(_ entries: [Opaque]) { self.entries = entries }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("entries", &entries) }
}

/// One thing for one connection.
package struct DeliveryEntry: Message {
    /// The incarnation of the gateway that holds the connection; others on the same partition pass over it.
    package var gateway = ""
    package var number: UInt64 = 0
    /// Nil for signals between members, which are at most once.
    package var source: SourceMark?
    /// The frame, as the client gets it.
    package var frame: Opaque?
    /// What the gateway itself learns from it.
    package var note: DeliveryNote?
    /// Close the connection with this code, behind the frame.
    package var close: Int?
    /// For a signal: the connection it came from must be a member's, as the receiver knows them.
    package var signal: SignalNote?

    package init() {}
    package init(to connection: Connection, frame: Opaque?, note: DeliveryNote? = nil, close: Int? = nil) {
        gateway = connection.gateway
        number = connection.number
        self.frame = frame
        self.note = note
        self.close = close
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("gateway", &gateway)
        try c("number", &number)
        try c("source", &source)
        try c("frame", &frame)
        try c("note", &note)
        try c("close", &close)
        try c("signal", &signal)
    }
}

/// Facts about a connection that its gateway acts on: who may signal to it, until when it may ring.
package struct DeliveryNote: Hashable, Message {
    /// The call that now rings at this connection, until `expiresAt`.
    package var ring: CallID?
    package var expiresAt: Timestamp?
    /// The call is over for this connection.
    package var over: CallID?
    /// The room this connection is inside, and who else is.
    package var inside: RoomPeers?
    /// The login is answered: the connection is admitted.
    package var admitted: Bool?
    /// The users' owners took the whole gateway for dead: if it lives, it begins a new life.
    package var died: Bool?

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("ring", &ring)
        try c("expiresAt", &expiresAt)
        try c("over", &over)
        try c("inside", &inside)
        try c("admitted", &admitted)
        try c("died", &died)
    }
}

/// Who is inside a room, as one of them is told.
package struct RoomPeers: Hashable, Message {
    package struct Peer: Hashable, Message {
        package var user = UserID()
        package var device = DeviceID()
        package var joinID = JoinID()
        /// Nil while the peer is reconnecting.
        package var connection: Connection?

        package init() {}

        package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("userId", &user)
            try c("deviceId", &device)
            try c("joinId", &joinID)
            try c("connection", &connection)
        }
    }

    package var room = RoomID()
    /// The decision this is from; an older one never replaces a newer one.
    package var sequence = 0
    package var joinID = JoinID()
    package var peers: [Peer] = []

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("roomId", &room)
        try c("sequence", &sequence)
        try c("joinId", &joinID)
        try c("peers", &peers)
    }
}

/// Where a signal comes from.
package struct SignalNote: Hashable, Message {
    package var room = RoomID()
    package var user = UserID()
    package var device = DeviceID()

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("roomId", &room)
        try c("userId", &user)
        try c("deviceId", &device)
    }
}

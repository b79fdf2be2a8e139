/// What can happen to one user: devices come and go, calls ring, rooms are entered and left.
package enum UserInput: Sendable {
    case login(Login)
    /// The gateway: this connection is gone.
    case lost(Gone)
    case logout(Gone)
    /// A call rings this user, or has been placed by it, and names whom it rang already.
    case ring(Ring)
    /// The call rings this user no longer.
    case ringOver(CallID)
    /// A device is to sit in a room; the user's one seat.
    case sit(Sit)
    /// The device is to leave that room.
    case unsit(Unsit)
    /// The room: the seat is free again, or was never taken there.
    case left(LeftRoom)
    /// Tokens issued before this moment open no connection any more.
    case cutOff(Timestamp)
    case timer

    package struct Login: Hashable, Sendable {
        package var device = Device()
        package var profile = Profile()
        package var appIdentifier: String?
        package var clientIp: String?
        /// When the token was issued.
        package var issuedAt = Timestamp()
        package var asker: Asker?
        /// The same socket, as the gateway announced it in its life before: it is no newer than it was then.
        package var formerly: Connection?
        /// The calls that the device shows as it connects: of each it has heard no end. Nil where it does not say.
        package var shows: [CallID]?
        /// When its gateway took it, by the gateway's clock.
        package var takenAt: Timestamp?
        package init() {}
    }

    package struct Gone: Hashable, Sendable {
        package var device = DeviceID()
        package var connection = Connection()
        package var asker: Asker?
        /// For `loggedOut`: it did not ask for it, but made room for another device.
        package var isPushedOut = false
        package init() {}
        package init(device: DeviceID, connection: Connection, asker: Asker? = nil, isPushedOut: Bool = false) {
            self.device = device
            self.connection = connection
            self.asker = asker
            self.isPushedOut = isPushedOut
        }
    }

    package struct Ring: Hashable, Sendable {
        package var call = CallID()
        /// The other of a single call.
        package var peer = UserID()
        package var expiresAt = Timestamp()
        /// The devices that the call has rung by itself.
        package var rung: [Device] = []
        package init() {}
    }

    package struct Sit: Hashable, Sendable {
        package var room = RoomID()
        package var kind = RoomKind.call
        package var device = Device()
        package var mediaType = MediaType.video
        /// Where this very device sits elsewhere: leave there, for this reason; nil refuses the seat.
        package var leavesFor: EndReason?
        /// Where another device of the user sits elsewhere: put it out, for this reason; nil refuses the seat.
        package var putsOutFor: EndReason?
        package init() {}
    }

    package struct Unsit: Hashable, Sendable {
        package var room = RoomID()
        package var device = DeviceID()
        package var reason = EndReason.ended
        package init() {}
    }

    package struct LeftRoom: Hashable, Sendable {
        package var room = RoomID()
        package var seat = 0
        package init() {}
    }
}

/// What happened to one user.
package enum UserFact: Hashable, Sendable {
    case loggedIn(LoggedIn)
    /// The device lost its connection; it may come back.
    case wentOffline(UserInput.Gone)
    /// By itself, or because the user has as many devices as may be.
    case loggedOut(UserInput.Gone)
    case ringAdded(UserInput.Ring)
    case ringRemoved(CallID)
    case seated(Seated)
    /// The seat was asked for and refused: the user sits elsewhere.
    case seatDenied(SeatDenied)
    /// The user leaves the room it is in, and then sits in the next.
    case moving(UserInput.Sit)
    /// The seat is being given up; the room is told.
    case leaving(UserInput.Unsit)
    case freed(UserInput.LeftRoom)
    case tokensCutOff(Timestamp)
    /// The device stayed away for so long that no call knows it any more.
    case absenceOver(DeviceID)

    package struct LoggedIn: Hashable, Sendable {
        package var device = Device()
        package var profile = Profile()
        package var appIdentifier: String?
        package var clientIp: String?
        package var asker: Asker?
        /// The connection that the same device had until now, if any; it is to be closed.
        package var replaces: Connection?
        /// It was long under way, and the device may be at the other by now: from there it is to come back.
        package var isLate = false
        /// The calls that the device still shows, or may; they are asked, whatever is known of them here.
        package var shows: [CallID] = []
        package init() {}
    }

    package struct Seated: Hashable, Sendable {
        package var sit = UserInput.Sit()
        /// Counts the seats of this user up; part of the join.
        package var seat = 0
        package init() {}
    }

    package struct SeatDenied: Hashable, Sendable {
        package var sit = UserInput.Sit()
        package var room = RoomID()
        package var device = DeviceID()
        package var isCall = false
        package init() {}
    }
}

package enum RoomKind: String, Hashable, Sendable, CaseIterable { case call, conference, live }

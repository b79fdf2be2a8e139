/// What can happen to one call: commands of devices, news of users and rooms, and time.
package enum CallInput: Sendable {
    case start(Start)
    case ringing(By)
    case accept(Accept)
    case end(End)
    /// A device asks for the call as it is.
    case sync(By)
    case media(Media)
    /// The device has lost its peer connections (a reloaded page) and enters anew.
    case mediaReset(By)
    case mediaReport(MediaReport)
    /// The user's machine: a device of somebody in this call has connected.
    case deviceUp(DeviceNews)
    /// The user's machine: that connection of the device is gone.
    case deviceDown(DeviceNews)
    /// The user's machine: these devices should ring too.
    case devices(Devices)
    case loggedOut(DeviceNews)
    /// The user's machine: this device enters another call or room, or makes room for another device, so it leaves here.
    case moves(Moves)
    case seatRefused(SeatRefused)
    /// The room: the device is inside.
    case joined(Joined)
    case timer(silenceCounts: Bool)

    /// A device that asks for something.
    package struct By: Hashable, Sendable {
        package var user = UserID()
        package var device = Device()
        package var asker: Asker?
        package init() {}
        package init(user: UserID, device: Device, asker: Asker? = nil) {
            self.user = user
            self.device = device
            self.asker = asker
        }
    }

    package struct Start: Hashable, Sendable {
        package var by = By()
        package var profile = Profile()
        package var appIdentifier: String?
        package var callees: [UserID] = []
        package var callType = CallType.single
        package var mediaType = MediaType.video
        package var ringTimeout: Duration?
        package var extra: String?
        package var takeover = false
        package var settings = CallSettings()
        /// What the mirror showed when this input was looked up: one per callee, in their order, then the caller's own.
        /// Nil where nothing was known in time.
        package var presences: [Presence?] = []
        package init() {}
    }

    package struct Accept: Hashable, Sendable {
        package var by = By()
        package var profile = Profile()
        /// Audio: this device starts with its camera off.
        package var mediaType: MediaType?
        package init() {}
    }

    package struct End: Hashable, Sendable {
        package var by = By()
        package var reason: EndReason?
        package init() {}
    }

    package struct Media: Hashable, Sendable {
        package var by = By()
        package var camera: Bool?
        package var microphone: Bool?
        package var screen: Bool?
        package init() {}
    }

    package enum MediaCondition: String, Hashable, Sendable, CaseIterable { case connected, disconnected, failed }

    package struct MediaReport: Hashable, Sendable {
        package var by = By()
        package var condition = MediaCondition.connected
        package init() {}
    }

    package struct DeviceNews: Hashable, Sendable {
        package var user = UserID()
        package var device = Device()
        /// The device said, as it connected, that it shows this call: it has not heard the end of it.
        package var shows = false
        package init() {}
        package init(user: UserID, device: Device, shows: Bool = false) {
            self.user = user
            self.device = device
            self.shows = shows
        }
    }

    package struct Devices: Hashable, Sendable {
        package var user = UserID()
        package var devices: [Device] = []
        package var profile: Profile?
        package init() {}
    }

    package struct Moves: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        /// Why, as the user's own other devices see it.
        package var reason = EndReason.ended
        package init() {}
    }

    package struct SeatRefused: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        package var reason = Refusal.Reason.insideAnotherRoom
        package var room: RoomID?
        /// The device that sits in the other room.
        package var sitting: DeviceID?
        /// That room is the room of this call.
        package var call: CallID?
        package init() {}
    }

    package struct Joined: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        package var joinID = JoinID()
        package var session = SessionID()
        package init() {}
    }
}

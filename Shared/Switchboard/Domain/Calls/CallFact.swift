/// What happened in one call, in the past tense. Folding them in order gives the call; each has the next sequence.
package enum CallFact: Hashable, Sendable {
    case started(Started)
    /// Further devices of an invited user were rung.
    case rung(Rung)
    /// A device acknowledged that it rings; the first of its user is told to the caller.
    case ringing(At)
    case accepted(Accepted)
    /// A device is inside the room.
    case entered(Entered)
    /// Talk time runs from here.
    case connected
    case declined(At)
    /// Declined with "busy".
    case busied(At)
    /// The ring time of a user was over.
    case missed(Who)
    /// The caller gave up before any answer.
    case cancelled(At)
    /// A member is no longer inside, or never got in.
    case left(Left)
    /// The device lost its connection. One that is inside is waited for; one that rings may come back and ring again.
    case lost(At)
    /// The device is back, over this connection. Where the call is over for it and it has not heard that, it is told so:
    /// this alone may come after the end, and changes nothing of the call.
    case returned(Back)
    /// The device was handed a snapshot, so that its next event follows on that.
    case synced(Back)
    case mediaChanged(MediaNow)
    /// The device entered anew, with a new joinId.
    case rejoined(Rejoined)
    /// The device's media failed, or works again.
    case mediaReported(Reported)
    /// The start is refused after all: the caller's seat was.
    case startRefused(StartRefused)
    /// An end came before its start, which is over when it comes.
    case endedBeforeStart(At)
    /// The terminal fact: nothing follows but the return of a device that has not heard it.
    case ended(Ended)

    package struct Started: Hashable, Sendable {
        package var caller = UserID()
        package var device = Device()
        package var profile = Profile()
        package var asker: Asker?
        package var appIdentifier: String?
        package var callType = CallType.single
        package var mediaType = MediaType.video
        package var extra: String?
        package var takeover = false
        package var expiresAt = Timestamp()
        package var callees: [Callee] = []
        /// The caller's other devices, which are sent its record in the end.
        package var callerDevices: [Device] = []
        package var settings = CallSettings()
        package init() {}
    }

    package struct Callee: Hashable, Sendable {
        package var user = UserID()
        package var profile: Profile?
        package var devices: [Device] = []
        package var busy: UserState?
        package init() {}
    }

    package struct Who: Hashable, Sendable {
        package var user = UserID()
        package init() {}
        package init(user: UserID) { self.user = user }
    }

    package struct At: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        package init() {}
        package init(user: UserID, device: DeviceID) {
            self.user = user
            self.device = device
        }
    }

    package struct Rung: Hashable, Sendable {
        package var user = UserID()
        package var devices: [Device] = []
        package var profile: Profile?
        package init() {}
    }

    package struct Accepted: Hashable, Sendable {
        package var user = UserID()
        package var device = Device()
        package var profile = Profile()
        package var camera = false
        package init() {}
    }

    package struct Entered: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        package var joinID = JoinID()
        package var session = SessionID()
        package init() {}
    }

    package struct Left: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        /// As the one that left sees it.
        package var reason = EndReason.ended
        package init() {}
    }

    package struct Back: Hashable, Sendable {
        package var user = UserID()
        package var device = Device()
        /// For `synced`, of a start that comes again before it is answered: no snapshot yet, it waits like the first.
        package var asker: Asker?
        package init() {}
        package init(user: UserID, device: Device, asker: Asker? = nil) {
            self.user = user
            self.device = device
            self.asker = asker
        }
    }

    package struct MediaNow: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        package var media = MediaState()
        package init() {}
    }

    package struct Rejoined: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        package var joinID = JoinID()
        package init() {}
    }

    package struct Reported: Hashable, Sendable {
        package var user = UserID()
        package var device = DeviceID()
        package var condition = CallInput.MediaCondition.connected
        package init() {}
    }

    package struct StartRefused: Hashable, Sendable {
        package var reason = Refusal.Reason.insideAnotherRoom
        package var room: RoomID?
        package var sitting: DeviceID?
        package var call: CallID?
        package init() {}
    }

    package struct Ended: Hashable, Sendable {
        /// As the caller sees it.
        package var reason = EndReason.ended
        /// Who ended it; nobody where time or the server did.
        package var by: UserID?
        package var device: DeviceID?
        package var cause: EndCause?
        package init() {}
        package init(_ reason: EndReason, by: UserID? = nil, device: DeviceID? = nil, cause: EndCause? = nil) {
            self.reason = reason
            self.by = by
            self.device = device
            self.cause = cause
        }
    }
}

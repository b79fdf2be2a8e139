package enum CallType: String, Hashable, Sendable, CaseIterable { case single, multi }

package enum MediaType: String, Hashable, Sendable, CaseIterable { case audio, video }

/// Where one user stands in one call.
package enum UserState: String, Hashable, Sendable, CaseIterable {
    case idle
    /// Placing the call; inside its room from the start.
    case calling
    /// Invited; no device has acknowledged yet.
    case invited
    /// At least one device rings.
    case ringing
    case busyRinging, busyWaiting
    /// Accepted by one device, which is not inside the room yet.
    case connecting
    /// Inside the room; talk time runs.
    case onCall
    case onPhone
    case ended, noAnswer, missed, cancelled, declined, error

    /// The user's devices ring or will ring.
    package var isRinging: Bool { self == .invited || self == .ringing }
    /// The user's one device is inside, or on its way in.
    package var isInside: Bool { self == .calling || self == .connecting || self == .onCall }
    package var isOver: Bool {
        switch self {
        case .ended, .noAnswer, .missed, .cancelled, .declined, .error: true
        case .idle, .calling, .invited, .ringing, .busyRinging, .busyWaiting, .connecting, .onCall, .onPhone: false
        }
    }
}

/// The settings of an environment that a call was started under; kept with the call, so that a change of settings
/// never changes the past.
package struct CallSettings: Hashable, Sendable {
    package var ringTimeout: Duration = .seconds(60)
    package var ringLossGrace: Duration = .seconds(15)
    package var connectTimeout: Duration = .seconds(30)
    package var lossGrace: Duration = .seconds(60)
    package var maxDuration: Duration = .seconds(86_400)
    /// How long an ended call is remembered by its owner, so that what comes late meets its end.
    package var tombstone: Duration = .seconds(900)

    package static let ringTimeoutRange: ClosedRange<Duration> = .seconds(5) ... .seconds(180)

    package init() {}
}

/// Why a call ended although no member wished it.
package enum EndCause: String, Hashable, Sendable, CaseIterable {
    case server, maxDuration, alone, roomDestroyed, media, connectTimeout, seatRefused
}

/// What a member sends of itself.
package struct MediaState: Hashable, Sendable {
    package var camera = false
    package var microphone = true
    package var screen = false

    package init() {}
    package init(camera: Bool, microphone: Bool, screen: Bool = false) {
        self.camera = camera
        self.microphone = microphone
        self.screen = screen
    }
}

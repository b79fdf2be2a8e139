/// One call, as the fold of its facts.
///
/// Unknown until its start (or an end that overtook the start); live until `ended`; then remembered for a while, so
/// that what comes late meets its end. The time of a command is the append time of its inbox record.
package struct Call: Machine, Hashable {
    package typealias Input = CallInput
    package typealias Fact = CallFact

    package enum Phase: Hashable, Sendable {
        /// Nobody has started it.
        case unknown
        /// Started and not ended: somebody rings or is inside.
        case live
        /// Over, with the reason as the caller sees it.
        case over(EndReason, cause: EndCause?)
    }

    package internal(set) var id: CallID
    package internal(set) var phase = Phase.unknown
    package internal(set) var sequence = 0
    package internal(set) var callType = CallType.single
    package internal(set) var mediaType = MediaType.video
    package internal(set) var caller = UserID()
    package internal(set) var extra: String?
    package internal(set) var appIdentifier: String?
    package internal(set) var session: SessionID?
    package internal(set) var createdAt = Timestamp()
    package internal(set) var expiresAt = Timestamp()
    package internal(set) var startTime: Timestamp?
    package internal(set) var endTime: Timestamp?
    package internal(set) var participants: [Participant] = []
    /// The caller's devices that are not in the call; they are sent its record.
    package internal(set) var callerDevices: [Device] = []
    package internal(set) var settings = CallSettings()
    /// The caller's request, until it is answered: when its device is inside the room, or cannot be.
    package internal(set) var startAsker: Asker?
    /// The same request, sent again before it was answered; the last few of them.
    package internal(set) var startAskedAgain: [Asker] = []
    /// Why the caller could not enter.
    package internal(set) var startRefused: CallFact.StartRefused?
    /// Whose device ended it; nobody where time or the server did.
    package internal(set) var endedBy: CallFact.At?
    /// Who owes their end to an `end` that came before the start.
    package internal(set) var endedEarlyBy: CallFact.At?
    /// What the last applied fact has to tell, to whom. Follows from the facts alone.
    package internal(set) var told: [Told] = []

    package init(id: CallID) { self.id = id }

    package static func timer(silenceCounts: Bool) -> CallInput { .timer(silenceCounts: silenceCounts) }

    package var isLive: Bool { phase == .live }

    package var endReason: EndReason? {
        if case .over(let reason, _) = phase { reason } else { nil }
    }

    package var endCause: EndCause? {
        if case .over(_, let cause) = phase { cause } else { nil }
    }

    package func participant(_ user: UserID) -> Participant? { participants.first { $0.user == user } }

    /// Both are inside.
    package var isConnected: Bool { startTime != nil }

    package var deadlines: Deadlines {
        var next = Deadlines()
        guard isLive else { return next }
        for member in participants {
            if member.state.isRinging { next.plain(at: expiresAt) }
            if member.state == .connecting, let accepted = member.acceptedAt {
                next.silence(at: accepted + settings.connectTimeout)
            }
            if let lost = member.lostAt { next.silence(at: lost + lossGrace) }
            if let failed = member.mediaFailedAt { next.silence(at: failed + settings.connectTimeout) }
        }
        next.plain(at: (startTime ?? createdAt) + settings.maxDuration)
        return next
    }

    package var forgetAt: Timestamp? { endTime.map { $0 + settings.tombstone } }

    /// A caller who is lost while nobody else is inside is waited for less long: somebody's phone is ringing.
    var lossGrace: Duration { isAnswered ? settings.lossGrace : settings.ringLossGrace }

    /// Somebody besides the caller is inside or on the way in.
    package var isAnswered: Bool { participants.contains { $0.user != caller && $0.state.isInside } }
}

/// One user in one call.
package struct Participant: Hashable, Sendable {
    package var user: UserID
    package var profile: Profile?
    package var state: UserState
    /// How it ended for this user, as the user sees it.
    package var reason: EndReason?
    package var busy: UserState?
    /// The devices that ring or are inside, in the order in which they came.
    package var lines: [Line] = []
    /// The one device that is inside or on its way in.
    package var seated: DeviceID?
    package var joinID: JoinID?
    package var media = MediaState()
    package var invitedAt: Timestamp
    package var ringingAt: Timestamp?
    package var acceptedAt: Timestamp?
    package var joinedAt: Timestamp?
    package var leftAt: Timestamp?
    package var lostAt: Timestamp?
    package var mediaFailedAt: Timestamp?

    /// A device in a call: how it is reached, and the event it was last told.
    package struct Line: Hashable, Sendable {
        package var device: Device
        /// The sequence of the last event this device was sent for this call; 0 before the first.
        package var previous = 0
        package var hasAcknowledged = false
        /// It was told that the call is over for it.
        package var isOver = false
    }

    /// More lines than a user has devices: those of devices that came and went are kept as long as there is room.
    static let linesMax = 64

    /// How many further devices can get a line; those that are away make room.
    var linesFree: Int { max(0, Self.linesMax - lines.count { $0.device.connection != nil || $0.device.id == seated }) }

    /// A new line, in the place of the first one of a device that is away where there are as many as may be.
    mutating func add(_ line: Line) {
        if lines.count >= Self.linesMax,
            let away = lines.firstIndex(where: { $0.device.connection == nil && $0.device.id != seated })
        {
            lines.remove(at: away)
        }
        lines.append(line)
    }

    package var online: Bool { lostAt == nil }

    package func line(_ device: DeviceID) -> Line? { lines.first { $0.device.id == device } }

    package var seatedLine: Line? { seated.flatMap { line($0) } }
}

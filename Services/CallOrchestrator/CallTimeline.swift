import Switchboard

/// What was decided about a call, fact by fact, as app servers read it.
enum CallTimeline {
    struct Item: Message {
        var sequence = 0
        var time = Timestamp()
        var type = ""
        var userId: UserID?
        var deviceId: DeviceID?
        var data = Opaque()

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("sequence", &sequence)
            try c("time", &time)
            try c("type", &type)
            try c("userId", &userId)
            try c("deviceId", &deviceId)
            try c("data", &data)
        }
    }

    struct Page: Message {
        var items: [Item] = []
        mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("items", &items) }
    }

    /// - Parameter call: after the fact.
    static func item(_ fact: CallFact, of call: Call, at time: Timestamp) -> Item {
        var item = Item()
        item.sequence = call.sequence
        item.time = time
        item.data = Opaque(NoData())
        item.type = type(of: fact)
        switch fact {
        case .started(let started): (item.userId, item.deviceId) = (started.caller, started.device.id)
        case .rung(let rung): item.userId = rung.user
        case .ringing(let at), .declined(let at), .busied(let at), .cancelled(let at), .lost(let at),
            .endedBeforeStart(let at):
            (item.userId, item.deviceId) = (at.user, at.device)
        case .accepted(let accepted): (item.userId, item.deviceId) = (accepted.user, accepted.device.id)
        case .entered(let entered): (item.userId, item.deviceId) = (entered.user, entered.device)
        case .missed(let who): item.userId = who.user
        case .left(let left):
            (item.userId, item.deviceId) = (left.user, left.device)
            item.data = Opaque(ReasonData(left.reason))
        case .returned(let back), .synced(let back): (item.userId, item.deviceId) = (back.user, back.device.id)
        case .mediaChanged(let change):
            (item.userId, item.deviceId) = (change.user, change.device)
            item.data = Opaque(change.media)
        case .rejoined(let rejoined): (item.userId, item.deviceId) = (rejoined.user, rejoined.device)
        case .mediaReported(let report): (item.userId, item.deviceId) = (report.user, report.device)
        case .ended(let ended):
            (item.userId, item.deviceId) = (ended.by, ended.device)
            item.data = Opaque(ReasonData(ended.reason, cause: ended.cause))
        case .connected, .startRefused: break
        }
        return item
    }

    /// The callback's type where the fact has one, else the fact's own name.
    private static func type(of fact: CallFact) -> String {
        switch fact {
        case .started: "call.started"
        case .ringing: "call.ringing"
        case .accepted: "call.accepted"
        case .entered: "call.member.joined"
        case .connected: "call.connected"
        case .declined: "call.declined"
        case .busied: "call.busy"
        case .missed: "call.missed"
        case .cancelled: "call.cancelled"
        case .left: "call.member.left"
        case .ended: "call.ended"
        case .rung, .lost, .returned, .synced, .mediaChanged, .rejoined, .mediaReported, .startRefused,
            .endedBeforeStart:
            fact.name.rawValue
        }
    }

    private struct ReasonData: Message {
        var reason = 0
        var cause: EndCause?
        init() {}
        init(_ reason: EndReason, cause: EndCause? = nil) {
            self.reason = reason.code
            self.cause = cause
        }
        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("reason", &reason)
            try c("cause", &cause)
        }
    }
}

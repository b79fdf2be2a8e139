/// One fact as an app server reads it: a CloudEvent 1.0 in structured JSON. A webhook's body is these very bytes.
///
/// Everything in it follows from the facts alone, nothing from a clock: rendered twice it is the same, byte for byte.
/// The facts of a call count 1, 2, 3 …, and `sequence` is that number; its record (`call.log`) has the number behind
/// the terminal fact. Rooms and users begin anew at 1 whenever they are forgotten, and the fact that opens or closes a
/// room has two events: for them `sequence` is the fact's place in its log, sixteen places for each record.
package struct CallbackEvent: Message {
    /// Unique for all time, since it names the place in the log that the fact stands at.
    package var id = ""
    package var source = ""
    package var type = CallbackType.callStarted
    package var subject = ""
    package var time = Timestamp()
    package var sequence: Int64 = 0
    /// That of the subject's event before; 0 for its first.
    package var previous: Int64 = 0
    package var session: SessionID?
    package var data = CallbackData()

    /// Places that each record of a log has for the events of rooms and users.
    package static let placesPerRecord: Int64 = 16

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var version = "1.0"
        var contentType = "application/json"
        var timeText = c.isReading ? "" : CallbackTime.text(of: time)
        var sequenceText = "\(sequence)"
        var previousText: String? = "\(previous)"
        try c("specversion", &version)
        try c("id", &id)
        try c("source", &source)
        try c("type", &type)
        try c("subject", &subject)
        try c("time", &timeText)
        try c("datacontenttype", &contentType)
        try c("sequence", &sequenceText)
        try c("prevsequence", &previousText)
        try c("sessionid", &session)
        try c("data", &data)
        guard c.isReading else { return }
        guard let number = Int64(sequenceText), let before = Int64(previousText ?? "0") else {
            throw CodingFailure(.outOfRange)
        }
        (sequence, previous) = (number, before)
    }
}

/// What an event can be about, as it is published.
package enum CallbackType: String, Hashable, Sendable, CaseIterable {
    case callStarted = "call.started"
    case callRinging = "call.ringing"
    case callAccepted = "call.accepted"
    case callDeclined = "call.declined"
    case callMissed = "call.missed"
    case callCancelled = "call.cancelled"
    case callBusy = "call.busy"
    case callConnected = "call.connected"
    case callMemberJoined = "call.member.joined"
    case callMemberLeft = "call.member.left"
    case callEnded = "call.ended"
    case callLog = "call.log"
    case roomCreated = "room.created"
    case roomDestroyed = "room.destroyed"
    case roomJoined = "room.joined"
    case roomLeft = "room.left"
    case sessionStarted = "session.started"
    case sessionEnded = "session.ended"
    case userOnline = "user.online"
    case userOffline = "user.offline"
    case userLoggedOut = "user.loggedout"
    case endpointDisabled = "callback.endpoint.disabled"
    /// Sent to one endpoint on request; never in the topic.
    case endpointTest = "callback.endpoint.test"
}

/// Moments as RFC 3339 spells them, in UTC with milliseconds.
package enum CallbackTime {
    private static let millisecondsPerDay: Int64 = 86_400_000

    package static func text(of moment: Timestamp) -> String {
        let days = moment.milliseconds.floored(by: millisecondsPerDay)
        let inDay = Int(moment.milliseconds - days * millisecondsPerDay)
        let (year, month, day) = date(of: days)
        return String(unsafeUninitializedCapacity: 24) { place in
            var to = 0
            func put(_ number: Int, _ digits: Int, _ mark: Unicode.Scalar) {
                var rest = number
                for i in stride(from: to + digits - 1, through: to, by: -1) {
                    place[i] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                }
                to += digits
                place[to] = UInt8(ascii: mark)
                to += 1
            }
            put(year, 4, "-")
            put(month, 2, "-")
            put(day, 2, "T")
            put(inDay / 3_600_000, 2, ":")
            put(inDay / 60_000 % 60, 2, ":")
            put(inDay / 1000 % 60, 2, ".")
            put(inDay % 1000, 3, "Z")
            return to
        }
    }

    /// The Gregorian date so many days after the first of 1970, counted in years that begin in March, so that the leap
    /// day is the last of its year.
    private static func date(of days: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted.floored(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0), Int(month), Int(day))
    }
}

extension Int64 {
    fileprivate func floored(by divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : -((divisor - 1 - self) / divisor)
    }
}

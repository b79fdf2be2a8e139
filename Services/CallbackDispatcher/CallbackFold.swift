package import Switchboard

/// One event, ready for the topic.
package struct Callback: Sendable {
    package var id: String
    package var key: String
    package var type: CallbackType
    package var body: [UInt8]
}

/// What the facts of one partition's three logs tell the world: folds each record, and gives back its events.
///
/// A pure function of the records in their order, so that a dispatcher that goes on where another stopped renders the
/// same. It remembers what lives: a call until it has ended, a room while it is open, a user while a device is online.
package struct CallbackFold {
    let partition: Int32
    var calls: [String: LiveCall] = [:]
    var rooms: [String: LiveRoom] = [:]
    var users: [String: LiveUser] = [:]

    struct LiveCall {
        var call: Call
        var previous: Int64 = 0
    }

    struct LiveRoom {
        var room = Room()
        var previous: Int64 = 0
    }

    struct LiveUser {
        var devices: [DeviceID: UserFact.LoggedIn] = [:]
        var previous: Int64 = 0
    }

    package init(partition: Int32) { self.partition = partition }

    package var liveCount: Int { calls.count + rooms.count + users.count }

    /// Where an event stands, for its id and number.
    struct Place {
        let ledger: LedgerName
        let app: AppKey
        let subject: String
        let partition: Int32
        let offset: Int64
        let time: Timestamp
        /// The number of the next event of this record.
        var index = 0

        /// The event's number for subjects whose facts begin anew at 1.
        var sequence: Int64 { CallbackEvent.sequence(at: offset, index) }

        mutating func callback(
            _ type: CallbackType, _ sequence: Int64, after previous: inout Int64, session: SessionID?,
            _ data: CallbackData
        ) -> Callback {
            var event = CallbackEvent()
            event.id = "\(app)-\(ledger.rawValue)-\(partition)-\(offset)-\(index)"
            event.source = "/apps/\(app)"
            event.type = type
            event.subject = subject
            event.time = time
            event.sequence = sequence
            event.previous = previous
            event.session = session
            event.data = data
            previous = sequence
            index += 1
            return Callback(id: event.id, key: "\(app)/\(subject)", type: type, body: event.encoded())
        }
    }

    func place(
        _ ledger: LedgerName, _ kind: String, _ key: String, _ offset: Int64, _ time: Timestamp
    ) -> (Place, id: String)? {
        guard let (app, id) = RecordKey.split(key) else { return nil }
        let place = Place(
            ledger: ledger, app: app, subject: "\(kind)/\(id)", partition: partition, offset: offset, time: time)
        return (place, id)
    }
}

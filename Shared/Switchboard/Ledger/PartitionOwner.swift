/// Decides one partition of one ledger, from a marker until it is overtaken or lets go.
///
/// Receive, look, handle, remember, and, once the record is accepted, perform. All of it is synchronous calls on one
/// loop; the world is behind `LedgerPorts`. Whatever goes wrong ends the incarnation: the memory is dropped, and the log
/// says what to go on from.
package final class PartitionOwner<B: Book> {
    package typealias Record = LogRecord<B.State.Fact>
    typealias Input = B.State.Input

    package enum Phase: String, Sendable {
        /// The marker is on its way into the log.
        case marking
        /// The log is read up to the marker.
        case reading
        /// Decides.
        case owning
        /// Overtaken, failed or given back; never used again.
        case over
    }

    package let partition: Int32
    let book: B
    let ports: any LedgerPorts
    let recordsMax: Int64
    package internal(set) var phase = Phase.marking

    // What the log says.
    var rule = LogRule()
    var entries: [String: Entry] = [:]
    var marks: [SourcePartition: SourceMark] = [:]
    var commands = CommandMemory()
    var inboxOffset: Int64 = -1
    var lastTime = Timestamp()

    // This incarnation.
    package internal(set) var incarnation: String
    var markerOffset: Int64 = -1
    /// The marker that this owner began with: what it is known by outside the log.
    var fence: Int64 = -1
    var ordinal: Int64 = 0
    var isRenewing = false
    var acceptedThrough: Int64 = -1
    /// While reading: the marker whose records are being folded.
    var replayMarker: Int64 = 0

    // What is under way, each in its order.
    var pending = Queue<Pending>()
    var unsent = Queue<(record: [UInt8], key: String)>()
    var inFlight = Queue<InFlight>()
    /// In the order of the log.
    var performing = Queue<Performing>()
    var performedThrough: Int64 = -1
    var isPumping = false

    // Time.
    var due = DeadlineQueue()
    var silence = SilenceRule()
    var question: EndQuestion?
    var receivedThrough: Int64 = -1
    var forgetting = Queue<(key: String, at: Timestamp)>()
    var releasing = Queue<(key: String, at: Timestamp)>()
    var livingSince: [Int64: Int] = [:]

    /// For metrics.
    package internal(set) var decisions = 0
    package internal(set) var skippedRecords = 0

    /// - Parameter recordsMax: after how many records it takes over from itself; other than the limit in tests alone.
    package init(
        partition: Int32, book: B, ports: any LedgerPorts, recordsMax: Int64 = LedgerLimit.recordsPerIncarnation
    ) {
        self.partition = partition
        self.recordsMax = recordsMax
        self.book = book
        self.ports = ports
        incarnation = ports.freshIncarnation()
    }

    package var isOwning: Bool { phase == .owning }
    package var liveCount: Int { entries.count }
    /// Received and not yet decided, or decided and not yet accepted.
    package var backlog: Int { pending.count + inFlight.count + unsent.count }

    package func state(of key: String) -> B.State? { entries[key]?.state }

    /// Lets go of everything. Nothing is performed or told after this.
    package func end(because reason: String) {
        guard phase != .over else { return }
        phase = .over
        entries = [:]
        pending = Queue()
        unsent = Queue()
        inFlight = Queue()
        performing = Queue()
        ports.ended(partition, because: reason)
    }

    /// One aggregate and what the engine keeps beside it.
    struct Entry {
        var state: B.State
        /// The marker under which its first fact stands; nil once it no longer holds the log back.
        var since: Int64?
        var scheduled = Deadlines()
    }

    /// An input that waits to be decided.
    final class Pending {
        let offset: Int64
        let time: Timestamp
        let key: String
        var record: InboxRecord<Input>
        var isLookedUp: Bool

        init(offset: Int64, time: Timestamp, key: String, record: InboxRecord<Input>, isLookedUp: Bool) {
            self.offset = offset
            self.time = time
            self.key = key
            self.record = record
            self.isLookedUp = isLookedUp
        }
    }

    /// A decision that is not accepted yet.
    struct InFlight {
        let ordinal: Int64
        let effects: Effects
        let mirror: (key: String, value: [UInt8]?)?
        let sentAt: Timestamp
    }

    /// A record whose effects are under way.
    final class Performing {
        let offset: Int64
        /// The marker under which the record stands.
        let since: Int64
        var outstanding: Int
        init(offset: Int64, since: Int64, outstanding: Int) {
            self.offset = offset
            self.since = since
            self.outstanding = outstanding
        }
    }

    /// Deadlines wait until the inbox was read to the end that was asked for after they had passed.
    struct EndQuestion {
        let asked: Timestamp
        var end: Int64?
    }
}

/// A partition whose effects are taken at most once each.
struct SourcePartition: Hashable {
    var ledger: LedgerName
    var partition: Int32
    init(_ mark: SourceMark) {
        ledger = mark.ledger
        partition = mark.partition
    }
}

/// The limits of the engine.
package enum LedgerLimit {
    /// Decisions that may wait for their acknowledgement, per partition.
    package static let inFlightMax = 10_000
    /// Inputs that may wait; beyond it the inbox is paused, and flows again below half of it.
    package static let pendingMax = 10_000
    /// An owner takes over from itself after this many records, so that a reader meets a marker that often.
    package static let recordsPerIncarnation: Int64 = 10_000
    /// A decision without acknowledgement for this long ends the incarnation.
    package static let acknowledgementMax: Duration = .seconds(30)
    /// A command that was appended this long after its gateway took it was answered 50300 and is refused.
    package static let commandAgeMax: Duration = .seconds(10)
    /// The same command within this time has one effect.
    package static let commandMemory: Duration = .seconds(120)
    /// An owner whose clock is further off its log's does not decide.
    package static let clockSkewMax: Duration = .milliseconds(500)
    /// An ended machine holds the log back no longer than this: while its commands may be repeated.
    package static let endedHeld = commandMemory
}

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
    let limits: OwnerLimits
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
    var markedAt = Timestamp()
    /// The marker that this owner began with: what it is known by outside the log.
    var fence: Int64 = -1
    var ordinal: Int64 = 0
    var isRenewing = false
    var suspicion = Suspicion()
    /// The last input that the log was told of before it is decided.
    var trial: Int64 = -1
    var acceptedThrough: Int64 = -1
    /// While reading: the marker whose records are being folded.
    var replayMarker: Int64 = 0

    // What is under way, each in its order.
    var pending = Queue<Pending>()
    var unsent = Queue<(record: [UInt8], key: String)>()
    var inFlight = Queue<InFlight>()
    /// In the order of the log.
    var performing = Queue<Performing>()
    /// Of them, those that owe more than frames.
    var owing = 0
    var performedThrough: Int64 = -1
    var isPumping = false

    // Time.
    var due = DeadlineQueue()
    var silence = SilenceRule()
    var question: EndQuestion?
    var receivedThrough: Int64 = -1
    var forgetting = Queue<(key: String, at: Timestamp)>()
    var releasing = Queue<Release>()
    /// Ended, and to be written as tombstones; since when, by `age`.
    var departing = Queue<String>()
    var departingAge: Int64 = 0
    /// Where tombstones stand that are needed still, the oldest first.
    var graves: [Grave] = []

    // What the log must still be read for.
    var holding: [Int64: Holding] = [:]
    var aging = Queue<Aging>()
    /// Counts what was read and decided here, but for snapshots: the age of states, in records.
    var age: Int64 = 0

    /// For metrics.
    package internal(set) var decisions = 0
    package internal(set) var snapshots = 0
    package internal(set) var skippedRecords = 0
    var hasToldOfForeign = false
    var hasToldOfClock = false

    package init(partition: Int32, book: B, ports: any LedgerPorts, limits: OwnerLimits = OwnerLimits()) {
        self.partition = partition
        self.limits = limits
        self.book = book
        self.ports = ports
        incarnation = ports.freshIncarnation()
    }

    package var isOwning: Bool { phase == .owning }
    package var liveCount: Int { entries.count }
    /// A record of its own counts.
    var hasAccepted: Bool { fence >= 0 && acceptedThrough > fence }
    /// Inputs that are not decided, decisions that are not accepted, and records whose effects are under way. Frames are
    /// none of them: gateways that cannot be reached stop no machine, and `Deliveries` bounds what waits for them.
    package var backlog: Int { pending.count + inFlight.count + unsent.count + owing }

    /// Whether the inbox is to flow, where it flows or rests now.
    package func takesMore(whileFlowing isFlowing: Bool) -> Bool {
        isFlowing ? backlog <= limits.backlogMax : backlog < limits.backlogMax / 2
    }

    package func state(of key: String) -> B.State? { entries[key]?.state }

    /// Lets go of everything. Nothing is performed or told after this.
    package func end(because reason: String) { end(.again(reason)) }

    func end(_ ending: OwnerEnding) {
        guard phase != .over else { return }
        phase = .over
        entries = [:]
        pending = Queue()
        unsent = Queue()
        inFlight = Queue()
        performing = Queue()
        owing = 0
        ports.ended(partition, ending)
    }

    /// One aggregate and what the engine keeps beside it.
    final class Entry {
        var state: B.State
        /// The marker under which its first fact stands, or its last snapshot.
        var since: Int64
        /// The log is kept for it.
        var isHolding = false
        /// It waits to be written as a tombstone.
        var isDeparting = false
        /// Its tombstone stands in the log, and says what it is.
        var isBuried = false
        var scheduled = Deadlines()
        /// From when on its present silence lasts, or the first of several.
        var silentSince = Timestamp()
        /// What a snapshot had that this program does not know.
        var unknown = UnknownMembers()
        /// Commands to it that may still be remembered.
        var commands: [String] = []
        /// With so many of them, those that are forgotten are let go.
        var commandsDue = LedgerLimit.commandsNoted
        /// The number of its last public event; 0 before the first.
        var announced: Int64 = 0
        /// Its place among the `aging`.
        var agesSince: Int64 = -1

        init(_ state: B.State, since: Int64) {
            self.state = state
            self.since = since
        }

        /// The marker from which on the log must be read to know it; nil where any will do.
        var readFrom: Int64? { isBuried ? nil : since }
    }

    /// What must be read from one marker on, at least.
    struct Holding {
        var count = 0
        /// When the marker was written.
        let time: Timestamp
    }

    /// A state that was last written whole then.
    struct Aging {
        let key: String
        let age: Int64
        let time: Timestamp
    }

    /// An ended machine that need not hold the log back much longer.
    struct Release {
        let key: String
        let at: Timestamp
        let age: Int64
    }

    /// An input that waits to be decided.
    final class Pending {
        let offset: Int64
        let time: Timestamp
        let key: String
        /// Nil where it cannot be read, or not before it is tried.
        var record: InboxRecord<Input>?
        var isLookedUp = false
        var caution: Caution?
        /// As it came, where it is suspected.
        var bytes: [UInt8] = []

        init(offset: Int64, time: Timestamp, key: String) {
            self.offset = offset
            self.time = time
            self.key = key
        }
    }

    /// A decision that is not accepted yet.
    struct InFlight {
        let ordinal: Int64
        let effects: Effects
        let since: Int64
        let mirror: (key: String, value: [UInt8]?)?
        let sentAt: Timestamp
    }

    /// A record whose effects are under way.
    final class Performing {
        let offset: Int64
        /// The marker from which on the log says what they are.
        let since: Int64
        var outstanding: Int
        /// Of them, those that are no frames.
        var owed: Int
        init(offset: Int64, since: Int64, _ effects: Effects) {
            self.offset = offset
            self.since = since
            outstanding = effects.all.count
            owed = effects.all.count { !$0.isFrame }
        }
    }

    /// Deadlines wait until the inbox was read to the end that was asked for after they had passed.
    struct EndQuestion {
        let asked: Timestamp
        var end: InboxEnd?
    }
}

/// Why an owner let go.
package enum OwnerEnding: Hashable, Sendable, CustomStringConvertible {
    /// Overtaken, or the world failed it: another try may do better.
    case again(String)
    /// This process must not decide the partition; another may.
    case unable(Inability, String)

    package enum Inability: String, Hashable, Sendable {
        /// The log has records above the level that this program can fold.
        case level
        /// The clock is off.
        case clock
    }

    package var description: String {
        switch self {
        case .again(let reason), .unable(_, let reason): reason
        }
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
    /// What may be under way, from an input that waits to a record whose effects are not all acknowledged, per partition;
    /// beyond it the inbox is paused, and flows again below half of it. A broker that answers never lets it come to that:
    /// a second of its silence at ten thousand decisions a second would.
    package static let backlogMax = 10_000
    /// The last records of a log that are asked from where on it is needed: more than a few markers that nothing followed.
    static let recordsAsked: Int64 = 64
    /// Snapshots that are taken in a quiet tenth of a second; otherwise one for each decision.
    static let snapshotsPerTick = 10
    /// So many commands of one key are noted before those that are forgotten are let go; then twice what is left.
    static let commandsNoted = 16
    /// A state with more commands that may be repeated is written whole later: one record has to hold them all, at 600
    /// bytes each, and the state.
    static let commandsPerSnapshot = 250
    /// A partition that the group gives to another is decided on until that one has written, at most this long …
    package static let handoverMax: Duration = .seconds(5)
    /// … and in a process that ends.
    package static let leaveMax: Duration = .seconds(2)
    /// In a process that ends and hands over to nobody, what was received is decided, written and performed for so long.
    package static let finishMax: Duration = .seconds(1)
    /// A decision without acknowledgement for this long ends the incarnation.
    package static let acknowledgementMax: Duration = .seconds(30)
    /// A command that was appended this long after its gateway took it was answered 50300 and is refused.
    package static let commandAgeMax: Duration = .seconds(10)
    /// The same command within this time has one effect.
    package static let commandMemory: Duration = .seconds(120)
    /// An owner whose clock is further off its log's does not decide.
    package static let clockSkewMax: Duration = .milliseconds(500)
    /// A record of tombstones takes no further one from this size on; a state is far smaller than what is left.
    static let tombstoneBytes = 200_000
    /// Between two owners nobody listens for longer, unless nobody is there at all.
    static let unheardMax: Duration = .seconds(20)
    /// With more deadlines than so many for each aggregate, and these besides, those that hold no longer are let go of. An
    /// aggregate has two at most, so that this costs each added one the same however many there are.
    static let deadlinesPerEntry = 3
    static let deadlinesSpare = 1_024
    /// Behind a marker its owner's opening comes at once; a zombie's records may come between.
    static let openingWithin: Int64 = 16
    /// An ended machine holds the log back no longer than this: while its commands may be repeated. Then its tombstone
    /// stands for it.
    package static let endedHeld = commandMemory
}

/// How often an owner writes what readers need, and how much it takes at once; smaller in tests alone.
package struct OwnerLimits: Sendable {
    /// It takes over from itself after this many records, so that a reader meets a marker that often …
    package var recordsPerIncarnation: Int64 = 10_000
    /// … and after this time, so that the partition's marks are never older than the log keeps its records.
    package var incarnationMax: Duration = .seconds(3_600)
    /// A live state is written whole after this many records of its partition …
    package var recordsWithoutSnapshot: Int64 = 20_000
    /// … but no more often than once in so many records for each live state, so that snapshots never outnumber decisions.
    package var recordsPerLive: Int64 = 2
    /// … or after this time, where the partition has gone on at all; where it has not, after a day.
    package var timeWithoutSnapshot: Duration = .seconds(3_600)
    package var timeWithoutSnapshotIdle: Duration = .seconds(86_400)
    /// What has ended stands in the log so many in a record …
    package var tombstonesPerRecord = 200
    /// … and in the newest so many records of them: a takeover reads no more, and remembers no more.
    package var gravesMax = 32
    /// The level of records that may be written.
    package var levelAllowed = RecordLevel.highest
    /// So much may be under way before it takes no more of its inbox.
    package var backlogMax = LedgerLimit.backlogMax

    package init() {}
}

/// One decision, as it stands in a log.
///
/// `incarnation` and `ordinal` say whose it is and which: only records of the incarnation whose marker rules, in
/// unbroken ordinals, count. A marker has no ordinal; the record after it has ordinal 0.
package struct LogRecord<Fact: Message>: Message {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Begins an incarnation.
        case marker
        /// The first record of an incarnation: what the partition as a whole remembers.
        case opening
        /// Facts; none where the input was only answered.
        case facts
        case refusal
        /// One live state as it is, so that the log need not be read for its facts before. Decides nothing.
        case snapshot
        /// The input at `trying` is decided next, and may end the process: it has ended others.
        case trying
        /// States that have ended and are remembered for a while, so that the log need not be read for them. Decides nothing.
        case tombstones

        /// The lowest level whose programs can fold it.
        package var level: Int {
            switch self {
            case .marker, .opening, .facts, .refusal: 1
            case .snapshot, .trying: 2
            case .tombstones: 3
            }
        }
    }

    /// The highest level that this program can fold. Of a record above it only the level, and whose it is, are read: the
    /// rest may have words that are not known here.
    package static var levelRead: Int { RecordLevel.highest }

    package var kind = Kind.facts {
        didSet { level = kind.level }
    }
    package var level = Kind.facts.level
    package var incarnation = ""
    package var ordinal: Int64 = 0
    /// The last inbox offset that is decided with this record.
    package var inboxOffset: Int64 = -1
    package var time = Timestamp()
    package var key = ""
    package var command: String?
    package var reply: Reply?
    package var source: SourceMark?
    /// All effects of records up to here were acknowledged.
    package var performedThrough: Int64 = -1
    /// The marker from which on the log must be read to know all that lives.
    package var replayFrom: Int64 = 0
    /// The sequence of the first fact; of a snapshot, that of the last fact in it.
    package var sequence = 0
    package var facts: [Fact] = []
    package var refusal: Refusal?
    /// For an opening: the highest mark taken from each source partition.
    package var marks: [SourceMark] = []
    /// For an opening: where tombstones stand that are needed still, the oldest first.
    package var graves: [Grave] = []
    /// For an opening: owners before this one, in a row, that began and decided nothing; and the input that was tried.
    package var barren = 0
    /// For a marker: its owner ruled already.
    package var renews = false
    /// For a snapshot: a `Carried` state, the number of its last public event, and what the last commands to it came to.
    package var state: Opaque?
    package var announced: Int64 = 0
    package var commands: [RememberedCommand] = []
    package var tombstones: [Tombstone] = []
    /// For a trial, and an opening after one: the inbox offset.
    package var trying: Int64 = -1
    /// For an opening: how often that input was tried.
    package var tries = 0

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        var level = level
        try c("level", &level)
        try c("incarnation", &incarnation)
        try c("ordinal", &ordinal)
        guard level <= Self.levelRead else {
            self.level = level
            return
        }
        try c("kind", &kind)
        self.level = level
        try c("inboxOffset", &inboxOffset)
        try c("time", &time)
        try c("performedThrough", &performedThrough)
        try c("replayFrom", &replayFrom)
        switch kind {
        case .marker: try c.whereTrue("renews", &renews)
        case .opening:
            try c("marks", &marks)
            if c.isReading || !graves.isEmpty { try c("graves", &graves) }
            try suspicion(&c)
        case .facts, .refusal:
            try c("key", &key)
            try c("command", &command)
            try c("reply", &reply)
            try c("source", &source)
            try c("sequence", &sequence)
            if kind == .facts { try c("facts", &facts) } else { try c("refusal", &refusal) }
        case .snapshot:
            try c("key", &key)
            try c("sequence", &sequence)
            try c("state", &state)
            try c("announced", &announced)
            try c("commands", &commands)
        case .trying: try c("trying", &trying)
        case .tombstones: try c("tombstones", &tombstones)
        }
    }
}

extension LogRecord {
    /// Seldom there.
    private mutating func suspicion(_ c: inout Coder) throws(CodingFailure) {
        var count: Int? = barren > 0 ? barren : nil
        var offset: Int64? = trying >= 0 ? trying : nil
        var attempts: Int? = trying >= 0 ? tries : nil
        try c("barren", &count)
        try c("trying", &offset)
        try c("tries", &attempts)
        (barren, trying, tries) = (count ?? 0, offset ?? -1, attempts ?? 0)
    }
}

/// Levels of log records. A program folds those up to `highest`, and writes those that it is allowed to: a level is
/// allowed once every copy of every service can read it.
package enum RecordLevel {
    package static let highest = 3
}

/// A command of the last time, and what it came to: nil is accepted.
package struct RememberedCommand: Hashable, Sendable, Message {
    package var command = ""
    package var refusal: Refusal?
    package var time = Timestamp()

    package init() {}
    package init(_ command: String, _ refusal: Refusal?, at time: Timestamp) {
        self.command = command
        self.refusal = refusal
        self.time = time
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("command", &command)
        try c("refusal", &refusal)
        try c("time", &time)
    }
}

/// A state as a snapshot carries it: its own members, and beside them those that a newer program has put there, kept
/// byte for byte. So what a state gains must be a member of its own at this level, not inside another.
package struct Carried<State: Message>: Message {
    package var state = State()
    package var unknown = UnknownMembers()

    package init() {}
    package init(_ state: State, unknown: UnknownMembers = UnknownMembers()) {
        self.state = state
        self.unknown = unknown
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try state.fields(&c)
        try c.rest(&unknown)
    }
}

/// One state that has ended, as `tombstones` carry it: a `Carried` state, and the number of its last public event.
package struct Tombstone: Hashable, Sendable, Message {
    package var key = ""
    package var state = Opaque()
    package var announced: Int64 = 0

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("key", &key)
        try c("state", &state)
        try c("announced", &announced)
    }
}

/// Where tombstones stand, and until when one of them is needed.
package struct Grave: Hashable, Sendable, Message {
    package var offset: Int64 = 0
    package var until = Timestamp()

    package init() {}
    package init(at offset: Int64, until: Timestamp) {
        self.offset = offset
        self.until = until
    }

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("offset", &offset)
        try c("until", &until)
    }
}

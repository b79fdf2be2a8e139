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
    }

    /// The level of records that this program writes, and the highest it can fold. Of a record above it only the level,
    /// and whose it is, are read: the rest may have words that are not known here.
    package static var levelWritten: Int { 1 }

    package var kind = Kind.facts
    package var level = LogRecord.levelWritten
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
    /// The sequence of the first fact.
    package var sequence = 0
    package var facts: [Fact] = []
    package var refusal: Refusal?
    /// For an opening: the highest mark taken from each source partition.
    package var marks: [SourceMark] = []

    package init() {}

    package mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("level", &level)
        try c("incarnation", &incarnation)
        try c("ordinal", &ordinal)
        if c.isReading, level > Self.levelWritten { return }
        try c("kind", &kind)
        try c("inboxOffset", &inboxOffset)
        try c("time", &time)
        try c("performedThrough", &performedThrough)
        try c("replayFrom", &replayFrom)
        switch kind {
        case .marker: return
        case .opening:
            try c("marks", &marks)
        case .facts, .refusal:
            try c("key", &key)
            try c("command", &command)
            try c("reply", &reply)
            try c("source", &source)
            try c("sequence", &sequence)
            if kind == .facts { try c("facts", &facts) } else { try c("refusal", &refusal) }
        }
    }
}

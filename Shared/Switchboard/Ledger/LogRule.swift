/// Which records of a log count: the one rule, used by owners, views and everybody else who reads one.
///
/// Only records of the ruling incarnation count, in unbroken ordinals; a repeat is skipped, and so is everything behind
/// a gap until the next marker. The latest marker rules. A reader that starts in the middle starts at the first marker.
package struct LogRule: Hashable, Sendable {
    package enum Verdict: Hashable, Sendable {
        /// A new incarnation rules from here.
        case marker
        case counts
        /// A zombie's, a repeat, or behind a gap.
        case skipped
        /// Written by a newer program: nothing behind it may be folded by this one.
        case levelTooHigh
    }

    /// The ruling incarnation; nil before the first marker.
    package private(set) var incarnation: String?
    package private(set) var nextOrdinal: Int64 = 0
    package private(set) var markerOffset: Int64 = -1

    package init() {}

    /// Goes on where a stored position stopped.
    package init(incarnation: String?, nextOrdinal: Int64, markerOffset: Int64) {
        self.incarnation = incarnation
        self.nextOrdinal = nextOrdinal
        self.markerOffset = markerOffset
    }

    /// Call with every record in the order of the log.
    package mutating func judge<Fact>(_ record: LogRecord<Fact>, at offset: Int64) -> Verdict {
        judge(
            level: record.level, isMarker: record.kind == .marker, record.incarnation, record.ordinal, at: offset)
    }

    /// Or with the beginning of every record.
    package mutating func judge(_ heading: LogHeading, at offset: Int64) -> Verdict {
        judge(level: heading.level, isMarker: heading.isMarker, heading.incarnation, heading.ordinal, at: offset)
    }

    private mutating func judge(
        level: Int, isMarker: Bool, _ incarnation: String, _ ordinal: Int64, at offset: Int64
    ) -> Verdict {
        guard level <= RecordLevel.highest else { return .levelTooHigh }
        if isMarker {
            self.incarnation = incarnation
            nextOrdinal = 0
            markerOffset = offset
            return .marker
        }
        guard incarnation == self.incarnation, ordinal == nextOrdinal else { return .skipped }
        nextOrdinal += 1
        return .counts
    }
}

/// A moment in Unix milliseconds. In machines it is the broker's append time of an inbox record, never a clock of ours.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var milliseconds: Int64

    package init(milliseconds: Int64 = 0) { self.milliseconds = milliseconds }

    package var description: String { "\(milliseconds)" }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }

    /// At the end of what can be counted it stays there: times come from outside too.
    package static func + (a: Timestamp, b: Duration) -> Timestamp {
        let (sum, isBeyond) = a.milliseconds.addingReportingOverflow(b.milliseconds)
        return Timestamp(milliseconds: isBeyond ? (b < .zero ? .min : .max) : sum)
    }

    package static func - (a: Timestamp, b: Timestamp) -> Duration {
        let (difference, isBeyond) = a.milliseconds.subtractingReportingOverflow(b.milliseconds)
        return .milliseconds(isBeyond ? (a < b ? .min : .max) : difference)
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero.
    package var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}

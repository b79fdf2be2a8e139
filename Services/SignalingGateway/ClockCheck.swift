package import Switchboard

/// What the brokers' clocks say of this gateway's.
///
/// An owner takes a record's append time for its own; a gateway whose clock is off would ring nobody (what it is told
/// seems over), or have all its commands refused as too old. Where the clocks agree, the broker's time of a record lies
/// between its sending and its acknowledgement. One broker's clock may be off by itself, so where a record disagrees all
/// inboxes of users are asked, and what more of them say counts.
package struct ClockCheck {
    package enum Verdict: Equatable, Sendable {
        case agrees
        /// By so much at most, ahead or behind.
        case isOff(Duration)
    }

    /// Beyond it a clock counts as off.
    package static let skewMax = LedgerLimit.clockSkewMax

    /// What counts now; nil until the first record.
    package private(set) var verdict: Verdict?
    private var skews: [Int32: Duration] = [:]

    package init() {}

    /// Some inbox disagrees: all are to be asked.
    package var isInDoubt: Bool {
        if case .isOff = verdict { return true }
        return skews.values.contains { $0 > Self.skewMax }
    }

    /// - Parameters:
    ///   - partition: whose broker appended the record at `appended` by its clock.
    ///   - sent, acknowledged: by ours.
    /// - Returns: what counts from now on, where that is something new.
    package mutating func heard(
        _ partition: Int32, sent: Timestamp, appended: Timestamp, acknowledged: Timestamp
    ) -> Verdict? {
        skews[partition] = max(sent - appended, appended - acknowledged, .zero)
        guard verdict == nil, !isInDoubt else { return nil }
        return change(to: .agrees)
    }

    /// Ends a round: who was asked in it has had its time to answer.
    /// - Returns: what counts from now on, where that is something new.
    package mutating func judge() -> Verdict? {
        defer { skews = [:] }
        let bad = skews.values.filter { $0 > Self.skewMax }
        let good = skews.count - bad.count
        // Nobody answered, or as many say the one as the other: what counted goes on.
        guard bad.count != good else { return nil }
        return change(to: bad.count > good ? .isOff(bad.max() ?? .zero) : .agrees)
    }

    private mutating func change(to new: Verdict) -> Verdict? {
        let isSame =
            switch (verdict, new) {
            case (.agrees, .agrees), (.isOff, .isOff): true
            default: false
            }
        guard !isSame else { return nil }
        verdict = new
        return new
    }
}

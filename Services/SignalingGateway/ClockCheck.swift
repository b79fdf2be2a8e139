package import Switchboard

/// What the brokers' clocks say of this gateway's.
///
/// An owner takes a record's append time for its own; a gateway whose clock is off would ring nobody (what it is told
/// seems over), or have all its commands refused as too old. Where the clocks agree, the broker's time of a record lies
/// between its sending and its acknowledgement. One broker's clock may be off by itself, so where a record disagrees, or
/// none came, all inboxes of users are asked: it takes more than half of all to put a gateway out that serves.
package struct ClockCheck {
    package enum Verdict: Equatable, Sendable {
        case agrees
        /// By so much at most, ahead or behind.
        case isOff(Duration)
    }

    /// Beyond it a clock counts as off; one that was off agrees again within half of it.
    package static let skewMax = LedgerLimit.clockSkewMax
    private static let wayMax: Duration = .seconds(2)

    /// What counts now; nil until some inbox has told.
    package private(set) var verdict: Verdict?
    private let partitions: Int
    /// By partition, of this round.
    private var skews: [Int32: Duration] = [:]
    private var waiting: Set<Int32> = []
    /// Nothing was heard in the round before.
    private var wasSilent = false

    /// - Parameter partitions: how many inboxes of users there are.
    package init(partitions: Int32) { self.partitions = Int(partitions) }

    private var isOff: Bool { if case .isOff = verdict { true } else { false } }

    /// The inboxes that are to be asked now: all that are not asked already, where there is a doubt.
    package mutating func toAsk() -> [Int32] {
        let isInDoubt = isOff || wasSilent || skews.values.contains { $0 > Self.skewMax }
        guard isInDoubt else { return [] }
        let open = (0..<Int32(partitions)).filter { !waiting.contains($0) }
        waiting.formUnion(open)
        return open
    }

    /// An inbox that was asked has answered, or will not.
    package mutating func hasAnswered(_ partition: Int32) { waiting.remove(partition) }

    /// - Parameters:
    ///   - partition: whose broker appended the record at `appended` by its clock.
    ///   - sent, acknowledged: by ours.
    /// - Returns: what counts from now on, where that is something new.
    package mutating func heard(
        _ partition: Int32, sent: Timestamp, appended: Timestamp, acknowledged: Timestamp
    ) -> Verdict? {
        let skew = max(sent - appended, appended - acknowledged, .zero)
        // One that was under way for long shows nothing of a clock that is off by less than that.
        if isOff, skew <= Self.skewMax / 2, acknowledged - sent > Self.wayMax { return nil }
        skews[partition] = skew
        // At the start nobody is sent away by a mistake, and it is soon found.
        guard verdict == nil, skews.values.allSatisfy({ $0 <= Self.skewMax }) else { return nil }
        return change(to: .agrees)
    }

    /// Ends a round.
    /// - Returns: what counts from now on, where that is something new.
    package mutating func judge() -> Verdict? {
        wasSilent = skews.isEmpty
        defer { skews = [:] }
        let limit = isOff ? Self.skewMax / 2 : Self.skewMax
        let bad = skews.values.filter { $0 > limit }
        let good = skews.count - bad.count
        if good > bad.count { return change(to: .agrees) }
        guard let worst = bad.max(), 2 * bad.count > partitions || verdict == nil else { return nil }
        return change(to: .isOff(worst))
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

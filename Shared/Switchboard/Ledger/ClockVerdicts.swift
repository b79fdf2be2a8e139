/// What the markers of this process say of its clock: whether it is our clock that is off, or that of one broker.
///
/// A partition whose marker's append time is not ours is never decided here. Where the other partitions agree with us it
/// is their broker's clock that is off, and the rest goes on; else we are wrong ourselves, and should decide nothing.
package struct ClockVerdicts {
    package struct Place: Hashable, Sendable {
        let ledger: LedgerName
        let partition: Int32

        package init(_ ledger: LedgerName, _ partition: Int32) {
            self.ledger = ledger
            self.partition = partition
        }
    }

    package enum Judgement: Sendable {
        /// Its broker's clock is off.
        case refusesPartition
        /// Not until others have spoken.
        case isUndecided
        case isWrongItself
    }

    /// By how much the wall clock was ahead of the steady one as each agreed.
    private var agreed: [Place: Duration] = [:]
    private var refused: Set<Place> = []

    package init() {}

    /// - Parameter lead: of the wall clock before the steady one, from any common moment of this process.
    package mutating func agrees(_ place: Place, lead: Duration) {
        refused.remove(place)
        agreed[place] = lead
    }

    /// - Parameter assigned: the partitions that are here in all, this one among them.
    package mutating func refuses(_ place: Place, lead: Duration, assigned: Int) -> Judgement {
        agreed[place] = nil
        refused.insert(place)
        // Who agreed before our clock was set agreed to another clock.
        let good = agreed.values.count { Self.isSame($0, lead) }
        let open = assigned - agreed.count - refused.count
        if good > refused.count { return .refusesPartition }
        return open > 0 ? .isUndecided : .isWrongItself
    }

    package mutating func forget(_ place: Place) {
        agreed[place] = nil
        refused.remove(place)
    }

    private static func isSame(_ one: Duration, _ other: Duration) -> Bool {
        max(one - other, other - one) <= LedgerLimit.clockSkewMax / 2
    }
}

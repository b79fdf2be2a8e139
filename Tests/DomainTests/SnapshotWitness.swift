@testable import Switchboard
import Testing

/// Sees states as random histories make them, and says whether a snapshot of each is the same state again.
///
/// A stored property that a snapshot forgets is met as soon as a history gives it a value; that each property has had
/// one is checked in the end, so that nothing is forgotten unseen.
struct SnapshotWitness<State: Machine & Message & Equatable> {
    private(set) var faults: [String] = []
    private var valuesByProperty: [String: Set<String>] = [:]

    /// - Parameters:
    ///   - isLeftOut: properties that no snapshot holds.
    ///   - whole: the state as it comes out of a snapshot.
    mutating func see(_ state: State, without isLeftOut: Set<String> = [], _ whole: (State) -> State = { $0 }) {
        note(state, "", isLeftOut)
        let bytes = Carried(state).encoded()
        guard let read = try? Carried<State>(json: bytes) else {
            return faults.append("cannot be read: \(String(decoding: bytes, as: UTF8.self))")
        }
        if read.state != whole(state) { faults.append("another state: \(String(decoding: bytes, as: UTF8.self))") }
        if !read.unknown.isEmpty { faults.append("a member is written and not read") }
        checkUnknown(bytes)
    }

    /// What a newer program has put into the state stays there.
    private mutating func checkUnknown(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        let later = String(text.dropLast()) + #","la\u0074er":{"a":[1, null,"é"]} ,"latest": 7}"#
        guard let read = try? Carried<State>(json: Array(later.utf8)) else {
            return faults.append("cannot be read with what is unknown")
        }
        let again = String(decoding: read.encoded(), as: UTF8.self)
        if again != String(text.dropLast()) + #","la\u0074er":{"a":[1, null,"é"]},"latest": 7}"# {
            faults.append("what is unknown was changed: \(again)")
        }
    }

    /// Every stored property of the state and of the parts that stand in no other record.
    private mutating func note(_ value: Any, _ path: String, _ isLeftOut: Set<String>) {
        let mirror = Swift.Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .struct where value is State || value is any StatePart:
            for child in mirror.children {
                guard let label = child.label, !isLeftOut.contains(label) else { continue }
                let place = path.isEmpty ? label : "\(path).\(label)"
                if valuesByProperty[place, default: []].count < 2 {
                    valuesByProperty[place, default: []].insert("\(child.value)")
                }
                note(child.value, place, isLeftOut)
            }
        case .collection, .optional:
            for child in mirror.children { note(child.value, path, isLeftOut) }
        default: break
        }
    }

    /// Properties that had one value in all histories: nothing is shown of them.
    var unmoved: Set<String> { Set(valuesByProperty.filter { $0.value.count < 2 }.keys) }
}

/// What a state is made of, and is written nowhere else.
protocol StatePart {}
extension Participant: StatePart {}
extension Participant.Line: StatePart {}
extension User.Online: StatePart {}
extension User.Absence: StatePart {}
extension User.Seat: StatePart {}
extension Room.Member: StatePart {}

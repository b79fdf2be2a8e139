/// Whether the process lives, and whether it may be given work. From any thread.
///
/// It is ready when every named condition holds: its topics exist, its producer knows them, its view has caught up.
/// A process that stops says so at once, so that the front door sends nothing new.
package final class Health: Sendable {
    private struct Condition {
        let name: String
        var holds: Bool
    }

    private struct State {
        var conditions: [Condition] = []
        var isStopping = false
        var wasReady = false
    }

    private let state = Locked(State())

    /// - Parameter conditions: what must hold before the process is ready; none of it does yet.
    package init(conditions: [String] = []) {
        state.withLock { $0.conditions = conditions.map { Condition(name: $0, holds: false) } }
    }

    /// Says whether `condition` holds; one that was never named is added.
    package func set(_ condition: String, _ holds: Bool) {
        state.withLock { state in
            if let at = state.conditions.firstIndex(where: { $0.name == condition }) {
                state.conditions[at].holds = holds
            } else {
                state.conditions.append(Condition(name: condition, holds: holds))
            }
            if state.conditions.allSatisfy(\.holds) { state.wasReady = true }
        }
    }

    /// From here on it is not ready, whatever holds.
    package func stop() { state.withLock { $0.isStopping = true } }

    package var isReady: Bool {
        state.withLock { !$0.isStopping && $0.conditions.allSatisfy(\.holds) }
    }

    /// It has been ready at some time.
    package var wasReady: Bool { state.withLock(\.wasReady) }

    /// What is still missing, in the order named.
    package var missing: [String] {
        state.withLock { state in
            (state.isStopping ? ["stopping"] : []) + state.conditions.filter { !$0.holds }.map(\.name)
        }
    }

    /// The body of `/readyz`: `ready`, or what is missing, one per line.
    package var report: String {
        let missing = missing
        return missing.isEmpty ? "ready\n" : "not ready\n" + missing.map { "\($0)\n" }.joined()
    }
}

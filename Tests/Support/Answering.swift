import Synchronization

/// Waits for what another thread answers, once: a continuation whose hop from that thread is also seen by the thread
/// sanitizer.
///
/// The Swift runtime tells the sanitizer that a continuation was resumed, and, when the task was already waiting, that it
/// goes on. It says nothing in the second case, when the answer came before the task began to wait
/// (`swift_continuation_await` then goes on at once): what the other thread wrote before it answered would be reported as a
/// race with whoever reads it after. What both do to `hasCome` says it in every case.
package func answered<Value: Sendable>(
    isolation: isolated (any Actor)? = #isolation, _ ask: (Answering<Value>) -> Void
) async -> Value {
    let hop = Hop()
    let value = await withCheckedContinuation { ask(Answering(continuation: $0, hop: hop)) }
    precondition(hop.hasCome.load(ordering: .acquiring), "a continuation went on without being resumed")
    return value
}

package struct Answering<Value: Sendable>: Sendable {
    fileprivate let continuation: CheckedContinuation<Value, Never>
    fileprivate let hop: Hop

    /// Once, from any thread.
    package func resume(returning value: Value) {
        hop.hasCome.store(true, ordering: .releasing)
        continuation.resume(returning: value)
    }
}

extension Answering<Void> {
    package func resume() { resume(returning: ()) }
}

private final class Hop: Sendable {
    let hasCome = Atomic<Bool>(false)
}

import Support
import Switchboard
import Testing

@Suite struct ThreadsTests {
    private static let threads = 4
    private static let each = 20_000

    /// Runs `body` on as many threads at once as there are `threads`, with the number of each.
    private func onThreads(_ body: @escaping @Sendable (Int) -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<Self.threads { group.addTask { try await blocking { body(number) } } }
            try await group.waitForAll()
        }
    }

    @Test func whatIsLockedLosesNothing() async throws {
        let locked = LockedCount()
        try await onThreads { _ in
            for _ in 0..<Self.each { locked.count.withLock { $0 += 1 } }
        }
        #expect(locked.count.withLock { $0 } == Self.threads * Self.each)
    }

    @Test func onlyTheFirstOfABatchAsksToWake() {
        let inbound = Inbound<Int>()
        #expect(inbound.add(1) == .first)
        #expect(inbound.add(2) == .behind)
        #expect(inbound.count == 2)
        let (items, isClosed) = inbound.takeAll()
        #expect(items == [1, 2])
        #expect(!isClosed)
        #expect(inbound.count == 0)
        #expect(inbound.add(3) == .first)
    }

    @Test func whatWasAddedBeforeTheEndIsTakenAndNothingAfter() {
        let inbound = Inbound<Int>()
        #expect(inbound.add(1) == .first)
        #expect(inbound.close() == .behind)
        #expect(inbound.close() == .closed)
        #expect(inbound.add(2) == .closed)
        let (items, isClosed) = inbound.takeAll()
        #expect(items == [1])
        #expect(isClosed)
        #expect(inbound.add(3) == .closed)
    }

    @Test func closingAnEmptyOneAsksToWake() {
        let inbound = Inbound<Int>()
        #expect(inbound.close() == .first)
    }

    @Test func whatManyThreadsSendToALoopComesInTheOrderOfEach() async throws {
        let loop = EventLoop(name: "many")
        loop.start()
        let seen = Seen()
        try await onThreads { thread in
            for number in 0..<Self.each {
                loop.execute {
                    // The loop's own: no lock.
                    seen.isInOrder = seen.isInOrder && seen.next[thread] == number
                    seen.next[thread] = number + 1
                }
            }
        }
        let (isInOrder, next) = await answered { answer in
            loop.execute { answer.resume(returning: (seen.isInOrder, seen.next)) }
        }
        #expect(isInOrder)
        #expect(next == Array(repeating: Self.each, count: Self.threads))
        loop.stop()
    }

    private final class LockedCount: Sendable {
        let count = Locked(0)
    }

    private final class Seen: @unchecked Sendable {
        var isInOrder = true
        var next = Array(repeating: 0, count: ThreadsTests.threads)
    }
}

import Support
@testable import Switchboard
import Testing

@Suite(.timeLimit(.minutes(1)))
struct LedgerStopTests {
    @Test(arguments: KafkaBroker.Kind.present)
    func `A start that is stopped goes no further`(kind: KafkaBroker.Kind) async throws {
        let broker = try await KafkaBroker(kind)
        defer { broker.kill() }
        let owner = CallsOwner(broker.bootstrap)
        try await owner.start()
        await owner.stop()
        // Another, begun later, has gone the whole way.
        let other = CallsOwner(broker.bootstrap)
        try await other.start()
        try await until("the other decides") { await other.owned.count == 4 }
        try await until("the other is ready") { await other.isReady }
        #expect(await !owner.isReady)
        #expect(await owner.owned.isEmpty)
        await other.stop()
        for each in [owner, other] { await each.close() }
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Who stops and hands over to nobody finishes what it has begun`(kind: KafkaBroker.Kind) async throws {
        let broker = try await KafkaBroker(kind)
        defer { broker.kill() }
        let owner = CallsOwner(broker.bootstrap)
        try await owner.start()
        try await until("all are owned") { await owner.owned.count == 4 }
        try await until("it can write") { await owner.isReady }
        for number in 0..<4000 { try await owner.ask(Int32(number % 4), replies: true) }
        try await until("some are decided") { await owner.decided > 200 }
        await owner.stop()
        try await until("each decision is answered") { await owner.answers == owner.decided }
        await owner.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `What is written after the stop fails`(kind: KafkaBroker.Kind) async throws {
        let broker = try await KafkaBroker(kind)
        defer { broker.kill() }
        let owner = CallsOwner(broker.bootstrap)
        try await owner.start()
        try await until("all are owned") { await owner.owned.count == 4 }
        await owner.stop()
        guard case .failed = await owner.write() else {
            Issue.record("it is taken")
            return
        }
        await owner.close()
    }
}

@testable import Switchboard
import Testing

@Suite struct `An owner carries forward` {
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))
    private let users = OwnerScene(UsersBook())

    private func small(_ limits: inout OwnerLimits) {
        limits.recordsPerIncarnation = 10
        limits.recordsWithoutSnapshot = 20
        limits.recordsPerLive = 0
    }

    @Test func `what lives, so that the log is not read from its beginning`() throws {
        users.takeOver(small)
        users.send(.user(.login(.ben(1))), for: "app/ben")
        for number in 0..<100 { users.send(.user(.login(.ben(UInt64(number + 2)))), for: "app/other") }
        let state = users.owner.state(of: "app/ben")
        #expect(users.records.contains { $0.kind == .snapshot && $0.key == "app/ben" })
        let replayFrom = try #require(users.records.last?.replayFrom)
        #expect(users.log.count - Int(replayFrom) < 60)
        users.firstRead = nil
        users.takeOver(small)
        #expect(users.firstRead == replayFrom)
        #expect(users.owner.state(of: "app/ben") == state)
        #expect(state != nil)
    }

    @Test func `with the commands that may be repeated`() {
        calls.takeOver(small)
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.send(.ringing(.ben), for: callKey, "b/d/1", .ben)
        calls.send(.media(.anna), for: callKey, "u/d/2", .anna)
        for number in 0..<60 { calls.send(.accept(.ben), for: "app/other\(number)", "b/d/\(number)", .ben) }
        calls.takeOver(small)
        #expect(calls.firstRead ?? 0 > 10)
        let sequence = calls.owner.state(of: callKey)?.sequence
        calls.send(.media(.anna), for: callKey, "u/d/2", .anna)
        #expect(calls.records.last?.kind == .facts && calls.records.last?.facts == [])
        #expect(calls.owner.state(of: callKey)?.sequence == sequence)
    }

    @Test func `a state with very many commands later, when they need not be remembered any more`() {
        func tellBen(_ numbers: Range<Int>) {
            for number in numbers {
                users.send(.user(.login(.ben(UInt64(number)))), for: "app/ben", "ben/\(number)")
            }
        }
        func snapshots() -> [PartitionOwner<UsersBook>.Record] {
            users.records.filter { $0.kind == .snapshot && $0.key == "app/ben" }
        }
        users.takeOver { limits in
            limits.recordsWithoutSnapshot = 1_100
            limits.recordsPerLive = 0
        }
        tellBen(0..<1_150)
        #expect(snapshots().isEmpty)
        users.now = users.now + LedgerLimit.commandMemory + .seconds(1)
        tellBen(1_150..<2_300)
        #expect(snapshots().isEmpty)
        users.now = users.now + LedgerLimit.commandMemory + .seconds(1)
        for number in 0..<1_200 { users.send(.user(.login(.ben(UInt64(number)))), for: "app/other") }
        #expect(snapshots().count == 1)
        #expect(snapshots().first?.commands.isEmpty == true)
    }

    @Test func `after an hour, where the partition has gone on`() {
        users.takeOver()
        users.send(.user(.login(.ben(1))), for: "app/ben")
        users.send(.user(.login(.ben(1))), for: "app/eva")
        users.now = users.now + .seconds(3_500)
        users.tick()
        #expect(!users.records.contains { $0.kind == .snapshot })
        users.send(.user(.login(.ben(2))), for: "app/ben")
        users.now = users.now + .seconds(101)
        users.tick()
        users.tick()
        #expect(Set(users.records.filter { $0.kind == .snapshot }.map(\.key)) == ["app/ben", "app/eva"])
    }

    @Test func `itself after an hour, with all marks`() {
        let mark = SourceMark(ledger: .calls, partition: 1, offset: 9, index: 0)
        users.takeOver()
        users.send(.user(.sit(.ben)), for: "app/ben", source: mark)
        users.now = users.now + .seconds(3_601)
        users.tick()
        #expect(users.records.map(\.kind) == [.marker, .opening, .facts, .marker, .opening])
        #expect(users.records.last?.marks == [mark])
        #expect(users.records[3].renews)
        #expect(users.owner.isOwning)
    }

    @Test func `nothing while older programs may read the log`() {
        users.takeOver { limits in
            small(&limits)
            limits.levelAllowed = 1
        }
        for number in 0..<60 { users.send(.user(.login(.ben(UInt64(number)))), for: "app/ben") }
        #expect(users.records.allSatisfy { $0.level == 1 })
    }

    /// Owed effects are computed from the state before them.
    @Test func `and performs again what was owed before the snapshot`() {
        calls.takeOver(small)
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.holdsEffects = true
        calls.send(.accept(.ben), for: callKey, "b/d/1", .ben)
        let owed = calls.performed.suffix(4).map(\.source)
        for number in 0..<60 { calls.send(.end(.anna), for: "app/other\(number)", "u/d/\(number)", .anna) }
        #expect(calls.records.contains { $0.kind == .snapshot })
        let count = calls.performed.count
        calls.takeOver(small)
        #expect(calls.performed.dropFirst(count).map(\.source).prefix(owed.count).elementsEqual(owed))
    }
}

private let callKey = "app/0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11"

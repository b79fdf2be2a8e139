@testable import Switchboard
import Testing

@Suite struct `An input that ends its owners` {
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))

    private var failed: [LogRecord<CallFact>] { calls.records.filter { $0.refusal?.reason == .malformed } }

    /// Owners that meet it are gone before they have decided anything.
    private func end(_ owners: Int) {
        for _ in 0..<owners {
            calls.takeOver()
            calls.log.removeAll { (try? LogRecord<CallFact>(json: $0.bytes))?.isDecision ?? false }
        }
    }

    /// In its trial the input ends its owner.
    private func endInTrial() {
        calls.takeOver()
        let last = calls.records.lastIndex { $0.kind == .marker }!
        let trial = calls.records[last...].firstIndex { $0.kind == .trying }!
        calls.log.removeSubrange((trial + 1)...)
    }

    @Test func `is logged as failed once it was tried twice, and what comes after it is decided`() {
        calls.put(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.put(.end(.anna), for: callKey, "u/d/2", .anna)
        end(2)
        #expect(calls.told == [])
        endInTrial()
        endInTrial()
        #expect(calls.records.filter { $0.kind == .trying }.map(\.trying) == [0, 0])
        #expect(failed.isEmpty)
        calls.takeOver()
        #expect(calls.told.contains(.fails(0)))
        #expect(failed.map(\.command) == ["u/d/1"] && failed.map(\.inboxOffset) == [0])
        #expect(calls.records.last?.command == "u/d/2")
        // Once, and answered.
        calls.takeOver()
        #expect(failed.count == 1)
        #expect(calls.performed.contains { if case .frame(.one, _) = $0.effect { true } else { false } })
    }

    @Test func `is known as tried though owners came and went since`() {
        calls.put(.start(.anna), for: callKey, "u/d/1", .anna)
        end(2)
        endInTrial()
        endInTrial()
        end(3)
        calls.takeOver()
        #expect(failed.map(\.inboxOffset) == [0])
        #expect(failed.map(\.command) == [nil], "its envelope is not looked into any more")
    }

    @Test func `is not suspected where it came after the owners that decided nothing`() {
        for _ in 0..<4 { calls.takeOver() }
        calls.now = calls.now + .seconds(10)
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        #expect(calls.told == [])
        #expect(!calls.records.contains { $0.kind == .trying })
    }

    @Test func `is decided like any other where it was not to blame`() {
        calls.put(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.put(.end(.anna), for: callKey, "u/d/2", .anna)
        end(2)
        calls.takeOver()
        #expect(calls.records.suffix(4).map(\.kind) == [.trying, .facts, .trying, .facts])
        #expect(calls.owner.state(of: callKey)?.endReason == .cancelled)
        calls.send(.sync(.anna), for: callKey, nil, .anna)
        #expect(calls.records.last?.kind != .trying)
    }
}

@Suite struct `An owner that must not decide` {
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))

    private func write(level: Int) {
        var record = LogRecord<CallFact>()
        record.incarnation = calls.records.last!.incarnation
        record.ordinal = calls.records.last!.ordinal + 1
        record.level = level
        calls.log.append((record.encoded(), calls.now))
    }

    @Test func `gives back what a newer program has written`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        write(level: RecordLevel.highest + 1)
        calls.takeOver()
        guard case .unable(.level, _) = calls.lastEnding else {
            Issue.record("\(String(describing: calls.lastEnding))")
            return
        }
        #expect(!calls.owner.isOwning)
        #expect(calls.records.last?.kind == .marker, "it has decided nothing")
    }

    @Test func `folds what stands in its own level`() {
        calls.takeOver()
        write(level: RecordLevel.highest)
        calls.takeOver()
        #expect(calls.owner.isOwning)
    }

    @Test(arguments: [501, -501])
    func `says so where its clock is off`(_ milliseconds: Int) {
        calls.clockSkew = .milliseconds(milliseconds)
        calls.takeOver()
        guard case .unable(.clock, _) = calls.lastEnding else {
            Issue.record("\(String(describing: calls.lastEnding))")
            return
        }
        #expect(calls.records.map(\.kind) == [.marker])
    }

    @Test func `does not take a slow acknowledgement for a wrong clock`() {
        calls.acknowledgementDelay = .seconds(2)
        calls.takeOver()
        #expect(calls.owner.isOwning)
    }
}

extension LogRecord {
    fileprivate var isDecision: Bool { kind == .facts || kind == .refusal }
}

private let callKey = "app/0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11"

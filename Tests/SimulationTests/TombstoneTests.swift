@testable import Switchboard
import Testing

/// What has ended is remembered for a quarter of an hour, whoever owns the partition then, and however busy it is.
@Suite struct `An owner remembers what has ended` {
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))

    private func small(_ limits: inout OwnerLimits) {
        limits.recordsPerIncarnation = 10
        limits.recordsWithoutSnapshot = 20
        limits.recordsPerLive = 0
        limits.tombstonesPerRecord = 5
        limits.gravesMax = 1_000
    }

    /// A call that rang on a device which was away when it ended.
    private func endCall() {
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        var devices = CallInput.Devices()
        devices.user = .ben
        devices.devices = [Device(id: DeviceID("b"), connection: .two)]
        calls.send(.devices(devices), for: callKey)
        calls.send(.deviceDown(.init(user: .ben, device: devices.devices[0])), for: callKey)
        calls.send(.end(.anna), for: callKey, "u/d/2", .anna)
    }

    /// Calls that end at once, after what came before need not be repeated any more.
    private func goOn(_ numbers: Range<Int>, within span: Duration = LedgerLimit.commandMemory + .seconds(60)) {
        for number in numbers {
            calls.now = calls.now + span / numbers.count
            calls.send(.end(.anna), for: "app/other\(number)", "u/d/\(number)", .anna)
        }
        calls.now = calls.now + .milliseconds(10)
        calls.tick()
    }

    private var decisions: [LogRecord<CallFact>] {
        calls.records.filter { $0.kind == .facts || $0.kind == .refusal }
    }

    @Test func `though the log is not read any more from where it lived`() throws {
        calls.takeOver(small)
        endCall()
        let endOfCall = Int64(calls.log.count)
        let ended = try #require(calls.owner.state(of: callKey)).untold
        goOn(100..<200)
        #expect(calls.records.contains { $0.kind == .tombstones })
        for number in 0..<3 {
            calls.takeOver(small)
            #expect(try #require(calls.firstRead) > endOfCall)
            #expect(calls.owner.state(of: callKey)?.untold == ended)
            goOn(200 + number * 50..<250 + number * 50)
        }
        calls.send(.accept(.ben), for: callKey, "b/d/1", .ben)
        #expect(decisions.last?.refusal?.reason == .tooLate)
        let known = calls.owner.liveCount
        calls.takeOver(small)
        #expect(calls.owner.liveCount == known)
        #expect(calls.endings == [])
    }

    @Test func `and what was told of it since`() throws {
        calls.takeOver(small)
        endCall()
        goOn(100..<200)
        calls.takeOver(small)
        // The device is back, and is told the end; once.
        let back = Device(id: DeviceID("b"), connection: Connection(partition: 0, gateway: "g1", number: 9))
        calls.send(.deviceUp(.init(user: .ben, device: back)), for: callKey)
        let told = try #require(calls.owner.state(of: callKey)).untold
        #expect(decisions.last?.facts.count == 1)
        for number in 0..<3 {
            goOn(200 + number * 100..<300 + number * 100)
            calls.takeOver(small)
            #expect(calls.owner.state(of: callKey)?.untold == told)
            let count = decisions.count
            calls.send(.deviceUp(.init(user: .ben, device: back)), for: callKey)
            #expect(decisions.count == count)
        }
    }

    @Test func `no longer than it is to`() throws {
        calls.takeOver(small)
        endCall()
        goOn(100..<200)
        goOn(200..<300, within: .seconds(900))
        #expect(calls.owner.state(of: callKey) == nil)
        calls.takeOver(small)
        #expect(calls.owner.state(of: callKey) == nil)
        let graves = calls.records.last { $0.kind == .opening }?.graves ?? []
        #expect(!graves.isEmpty)
        for grave in graves { #expect(grave.until > calls.now) }
    }

    @Test func `so many as it can read in a short while`() throws {
        func bounded(_ limits: inout OwnerLimits) {
            small(&limits)
            limits.gravesMax = 3
        }
        calls.takeOver(bounded)
        endCall()
        goOn(100..<300)
        goOn(300..<500)
        let known = calls.owner.liveCount
        calls.takeOver(bounded)
        #expect(calls.records.allSatisfy { $0.graves.count <= 3 && $0.tombstones.count <= 5 })
        #expect(calls.owner.state(of: callKey) == nil)
        #expect(calls.owner.state(of: "app/other499") != nil)
        #expect(calls.owner.liveCount < known)
    }

    @Test func `as before while older programs may read the log`() {
        func old(_ limits: inout OwnerLimits) {
            small(&limits)
            limits.levelAllowed = 2
        }
        calls.takeOver(old)
        endCall()
        goOn(100..<200)
        #expect(calls.records.allSatisfy { $0.level <= 2 })
        calls.takeOver(old)
        #expect(calls.owner.state(of: callKey) == nil)
    }
}

private let callKey = "app/0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11"

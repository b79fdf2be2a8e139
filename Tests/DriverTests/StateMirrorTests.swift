import Foundation
import Support
import Switchboard
import Testing

/// A mirror on a loop of its own, asked from tests.
private final class MirrorBench: Sendable {
    let loop = EventLoop(name: "mirror-bench")
    private let parts = Locked<LoopBound<Parts>?>(nil)
    private let lost = Locked<[String]>([])

    private struct Parts {
        let redis: RedisClient
        let mirror: RedisStateMirror
    }

    init(_ server: RedisServer) async throws {
        let settings = try server.settings(named: "mirror-test")
        loop.start()
        await onLoop { [self] in
            let redis = RedisClient(loop: loop, settings: settings)
            let mirror = RedisStateMirror(redis: redis, loop: loop)
            mirror.onLost = { [unowned self] ledger, partition in
                lost.withLock { $0.append("\(ledger.rawValue)/\(partition)") }
            }
            let bound = LoopBound(Parts(redis: redis, mirror: mirror), on: loop)
            parts.withLock { $0 = bound }
        }
        await eventually("Redis is connected") { await self.asked { $0.redis.isConnected } }
    }

    func close() {
        loop.execute { [self] in
            let bound = parts.withLock { $0 }
            bound?.value?.redis.close()
            bound?.value = nil
        }
        loop.stop()
    }

    private func onLoop(_ body: @escaping @Sendable () -> Void) async {
        await answered { continuation in
            loop.execute {
                body()
                continuation.resume()
            }
        }
    }

    private func asked<T: Sendable>(_ body: @escaping @Sendable (Parts) -> T) async -> T {
        await answered { continuation in
            loop.execute { [self] in
                guard let parts = parts.withLock({ $0 })?.value else { preconditionFailure("used after close") }
                continuation.resume(returning: body(parts))
            }
        }
    }

    var lostPlaces: [String] { lost.withLock { $0 } }

    func write(_ marker: Int64, _ changes: [String: String?]) async {
        await asked { parts in
            parts.mirror.write(
                .users, 3, marker: marker, changes.map { (key: $0, value: $1.map { Array($0.utf8) }) })
        }
    }

    func writeAfresh(_ marker: Int64, _ all: [String: String]) async {
        await asked { parts in
            parts.mirror.writeAfresh(.users, 3, marker: marker, all.map { (key: $0, value: Array($1.utf8)) })
        }
    }

    /// "unknown", "nothing", or the value. A look has 20 ms: a busy machine may let some pass.
    func look(_ key: String, partition: Int32 = 3) async -> String {
        for _ in 0..<5 {
            let seen = await lookOnce(key, partition)
            if seen != "unknown" { return seen }
        }
        return "unknown"
    }

    private func lookOnce(_ key: String, _ partition: Int32) async -> String {
        await answered { continuation in
            loop.execute { [self] in
                parts.withLock { $0 }?.value?.mirror.look(.users, at: [(partition: partition, key: key)]) { values in
                    let value = values[0].map { $0.isEmpty ? "nothing" : String(decoding: $0, as: UTF8.self) }
                    continuation.resume(returning: value ?? "unknown")
                }
            }
        }
    }

    func send(_ words: [String]) async {
        await answered { continuation in
            loop.execute { [self] in
                parts.withLock { $0 }?.value?.redis.send(words) { _ in continuation.resume() }
            }
        }
    }
}

@Suite struct `The mirror in Redis` {
    @Test(arguments: RedisDoor.allCases) func `shows what was written, and tells nothing to see from unknown`(
        door: RedisDoor
    ) async throws {
        let server = try RedisServer(door: door)
        let bench = try await MirrorBench(server)
        defer { bench.close() }
        #expect(await bench.look("app/anna") == "unknown")
        await bench.writeAfresh(7, ["app/anna": "a1"])
        #expect(await bench.look("app/anna") == "a1")
        #expect(await bench.look("app/ben") == "nothing")
        #expect(await bench.look("app/anna", partition: 4) == "unknown")
        await bench.write(7, ["app/anna": nil, "app/ben": "b1"])
        #expect(await bench.look("app/anna") == "nothing")
        #expect(await bench.look("app/ben") == "b1")
    }

    @Test(arguments: RedisDoor.allCases) func `writing afresh leaves nothing of what stood there before`(
        door: RedisDoor
    ) async throws {
        let server = try RedisServer(door: door)
        let bench = try await MirrorBench(server)
        defer { bench.close() }
        await bench.writeAfresh(7, ["app/anna": "a1"])
        let many = Dictionary(uniqueKeysWithValues: (0..<1_200).map { ("app/user\($0)", "v\($0)") })
        await bench.writeAfresh(8, many)
        #expect(await bench.look("app/anna") == "nothing")
        #expect(await bench.look("app/user0") == "v0")
        #expect(await bench.look("app/user1199") == "v1199")
    }

    @Test(arguments: RedisDoor.allCases) func `a former owner writes nothing any more`(door: RedisDoor) async throws {
        let server = try RedisServer(door: door)
        let former = try await MirrorBench(server)
        let present = try await MirrorBench(server)
        defer {
            former.close()
            present.close()
        }
        await former.writeAfresh(7, ["app/anna": "old"])
        await present.writeAfresh(9, ["app/anna": "new"])
        #expect(await present.look("app/anna") == "new")
        await former.write(7, ["app/anna": "zombie"])
        await former.writeAfresh(7, ["app/anna": "zombie"])
        #expect(await former.look("app/anna") == "new")
        await present.write(9, ["app/anna": "newer"])
        // Its own look comes behind its write; the other's, on a connection of its own, might overtake it.
        #expect(await present.look("app/anna") == "newer")
        #expect(await former.look("app/anna") == "newer")
    }

    @Test(arguments: RedisDoor.allCases) func `after a flush it is unknown, and its owner hears of it within seconds`(
        door: RedisDoor
    ) async throws {
        let server = try RedisServer(door: door)
        let bench = try await MirrorBench(server)
        defer { bench.close() }
        await bench.writeAfresh(7, ["app/anna": "a1"])
        #expect(await bench.look("app/anna") == "a1")
        await bench.send(["FLUSHALL"])
        #expect(await bench.look("app/anna") == "unknown")
        await eventually("the loss is noticed") { bench.lostPlaces.contains("users/3") }
        await bench.writeAfresh(7, ["app/anna": "a2"])
        #expect(await bench.look("app/anna") == "a2")
    }

    @Test(arguments: RedisDoor.allCases) func `a write that was lost behind its back is noticed`(door: RedisDoor)
        async throws
    {
        let server = try RedisServer(door: door)
        let bench = try await MirrorBench(server)
        defer { bench.close() }
        await bench.writeAfresh(7, [:])
        await bench.write(7, ["app/anna": "a1"])
        #expect(await bench.look("app/anna") == "a1")
        // As a failover to a replica would leave it that had not seen the last write.
        await bench.send(["HSET", RedisStateMirror.key(.users, 3), "#", "7:0"])
        await eventually("the loss is noticed") { bench.lostPlaces.contains("users/3") }
    }
}

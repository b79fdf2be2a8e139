import Foundation
import Switchboard
import Testing

private func settings(_ url: String, timeout: Duration = .seconds(2)) throws -> RedisSettings {
    var settings = try RedisSettings(url: url, name: "test")
    settings.timeout = timeout
    settings.retryDelayMax = .milliseconds(100)
    return settings
}

/// Counts answers of many commands, and notices one that comes twice.
private final class Answers: Sendable {
    private let state = Locked((byIndex: [Int: Result<RedisReply, RedisFailure>](), order: [Int](), twice: 0))
    func record(_ i: Int, _ result: Result<RedisReply, RedisFailure>) {
        state.withLock {
            if $0.byIndex.updateValue(result, forKey: i) != nil { $0.twice += 1 }
            $0.order.append(i)
        }
    }
    var count: Int { state.withLock { $0.byIndex.count } }
    var twice: Int { state.withLock { $0.twice } }
    var order: [Int] { state.withLock { $0.order } }
    var byIndex: [Int: Result<RedisReply, RedisFailure>] { state.withLock { $0.byIndex } }
    var failures: Set<RedisFailure> {
        Set(byIndex.values.compactMap { if case .failure(let failure) = $0 { failure } else { nil } })
    }
}

@Suite struct `A Redis client` {
    @Test func `gets answers of every kind`() async throws {
        let server = try RedisServer()
        let bench = await RedisBench(try settings(server.url))
        defer { bench.close() }
        try await bench.waitUntilConnected()
        #expect(await bench.send(["SET", "k", .bytes([0, 0xff, 0x0d, 0x0a])]) == .success(.bytes(Array("OK".utf8))))
        #expect(await bench.send(["GET", "k"]) == .success(.bytes([0, 0xff, 0x0d, 0x0a])))
        #expect(await bench.send(["GET", "none"]) == .success(.null))
        #expect(await bench.send(["INCRBY", "n", 41]) == .success(.integer(41)))
        #expect(await bench.send(["MGET", "n", "none"]) == .success(.list([.bytes(Array("41".utf8)), .null])))
        #expect(await bench.send(["SET", "e", ""]) == .success(.bytes(Array("OK".utf8))))
        #expect(await bench.send(["GET", "e"]) == .success(.bytes([])))
        guard case .failure(.refused(let words)) = await bench.send(["LPUSH", "k", "x"]) else {
            Issue.record("a list operation on a string was accepted")
            return
        }
        #expect(words.hasPrefix("WRONGTYPE"))
        let long = [UInt8](repeating: 7, count: 3_000_000)
        #expect(await bench.send(["SET", "long", .bytes(long)]) == .success(.bytes(Array("OK".utf8))))
        #expect(await bench.send(["GET", "long"]) == .success(.bytes(long)))
        #expect(await bench.send(["CLIENT", "GETNAME"]) == .success(.bytes(Array("test".utf8))))
    }

    @Test func `answers the commands of a turn in their order`() async throws {
        let server = try RedisServer()
        let bench = await RedisBench(try settings(server.url))
        defer { bench.close() }
        try await bench.waitUntilConnected()
        let answers = Answers()
        await bench.with { client in
            for i in 0..<5_000 { client.send(["INCR", "n"]) { answers.record(i, $0) } }
        }
        try await waitUntil("all answered") { answers.count == 5_000 }
        #expect(answers.order == Array(0..<5_000))
        for i in 0..<5_000 { #expect(answers.byIndex[i] == .success(.integer(Int64(i + 1)))) }
        #expect(await bench.with { $0.waitingCount } == 0)
    }

    @Test func `greets with password and database`() async throws {
        let server = try RedisServer(["--requirepass", "p@ss:w/rd"])
        let url = "redis://:p%40ss%3Aw%2Frd@localhost:\(server.port)/3"
        let bench = await RedisBench(try settings(url))
        defer { bench.close() }
        try await bench.waitUntilConnected()
        guard case .success(let info) = await bench.send(["CLIENT", "LIST"]) else {
            Issue.record("no list of clients")
            return
        }
        #expect(info.text?.contains(" db=3 ") == true)

        for (wrong, words) in [("redis://:wrong@127.0.0.1:\(server.port)", "WRONGPASS"), (server.url, "NOAUTH")] {
            let reasons = Reasons()
            let other = await RedisBench(try settings(wrong))
            defer { other.close() }
            await other.with { client in client.onDisconnected = { reasons.add($0) } }
            try await waitUntil("refused with \(words)") {
                reasons.all.contains { if case .refused(let said) = $0 { said.hasPrefix(words) } else { false } }
            }
            #expect(await other.send(["PING"]) == .failure(.notConnected))
        }
    }

    @Test func `runs a script also when Redis has forgotten it`() async throws {
        let server = try RedisServer()
        let bench = await RedisBench(try settings(server.url))
        defer { bench.close() }
        try await bench.waitUntilConnected()
        let script = RedisScript("return {KEYS[1], ARGV[1] + 1}")
        let expected = RedisReply.list([.bytes(Array("k".utf8)), .integer(5)])
        for _ in 0..<2 {
            #expect(await bench.run(script, keys: ["k"], arguments: [4]) == .success(expected))
        }
        _ = await bench.send(["FLUSHALL"])
        _ = await bench.send(["SCRIPT", "FLUSH"])
        #expect(await bench.send(["SCRIPT", "EXISTS", .text(script.sha1)]) == .success(.list([.integer(0)])))
        #expect(await bench.run(script, keys: ["k"], arguments: [4]) == .success(expected))
        #expect(await bench.send(["SCRIPT", "EXISTS", .text(script.sha1)]) == .success(.list([.integer(1)])))
        guard case .failure(.refused) = await bench.run(RedisScript("return nonsense("), keys: []) else {
            Issue.record("a script that is none ran")
            return
        }
    }

    @Test func `ends a command at its own deadline and keeps the others`() async throws {
        let server = try RedisServer()
        let bench = await RedisBench(try settings(server.url, timeout: .seconds(5)))
        defer { bench.close() }
        try await bench.waitUntilConnected()
        let answers = Answers()
        await bench.with { client in
            client.send(["CLIENT", "PAUSE", 1_000]) { answers.record(0, $0) }
            client.send(["GET", "a"], within: .milliseconds(20)) { answers.record(1, $0) }
            client.send(["GET", "b"]) { answers.record(2, $0) }
            client.send(["GET", "c"], within: .milliseconds(60)) { answers.record(3, $0) }
            client.send(["GET", "d"], within: .milliseconds(20)) { answers.record(4, $0) }
        }
        try await waitUntil("the impatient are answered") { answers.count == 4 }
        #expect(answers.byIndex[1] == .failure(.tooLate) && answers.byIndex[4] == .failure(.tooLate))
        #expect(answers.byIndex[3] == .failure(.tooLate))
        try await waitUntil("the patient is answered") { answers.byIndex[2] == .success(.null) }
        #expect(answers.order == [0, 1, 4, 3, 2])
        #expect(await bench.send(["PING"], within: .seconds(3)) == .success(.bytes(Array("PONG".utf8))))
        #expect(answers.twice == 0)
        #expect(await bench.with { $0.waitingCount } == 0)
    }

    @Test func `gives a silent connection up and comes back`() async throws {
        let server = try RedisServer()
        let bench = await RedisBench(try settings(server.url, timeout: .milliseconds(200)))
        defer { bench.close() }
        try await bench.waitUntilConnected()
        let answers = Answers()
        await bench.with { client in
            client.send(["CLIENT", "PAUSE", 1_500]) { answers.record(0, $0) }
            for i in 1...100 { client.send(["GET", "a"]) { answers.record(i, $0) } }
        }
        try await waitUntil("all are answered") { answers.count == 101 }
        #expect(answers.failures.count == 1)
        guard case .disconnected = answers.failures.first else {
            Issue.record("\(answers.failures)")
            return
        }
        try await bench.waitUntilConnected()
        #expect(await bench.send(["PING"]) == .success(.bytes(Array("PONG".utf8))))
        #expect(answers.twice == 0)
    }

    @Test func `answers every command once while Redis is killed and comes back`() async throws {
        let server = try RedisServer()
        let bench = await RedisBench(try settings(server.url))
        defer { bench.close() }
        try await bench.waitUntilConnected()
        let counted = Counter()
        await bench.with { client in client.onConnected = { counted.add() } }
        let answers = Answers()
        var sent = 0
        for round in 0..<3 {
            for _ in 0..<50 {
                let first = sent
                await bench.with { client in
                    for i in first..<first + 100 {
                        client.send(["SET", "k", .number(Int64(i))], within: i % 2 == 0 ? .milliseconds(20) : nil) {
                            answers.record(i, $0)
                        }
                    }
                }
                sent += 100
                if sent % 5_000 == 2_500 { server.kill() }
            }
            try await bench.waitUntilConnected(false)
            #expect(await bench.send(["PING"]) == .failure(.notConnected))
            try server.start()
            try await waitUntil("connected again") { counted.value == round + 1 }
        }
        let all = sent
        try await waitUntil("all are answered") { answers.count == all }
        #expect(answers.twice == 0)
        #expect(!answers.failures.isEmpty)
        #expect(await bench.send(["PING"]) == .success(.bytes(Array("PONG".utf8))))
    }

    @Test func `bounds what waits`() async throws {
        let server = try RedisServer()
        var few = try settings(server.url)
        few.waitingMax = 10
        let bench = await RedisBench(few)
        defer { bench.close() }
        try await bench.waitUntilConnected()
        let answers = Answers()
        await bench.with { client in
            for i in 0..<15 {
                client.send(["PING"]) { answers.record(i, $0) }
            }
            #expect(answers.count == 0, "a callback came inside send")
        }
        try await waitUntil("all are answered") { answers.count == 15 }
        for i in 0..<15 {
            #expect(answers.byIndex[i] == (i < 10 ? .success(.bytes(Array("PONG".utf8))) : .failure(.tooManyWaiting)))
        }
    }

    @Test func `ends what waits when it is closed, also from within an answer`() async throws {
        let server = try RedisServer()
        for _ in 0..<20 {
            let bench = await RedisBench(try settings(server.url))
            try await bench.waitUntilConnected()
            let answers = Answers()
            await bench.with { client in
                for i in 0..<20 {
                    client.send(["PING"]) { result in
                        answers.record(i, result)
                        if i == 5 { bench.close() }
                    }
                }
            }
            try await waitUntil("all are answered") { answers.count == 20 }
            #expect(answers.twice == 0)
        }
    }

    @Test func `says why it cannot connect, and tries again`() async throws {
        let server = try RedisServer()
        server.kill()
        let bench = await RedisBench(try settings(server.url))
        defer { bench.close() }
        let counted = Counter()
        await bench.with { client in client.onDisconnected = { _ in counted.add() } }
        try await waitUntil("several attempts") { counted.value >= 3 }
        try server.start()
        try await bench.waitUntilConnected()
    }
}

private final class Reasons: Sendable {
    private let reasons = Locked<[RedisFailure]>([])
    func add(_ reason: RedisFailure) { reasons.withLock { $0.append(reason) } }
    var all: [RedisFailure] { reasons.withLock { $0 } }
}

private final class Counter: Sendable {
    private let count = Locked(0)
    func add() { count.withLock { $0 += 1 } }
    var value: Int { count.withLock { $0 } }
}

@Suite struct `A Redis address` {
    @Test func `has all parts or few`() throws {
        let full = try RedisSettings(url: "redis://me:p%40%2F@[::1]:7000/2", name: "n")
        #expect(full.host == "::1" && full.port == 7000 && full.database == 2)
        #expect(full.user == "me" && full.password?.reveal() == "p@/")
        let short = try RedisSettings(url: "redis://redis", name: "n")
        #expect(short.host == "redis" && short.port == 6379 && short.database == 0 && short.password == nil)
        let password = try RedisSettings(url: "redis://:secret@h:1/", name: "n")
        #expect(password.user == nil && password.password?.reveal() == "secret" && password.port == 1)
        #expect(!"\(password)".contains("secret"))
    }

    @Test(arguments: [
        "", "http://x", "redis://", "redis://:1", "redis://h:0", "redis://h:x", "redis://h/x", "redis://h/-1",
        "redis://only@h", "redis://:%zz@h", "redis://:%4@h",
    ])
    func `is refused when it is none`(url: String) {
        #expect(throws: RedisFailure.self) { try RedisSettings(url: url, name: "n") }
    }
}

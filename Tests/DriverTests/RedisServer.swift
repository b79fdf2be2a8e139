import Foundation
import Support
import Switchboard
import Testing

/// Bare, or by TLS and with a password.
enum RedisDoor: CaseIterable {
    case bare, tls
}

/// A real redis-server on a free port, with its data in a folder of its own; ended with the object.
final class RedisServer: @unchecked Sendable {
    let port: UInt16
    private let folder: URL
    private let doors: [String]
    private let extra: [String]
    private var certificates: TestCertificates?
    private var process: Process?

    /// - Parameter tls: with what it speaks TLS, and then nothing else.
    init(_ extra: [String] = [], tls: [String]? = nil) throws {
        let port = try freePort()
        self.port = port
        doors = tls.map { ["--port", "0", "--tls-port", "\(port)"] + $0 } ?? ["--port", "\(port)"]
        folder = FileManager.default.temporaryDirectory.appending(path: "redis-\(UUID().uuidString)")
        self.extra = extra
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: folder)
    }

    /// One that is entered as `door` says, by `settings(named:)`.
    convenience init(door: RedisDoor) throws {
        guard door == .tls else {
            try self.init()
            return
        }
        let certificates = try TestCertificates()
        try certificates.issue("server", for: "IP:127.0.0.1")
        try self.init(tls: [
            "--tls-cert-file", certificates.certificate("server"), "--tls-key-file", certificates.key("server"),
            "--tls-ca-cert-file", certificates.authority, "--tls-auth-clients", "no", "--requirepass", "a word",
        ])
        self.certificates = certificates
    }

    func settings(named name: String) throws -> RedisSettings {
        guard let certificates else { return try RedisSettings(url: url, name: name) }
        var settings = try RedisSettings(url: "rediss://:a%20word@127.0.0.1:\(port)", name: name)
        settings.tls = TLSFiles(authority: certificates.authority)
        return settings
    }

    var url: String { "redis://127.0.0.1:\(port)" }

    func start() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/redis-server")
        process.arguments =
            doors + [
                "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder.path(),
            ] + extra
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    /// With SIGKILL; waits until it is gone.
    func kill() {
        guard let process else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }
}

private func freePort() throws -> UInt16 {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(fd) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(fd, $0, length) == 0 && getsockname(fd, $0, &length) == 0
        }
    }
    try #require(isBound)
    return UInt16(bigEndian: address.sin_port)
}

/// A client on a loop of its own, for tests that wait.
final class RedisBench: Sendable {
    let loop = EventLoop(name: "test-redis")
    private let client: LoopBound<RedisClient>

    init(_ settings: RedisSettings) async {
        let loop = loop
        loop.start()
        client = await answered { done in
            loop.execute {
                done.resume(returning: LoopBound(RedisClient(loop: loop, settings: settings), on: loop))
            }
        }
    }

    func close() {
        let client = client
        let loop = loop
        loop.execute {
            client.value?.close()
            client.value = nil
            loop.stop()
        }
    }

    func with<T: Sendable>(_ body: @escaping @Sendable (RedisClient) -> T) async -> T {
        await answered { done in
            loop.execute { [client] in done.resume(returning: body(client.value!)) }
        }
    }

    func send(_ arguments: [RedisArgument], within: Duration? = nil) async -> Result<RedisReply, RedisFailure> {
        await answered { done in
            loop.execute { [client] in
                client.value!.send(arguments, within: within) { done.resume(returning: $0) }
            }
        }
    }

    func run(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument] = []
    ) async -> Result<RedisReply, RedisFailure> {
        await answered { done in
            loop.execute { [client] in
                client.value!.run(script, keys: keys, arguments: arguments) { done.resume(returning: $0) }
            }
        }
    }

    func waitUntilConnected(_ expected: Bool = true) async throws {
        try await waitUntil("connected is \(expected)") { await self.with { $0.isConnected } == expected }
    }
}

/// Waits until `condition` holds, ten seconds at most.
func waitUntil(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "still not so: \(what)")
        try await Task.sleep(for: .milliseconds(5))
    }
}

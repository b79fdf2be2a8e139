import Foundation
import Glibc
internal import Switchboard

/// A broker of one node for tests, at a free port of the loopback address, with its data in a folder of its own.
///
/// It can be killed, stopped, and started again on the same port and data. It ends with the test process, however that ends.
package final class KafkaBroker: Sendable {
    package enum Kind: String, CaseIterable, Sendable, CustomStringConvertible {
        /// Our own binary, from where the tests were built, or where `EMBEDDED_LOG` names another.
        case embedded
        /// Apache Kafka in the folder that `KAFKA_HOME` names.
        case apache

        package var description: String { self == .embedded ? "embedded-log" : "Apache Kafka" }

        /// Those that can be started here.
        package static var present: [Kind] {
            allCases.filter { kind in
                kind.program.map { FileManager.default.isExecutableFile(atPath: $0) } ?? false
            }
        }

        /// A program of Deploy/Local.
        package static func local(_ name: String) -> String {
            URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Deploy/Local/\(name)")
                .standardizedFileURL.path
        }

        fileprivate var program: String? {
            let environment = ProcessInfo.processInfo.environment
            switch self {
            case .apache:
                return environment["KAFKA_HOME"].map { _ in Self.local("kafka-node") }
            case .embedded:
                return environment["EMBEDDED_LOG"]
                    ?? Bundle.main.executableURL?.deletingLastPathComponent().appending(path: "embedded-log").path
                    ?? "\(FileManager.default.currentDirectoryPath)/.build/debug/embedded-log"
            }
        }
    }

    package let kind: Kind
    package let port: Int
    package let folder: String
    package var bootstrap: String { "127.0.0.1:\(port)" }

    private struct Running {
        var shell: Process?
        var pid: pid_t = 0
        /// The broker dies when this is closed.
        var leash: Pipe?
    }

    private let running = Locked(Running())

    private let more: [String: String]

    /// Starts one and waits until it takes connections.
    /// - Parameter more: what it is told besides, by its environment; `{port}` and `{controller}` stand for its ports.
    package init(_ kind: Kind, with more: [String: String] = [:]) async throws {
        self.kind = kind
        self.more = more
        port = try Self.freePort()
        folder = NSTemporaryDirectory() + "switchboard-kafka-\(port)-\(getpid())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try await start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Starts it again after `kill`, and waits until it takes connections.
    package func start() async throws {
        let shell = Process()
        let leash = Pipe()
        let pid = Pipe()
        shell.executableURL = URL(filePath: "/bin/bash")
        shell.arguments = [
            "-c", #"exec 3<&0; { exec "$@"; } </dev/null >>"$0/out" 2>&1 3<&- & echo $!; read -r _ <&3; kill -9 $!"#,
            folder,
        ]
        shell.arguments! += command
        shell.environment = environment
        shell.standardInput = leash
        shell.standardOutput = pid
        try shell.run()
        let line = String(decoding: pid.fileHandleForReading.availableData, as: UTF8.self)
        guard let started = pid_t(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw BrokerFailure(text: "\(kind) did not start")
        }
        running.withLock { $0 = Running(shell: shell, pid: started, leash: leash) }
        let deadline = ContinuousClock.now + .seconds(60)
        while !Self.canConnect(to: port) {
            guard ContinuousClock.now < deadline, Glibc.kill(started, 0) == 0 else {
                let said = (try? String(contentsOfFile: folder + "/out", encoding: .utf8)) ?? ""
                throw BrokerFailure(text: "\(kind) does not answer at \(bootstrap): \(said.suffix(2000))")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private var command: [String] {
        switch kind {
        case .apache: [kind.program ?? "", folder + "/data", "\(port)"]
        case .embedded: [kind.program ?? ""]
        }
    }

    private var environment: [String: String] {
        var environment = ProcessInfo.processInfo.environment
        environment["SWITCHBOARD_DATA"] = folder + "/data"
        environment["SWITCHBOARD_LISTEN"] = bootstrap
        // The port is known here alone.
        let told = more.mapValues {
            $0.replacing("{port}", with: "\(port)").replacing("{controller}", with: "\(port + 1000)")
        }
        return environment.merging(told) { _, own in own }
    }

    /// As a power cut ends it, except that the kernel still has what was written.
    package func kill() {
        running.withLock { running in
            guard running.shell != nil else { return }
            Glibc.kill(running.pid, SIGKILL)
            try? running.leash?.fileHandleForWriting.close()
            running = Running()
        }
    }

    /// Hangs it: its connections stay open, and nothing is answered until `wake`.
    package func hang() { running.withLock { _ = Glibc.kill($0.pid, SIGSTOP) } }

    package func wake() { running.withLock { _ = Glibc.kill($0.pid, SIGCONT) } }

    /// A port that is free, and free a thousand above it too, where Apache Kafka has its controller.
    private static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 21_000..<31_000)
            if !canConnect(to: port), !canConnect(to: port + 1000) { return port }
        }
        throw BrokerFailure(text: "no free port found")
    }

    private static func canConnect(to port: Int) -> Bool {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

private struct BrokerFailure: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

import Foundation
import Support
import Testing

/// A real process with the Runtime of every other: embedded-log, because it needs no server beside it.
@Suite("A process", .serialized)
struct RuntimeProcessTests {
    @Test("It ends with 0 when it is told to, and says so", arguments: [SIGTERM, SIGINT])
    func endsWell(_ signal: Int32) async throws {
        let run = try await Run(["SWITCHBOARD_LISTEN": "127.0.0.1:0"])
        try await run.waits(for: #""message":"ready""#)
        run.send(signal)
        #expect(try await run.code() == 0)
        #expect(run.said.contains(#""message":"stopping""#) && run.said.contains(#""message":"stopped""#))
    }

    @Test("Wrong settings stop it at once, all of them told, and no data folder is touched")
    func wrongSettings() async throws {
        let run = try await Run([
            "SWITCHBOARD_LISTEN": "nowhere", "SWITCHBOARD_FSYNC": "perhaps", "SWITCHBOARD_FSNYC": "every",
            "SWITCHBOARD_REDIS": "redis://127.0.0.1:1",
        ])
        #expect(try await run.code() == 2)
        for problem in [
            "SWITCHBOARD_LISTEN: 'nowhere' is not host:port", "SWITCHBOARD_FSYNC: 'perhaps' must be one of",
            "SWITCHBOARD_FSNYC: there is no such setting",
        ] {
            #expect(run.said.contains(problem), "\(run.said)")
        }
        #expect(!run.said.contains("SWITCHBOARD_REDIS"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: run.data.path) == [])
    }

    @Test("It tells its settings as the manual shows them")
    func tellsSettings() async throws {
        let run = try await Run([:], arguments: ["--settings"])
        #expect(try await run.code() == 0)
        #expect(run.said.contains("| `SWITCHBOARD_LISTEN` | host:port |"))
    }

    @Test("It survives a continued stop that was longer than its watchdog's patience")
    func survivesStop() async throws {
        let run = try await Run(["SWITCHBOARD_LISTEN": "127.0.0.1:0"])
        try await run.waits(for: #""message":"ready""#)
        run.send(SIGSTOP)
        try await Task.sleep(for: .seconds(6.5))
        run.send(SIGCONT)
        // Two turns of its watchdog, which would end it now if it went by the clock.
        try await Task.sleep(for: .seconds(2.5))
        run.send(SIGTERM)
        #expect(try await run.code() == 0)
    }
}

/// One start of embedded-log with a data folder of its own.
private final class Run: Sendable {
    let data: URL
    private let output: URL
    private let process: Process
    private let ended: AsyncStream<Int32>

    init(_ environment: [String: String], arguments: [String] = []) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "run-\(UUID().uuidString)")
        data = folder.appending(path: "data")
        output = folder.appending(path: "output")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        try Data().write(to: output)
        let process = Process()
        let products = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        process.executableURL = URL(filePath: products).deletingLastPathComponent().appending(path: "embedded-log")
        process.arguments = arguments
        process.environment = environment.merging(sanitizerOptions) { $1 }
            .merging(["SWITCHBOARD_DATA": data.path]) { $1 }
        let writing = try FileHandle(forWritingTo: output)
        process.standardOutput = writing
        process.standardError = writing
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { process in
            continuation.yield(
                process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus)
            continuation.finish()
        }
        self.process = process
        ended = stream
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: data.deletingLastPathComponent())
    }

    var said: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    func waits(for text: String) async throws {
        let limit = ContinuousClock.now + .seconds(20)
        while !said.contains(text) {
            try #require(process.isRunning && ContinuousClock.now < limit, "it never said \(text), but: \(said)")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// The code it ended with; a signal's number below zero when one ended it.
    func code() async throws -> Int32 {
        let process = process
        let late = Task {
            try await Task.sleep(for: .seconds(20))
            kill(process.processIdentifier, SIGKILL)
        }
        defer { late.cancel() }
        for await code in ended { return code }
        throw CancellationError()
    }
}

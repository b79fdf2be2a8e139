import Glibc
import Switchboard
import Synchronization
import Testing

@testable import EmbeddedLog

/// How long a client may be silent, told by the broker's clock as the test sets it.
@Suite(.serialized) final class EmbeddedLogConnectionTests {
    private let folder: String
    private let loop = EventLoop(name: "test")
    private let disk = EventLoop(name: "test-disk")
    private let lines = Lines()
    private var broker: Broker!
    private let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)

    /// What the broker has logged.
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    /// ApiVersions 0 of a client without a name.
    private static let question: [UInt8] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF]
    /// Fetch 4 of nothing at all, for the longest time.
    private static let longQuestion: [UInt8] =
        [0, 0, 0, 31, 0, 1, 0, 4, 0, 0, 0, 2, 0xFF, 0xFF] + [0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]
        + [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]

    init() throws {
        folder = "/tmp/connection-\(UInt64.random(in: 0 ... .max))"
        try Folder.make(folder)
        disk.start()
        var options = Options(environment: ["SWITCHBOARD_DATA": folder, "SWITCHBOARD_LISTEN": "127.0.0.1:0"])
        let log = Log(service: "test", level: .warning) { [lines] line in
            lines.all.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
        }
        broker = try Broker(Configuration(&options), loop: loop, disk: disk, log: log, onFailure: { _ in })
        try broker.listen(host: "127.0.0.1", port: 0)
        try connect(port: broker.listener?.port ?? 0)
    }

    deinit {
        broker.close()
        broker = nil
        close(client)
        disk.stop()
        try? Folder.remove(folder)
    }

    private func connect(port: Int) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let failed = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(failed == 0)
    }

    private func send(_ bytes: [UInt8]) { #expect(Glibc.send(client, bytes, bytes.count, 0) == bytes.count) }

    /// What is there to be read; nil once the connection is closed.
    private func received() -> Int? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(client, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count > 0 ? count : count == 0 ? nil : 0
    }

    /// Lets the loop run until the broker has answered.
    private func awaitAnswer() {
        let deadline = ContinuousClock.now + .seconds(10)
        loop.runUntilDone { [self] done in
            var timer: LoopTimer?
            timer = loop.every(.milliseconds(1)) { [self] in
                guard received() != 0 || ContinuousClock.now > deadline else { return }
                #expect(ContinuousClock.now <= deadline, "never answered")
                timer?.cancel()
                done()
            }
        }
    }

    /// Whether the connection is open when so much more time has passed.
    private func isOpen(after seconds: Int64) -> Bool {
        broker.closeStalled(at: broker.steadyNow + seconds * 1000)
        return received() != nil
    }

    // MARK: tests

    @Test func `a client in the middle of a request has half a minute to move`() {
        send(Self.question + Self.question.dropLast())
        awaitAnswer()
        #expect(isOpen(after: 29))
        #expect(!isOpen(after: 31))
        #expect(lines.all.withLock { $0 }.contains { $0.contains("closed a connection that stalled") })
    }

    @Test func `a client that asks nothing has ten minutes`() {
        send(Self.question)
        awaitAnswer()
        #expect(isOpen(after: 31) && isOpen(after: 599))
        #expect(!isOpen(after: 601))
        #expect(lines.all.withLock { $0 }.isEmpty)
    }

    @Test func `a client whose request waits is not silent`() {
        send(Self.question + Self.longQuestion)
        awaitAnswer()
        #expect(isOpen(after: 601))
    }
}

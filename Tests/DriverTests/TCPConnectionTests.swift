import Support
import Switchboard
import Testing

/// A server whose connections answer each piece they get with so many bytes, and what they were told.
private actor TCPScene {
    nonisolated let loop = EventLoop(name: "tcp-test")
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let answerBytes: Int
    private let isAtOnce: Bool
    private var listener: TCPListener?
    private var connections: [TCPConnection] = []
    private(set) var answers = 0
    private(set) var drained = 0
    private(set) var unsentWhenDrained = 0

    /// - Parameter isAtOnce: they answer while the piece is being received, else at the end of the turn.
    init(answerBytes: Int, isAtOnce: Bool) {
        self.answerBytes = answerBytes
        self.isAtOnce = isAtOnce
        loop.start()
    }

    deinit { loop.stop() }

    func open() throws -> Int {
        let listener = try TCPListener(loop: loop, host: "127.0.0.1", port: 0) { self.take($0) }
        self.listener = listener
        return listener.port
    }

    private func take(_ connection: TCPConnection) {
        connections.append(connection)
        let answer = [UInt8](repeating: 7, count: answerBytes)
        connection.onReceive = { [unowned connection] _ in
            if self.isAtOnce { return self.send(answer, to: connection) }
            self.loop.atEndOfTurn { self.send(answer, to: connection) }
        }
        connection.onDrained = { [unowned connection] in
            self.drained += 1
            self.unsentWhenDrained += connection.unsentBytes
        }
        connection.startReading()
    }

    private func send(_ answer: [UInt8], to connection: TCPConnection) {
        connection.send(answer)
        answers += 1
    }

    func close() {
        for connection in connections { connection.close() }
        listener?.stop()
        listener = nil
    }
}

@Suite struct TCPConnectionTests {
    private static let little = 100
    /// More than the system takes before the peer reads.
    private static let much = 20 << 20

    /// The peer reads nothing before all was given to `send`: what is too much for the system has to wait.
    private func drained(answerBytes: Int, isAtOnce: Bool) async throws -> TCPScene {
        let scene = TCPScene(answerBytes: answerBytes, isAtOnce: isAtOnce)
        let port = try await scene.open()
        let peer = try RawClient(port: port)
        peer.send("x")
        await eventually("it has answered") { await scene.answers == 1 }
        var left = answerBytes
        while left > 0 {
            let bytes = try peer.receive()
            guard !bytes.isEmpty else { throw RawFailure(what: "closed with \(left) bytes to come") }
            left -= bytes.count
        }
        return scene
    }

    @Test(arguments: [little, much])
    func `its owner is told when what it sent while bytes came in has left, at once or after a wait`(
        answerBytes: Int
    ) async throws {
        let scene = try await drained(answerBytes: answerBytes, isAtOnce: true)
        await eventually("it is told") { await scene.drained == 1 }
        #expect(await scene.unsentWhenDrained == 0)
        await scene.close()
    }

    @Test func `its owner is told of what had to wait, and not of what the system took at once`() async throws {
        let waited = try await drained(answerBytes: Self.much, isAtOnce: false)
        await eventually("it is told") { await waited.drained == 1 }
        await waited.close()
        let taken = try await drained(answerBytes: Self.little, isAtOnce: false)
        await taken.close()
        #expect(await taken.drained == 0)
    }
}

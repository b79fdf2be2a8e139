import Glibc
import Support
import Switchboard
import Testing

/// Answers nothing, writes down what it hears.
final class ListeningHandler: WebSocketHandler, @unchecked Sendable {
    private let log = Locked<[String]>([])
    var told: [String] { log.withLock { $0 } }
    private func note(_ text: String) { log.withLock { $0.append(text) } }

    func opened(_ connection: WebSocketConnection) { note("opened") }
    func received(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) {
        note(String(decoding: text.prefix(20), as: UTF8.self))
    }
    func receivedBinary(_ connection: WebSocketConnection) { note("binary") }
    func receivedPong(_ connection: WebSocketConnection) { note("pong") }
    func closed(_ connection: WebSocketConnection, code: UInt16?) { note("closed \(code.map(String.init) ?? "-")") }
}

@Suite struct WebSocketClientTests {
    /// Opens one connection to `target` and gives it, bound to its loop, to `body`.
    private func withConnection(
        target: String = "/ws", server handler: EchoHandler = EchoHandler(subprotocol: "b"),
        heard: ListeningHandler = ListeningHandler(),
        _ body: (Result<LoopBound<WebSocketConnection>, WebSocketConnectFailure>, HTTPTestServer) async throws -> Void
    ) async throws {
        let server = try await HTTPTestServer.start(prepare: { $0.acceptUpgrade(path: "/ws", handler: handler) })
        let port = server.port
        let loop = server.loop
        let holder = Locked<LoopBound<WebSocketClient>?>(nil)
        let result = await answered { continuation in
            loop.execute {
                let client = WebSocketClient(loop: loop, handler: heard)
                let bound = LoopBound(client, on: loop)
                holder.withLock { $0 = bound }
                client.connect(
                    to: "127.0.0.1", port: port, target: target, subprotocols: ["a", "b"], from: "127.0.0.2"
                ) { result in
                    continuation.resume(returning: result.map { LoopBound($0, on: loop) })
                }
            }
        }
        try await body(result, server)
        let bound = holder.withLock { $0 }
        _ = await server.onLoop { _ in
            bound?.value?.close()
            bound?.value = nil
        }
        await server.end()
    }

    @Test func textsGoThereAndBackAndTheCloseIsToldOnBothSides() async throws {
        let handler = EchoHandler(subprotocol: "b")
        let heard = ListeningHandler()
        try await withConnection(server: handler, heard: heard) { result, server in
            let connection = try result.get()
            await server.onLoop { _ in
                #expect(connection.value?.subprotocol == "b")
                connection.value?.send(text: Array("one".utf8))
                connection.value?.send(text: [UInt8](repeating: 65, count: 60_000))
                connection.value?.ping()
            }
            await eventually("the echo is heard") { heard.told.count == 4 }
            await server.onLoop { _ in
                connection.value?.close(code: 3000, reason: "done")
                connection.value?.send(text: Array("too late".utf8))
            }
            await eventually("the close is told") { heard.told.count == 5 && handler.told.count == 2 }
        }
        #expect(heard.told == ["opened", "one", String(repeating: "A", count: 20), "pong", "closed 3000"])
        #expect(handler.told == ["opened 1", "closed 1 3000"])
    }

    @Test func aCloseOfTheServerIsHeard() async throws {
        let heard = ListeningHandler()
        try await withConnection(heard: heard) { result, server in
            let connection = try result.get()
            await server.onLoop { _ in connection.value?.send(text: Array("close me".utf8)) }
            await eventually("the close is told") { heard.told == ["opened", "closed 4001"] }
        }
    }

    @Test(arguments: [("/ws?token=bad", 401), ("/elsewhere", 200)])
    func arefusedUpgradeIsAFailureWithItsStatus(_ target: String, _ status: Int) async throws {
        let heard = ListeningHandler()
        try await withConnection(target: target, heard: heard) { result, _ in
            guard case .failure(let failure) = result else {
                Issue.record("it opened")
                return
            }
            #expect(failure.status == status)
        }
        #expect(heard.told == [])
    }
}

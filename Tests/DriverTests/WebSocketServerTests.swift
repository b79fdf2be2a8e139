import Glibc
import Switchboard
import Testing

/// Echoes texts, and writes down what it was told.
final class EchoHandler: WebSocketHandler, @unchecked Sendable {
    let log = Locked<[String]>([])
    let answersNothing: Bool
    var subprotocol: String?

    init(answersNothing: Bool = false, subprotocol: String? = nil) {
        self.answersNothing = answersNothing
        self.subprotocol = subprotocol
    }

    var told: [String] { log.withLock { $0 } }
    private func note(_ text: String) { log.withLock { $0.append(text) } }

    func allows(_ request: HTTPRequest, offered: [String]) -> WebSocketUpgradeDecision {
        if request.query["token"] == "bad" { return .refuse(.problem(401)) }
        return .accept(subprotocol)
    }

    func opened(_ connection: WebSocketConnection) { note("opened \(connection.id)") }

    func received(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) {
        let said = String(decoding: text, as: UTF8.self)
        if said == "close me" { return connection.close(code: 4001, reason: "as you wish") }
        if said == "drop me" { return connection.drop() }
        if !answersNothing { connection.send(text: text) }
    }

    func receivedBinary(_ connection: WebSocketConnection) { connection.close(code: 1003, reason: "text only") }
    func receivedPong(_ connection: WebSocketConnection) { note("pong") }

    func closed(_ connection: WebSocketConnection, code: UInt16?) {
        note("closed \(connection.id) \(code.map(String.init) ?? "-")")
    }
}

let upgradeHead =
    "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

extension RawClient {
    /// Receives until the frames that came make up `count` things heard, or the peer closes.
    func hearFrames(_ count: Int) throws -> [Heard] {
        var bytes = takeUnread()
        while hear(bytes, role: .client, max: 1 << 20).count < count {
            let more = try receive()
            if more.isEmpty { break }
            bytes += more
        }
        return hear(bytes, role: .client, max: 1 << 20)
    }
}

@Suite struct WebSocketServerTests {
    /// Runs `body` with a port whose `/ws` is served by `handler`, and ends the server.
    private func withServer<T: Sendable>(
        _ handler: EchoHandler = EchoHandler(), limits: WebSocketLimits = .init(),
        _ body: @escaping @Sendable (Int) throws -> T
    ) async throws -> T {
        let server = try await HTTPTestServer.start(prepare: {
            $0.acceptUpgrade(path: "/ws", limits: limits, handler: handler)
        })
        let port = server.port
        let result = try await blocking { try body(port) }
        await server.end()
        return result
    }

    @Test func aFrameInTheSamePacketAsTheUpgradeIsHeard() async throws {
        let (head, heard) = try await withServer { port in
            let client = try RawClient(port: port)
            client.send(Array((upgradeHead + "\r\n").utf8) + frame(1, Array("early".utf8)))
            return (try client.response(hasBody: false), try client.hearFrames(1))
        }
        #expect(head.status == 101)
        #expect(head.head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        #expect(heard == [.text(Array("early".utf8))])
    }

    @Test func aSubprotocolIsChosenOnlyIfOffered() async throws {
        let heads = try await withServer(EchoHandler(subprotocol: "b")) { port in
            try ["a, b", "a"].map { offer in
                let client = try RawClient(port: port)
                client.send(upgradeHead + "Sec-WebSocket-Protocol: \(offer)\r\n\r\n")
                return try client.response(hasBody: false).head
            }
        }
        #expect(heads[0].contains("Sec-WebSocket-Protocol: b"))
        #expect(!heads[1].contains("Sec-WebSocket-Protocol"))
    }

    @Test(arguments: [
        (upgradeHead.replacing("13", with: "8"), 426), (upgradeHead.replacing("dGhl", with: "dGh"), 400),
        (upgradeHead.replacing("keep-alive, Upgrade", with: "close"), 400),
        (upgradeHead.replacing("/ws ", with: "/ws?token=bad "), 401),
        (upgradeHead + "Content-Length: 3\r\n", 400),
    ])
    func aWrongUpgradeIsRefusedWithItsStatus(_ head: String, _ status: Int) async throws {
        let answer = try await withServer { port in
            let client = try RawClient(port: port)
            client.send(head + "\r\n")
            return try client.receiveAll()
        }
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
    }

    @Test func moreThanTheLimitAreAnswered503() async throws {
        var limits = WebSocketLimits()
        limits.connectionsMax = 1
        let statuses = try await withServer(limits: limits) { port in
            let clients = try [RawClient(port: port), RawClient(port: port)]
            return try clients.map { client in
                client.send(upgradeHead + "\r\n")
                return try client.response(hasBody: false).status
            }
        }
        #expect(statuses == [101, 503])
    }

    @Test func pingsAreAnsweredBeforeTheCloseInTheSameRead() async throws {
        let heard = try await talk(frame(9, [7]) + frame(8, [0x03, 0xE8]), hear: 2)
        #expect(heard.heard == [.pong, .close(1000)])
        #expect(heard.told == ["opened 1", "closed 1 1000"])
    }

    @Test(
        arguments: [
            (frame(1, [65], reserved: 0x40), 1002), (frame(1, [0xFF]), 1007), (frame(8, [1]), 1002),
            (frame(1, [UInt8](repeating: 65, count: 70_000)), 4413), (frame(2, [1]), 1003),
        ] as [([UInt8], UInt16)])
    func aViolationIsClosedWithItsCode(_ bytes: [UInt8], _ code: UInt16) async throws {
        let result = try await talk(bytes, hear: 1, thenClose: code == 1003)
        #expect(result.heard == [.close(code)])
        #expect(result.told == ["opened 1", "closed 1 \(code)"])
    }

    @Test func aCloseOfOursWaitsForThePeers() async throws {
        let result = try await talk(frame(1, Array("close me".utf8)), hear: 1, thenClose: true)
        #expect(result.heard == [.close(4001)])
        #expect(result.told == ["opened 1", "closed 1 4001"])
    }

    @Test func aPeerThatNeverAnswersOurCloseIsDropped() async throws {
        var limits = WebSocketLimits()
        limits.closeWithin = .milliseconds(100)
        let handler = EchoHandler()
        let rest = try await withServer(handler, limits: limits) { port in
            let client = try RawClient(port: port)
            client.send(Array((upgradeHead + "\r\n").utf8) + frame(1, Array("close me".utf8)))
            _ = try client.response(hasBody: false)
            return try client.hearFrames(2)
        }
        #expect(rest == [.close(4001)])
        #expect(handler.told == ["opened 1", "closed 1 4001"])
    }

    @Test(arguments: ["finish", "reset", "drop"])
    func anEndWithoutACloseIsToldOnceWithoutACode(_ how: String) async throws {
        let handler = EchoHandler()
        let server = try await HTTPTestServer.start(prepare: { $0.acceptUpgrade(path: "/ws", handler: handler) })
        let port = server.port
        try await blocking {
            let client = try RawClient(port: port)
            client.send(upgradeHead + "\r\n")
            _ = try client.response(hasBody: false)
            switch how {
            case "finish": client.finishSending()
            case "reset": client.reset()
            default: client.send(frame(1, Array("drop me".utf8)))
            }
            if how != "reset" { _ = try client.receiveAll() }
        }
        await eventually("closed is told") { handler.told.count == 2 }
        await server.end()
        #expect(handler.told == ["opened 1", "closed 1 -"])
    }

    @Test func theServersEndIsTold() async throws {
        let handler = EchoHandler()
        _ = try await withServer(handler) { port in
            let client = try RawClient(port: port)
            client.send(upgradeHead + "\r\n")
            return try client.response(hasBody: false).status
        }
        #expect(handler.told == ["opened 1", "closed 1 -"])
    }

    @Test func aSlowReaderIsClosedAndSeesItsCode() async throws {
        var limits = WebSocketLimits()
        limits.outBytesMax = 100_000
        let handler = EchoHandler()
        let big = [UInt8](repeating: 65, count: 60_000)
        let heard = try await withServer(handler, limits: limits) { port in
            let client = try RawClient(port: port, receiveBuffer: 4096)
            client.send(upgradeHead + "\r\n")
            _ = try client.response(hasBody: false)
            // Echoed, and not read, until it is too much.
            while handler.told.count < 2 { client.send(frame(1, big)) }
            return try client.hearFrames(.max)
        }
        #expect(heard.dropLast().allSatisfy { $0 == .text(big) })
        #expect(heard.last == .close(1013))
        #expect(handler.told == ["opened 1", "closed 1 1013"])
    }

    @Test func aReaderThatIsOnlyBehindGetsEverythingInOrder() async throws {
        // Far more than the kernel takes, so that sent and unsent lie in one buffer for long.
        var limits = WebSocketLimits()
        limits.outBytesMax = 14 << 20
        let texts = (0..<1500).map { Array("\($0) ".utf8) + [UInt8](repeating: 65, count: 9000) }
        let heard = try await withServer(limits: limits) { port in
            let client = try RawClient(port: port, receiveBuffer: 4096)
            client.send(upgradeHead + "\r\n")
            _ = try client.response(hasBody: false)
            for text in texts { client.send(frame(1, text)) }
            let headerBytes = 4
            let expected = texts.reduce(0) { $0 + $1.count + headerBytes }
            var echoed = client.takeUnread()
            while echoed.count < expected {
                let more = try client.receive()
                if more.isEmpty { break }
                echoed += more
            }
            return hear(echoed, role: .client)
        }
        #expect(heard == texts.map { .text($0) })
    }

    @Test func stoppingClosesWithTheGivenCode() async throws {
        let handler = EchoHandler()
        let server = try await HTTPTestServer.start(prepare: { $0.acceptUpgrade(path: "/ws", handler: handler) })
        let port = server.port
        async let heard = blocking {
            let client = try RawClient(port: port)
            client.send(upgradeHead + "\r\n")
            _ = try client.response(hasBody: false)
            let heard = try client.hearFrames(1)
            client.send(frame(8, [0x03, 0xE9]))
            return heard
        }
        await eventually("it is open") { handler.told.count == 1 }
        let stopped = Flag()
        await server.onLoop { $0.stop(within: .seconds(10), webSocketCode: 1012, then: { stopped.set() }) }
        #expect(try await heard == [.close(1012)])
        await eventually("the server says it has stopped") { stopped.isSet }
        #expect(handler.told == ["opened 1", "closed 1 1012"])
        await server.end()
    }

    /// Says `bytes` behind an upgrade, hears `count` things, and then everything until the server closes.
    private func talk(
        _ bytes: [UInt8], hear count: Int, thenClose: Bool = false
    ) async throws -> (heard: [Heard], told: [String]) {
        var limits = WebSocketLimits()
        limits.tooLargeCode = 4413
        let handler = EchoHandler()
        let heard = try await withServer(handler, limits: limits) { port in
            let client = try RawClient(port: port)
            client.send(upgradeHead + "\r\n")
            _ = try client.response(hasBody: false)
            client.send(bytes)
            let heard = try client.hearFrames(count)
            if thenClose { client.send(frame(8, [0x03, 0xE8])) }
            let rest = try client.receive()
            return rest.isEmpty ? heard : heard + [.violation(0)]
        }
        return (heard, handler.told)
    }
}

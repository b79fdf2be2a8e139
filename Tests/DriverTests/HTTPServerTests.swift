import Glibc
import Switchboard
import Testing

@Suite struct HTTPServerTests {
    private func exchange(_ bytes: String, limits: HTTPLimits = .init()) async throws -> String {
        let server = try await HTTPTestServer.start(limits: limits)
        let port = server.port
        let answer = try await blocking {
            let client = try RawClient(port: port)
            client.send(bytes)
            client.finishSending()
            return try client.receiveAll()
        }
        await server.end()
        return answer
    }

    @Test func aRequestIsUnderstoodWithPathQueryAndBody() async throws {
        let answer = try await exchange(
            "POST /a%20b/c?x=1&y=a+b%21&x=2 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\nDate: "))
        #expect(answer.hasSuffix("POST /a b/c [x=1&y=a b!] hello"))
    }

    @Test func aChunkedBodyIsPutTogether() async throws {
        let answer = try await exchange(
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
        #expect(answer.hasSuffix("POST / [] hello world"))
    }

    @Test func aBodyIsReadWhateverTheMethod() async throws {
        let answer = try await exchange(
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 29\r\n\r\nGET /smuggled HTTP/1.1\r\nHost:")
        #expect(answer.contains("GET / [] GET /smuggled"))
        #expect(!answer.contains("GET /smuggled []"))
    }

    @Test func headIsAnsweredWithoutABody() async throws {
        let answer = try await exchange("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(answer.contains("Content-Length: 11\r\n"))
        #expect(answer.hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a:99999x\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400), ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{1}b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n: v\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nX(: v\r\n\r\n", 400),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400), ("GET /\r\n\r\n", 400),
        ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /?a=%1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501), ("get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/1.1x\r\nHost: a\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nhello", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\nContent-Length: 1\r\n\r\nx", 417),
    ])
    func whatTwoReadersCouldUnderstandDifferentlyIsRefused(_ bytes: String, _ status: Int) async throws {
        let answer = try await exchange(bytes)
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
        #expect(answer.contains("Connection: close\r\n"))
        #expect(answer.contains("application/problem+json"))
    }

    @Test(arguments: [
        "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhOsT:a\r\nX:\t v \t\r\nY: \u{e9}\r\n\r\n",
    ])
    func whatTheRulesAllowIsTaken(_ bytes: String) async throws {
        #expect(try await exchange(bytes).hasPrefix("HTTP/1.1 200 "))
    }

    @Test func aHeadAboveItsLimitIsRefused() async throws {
        let many = String(repeating: "X: 0123456789\r\n", count: 2000)
        #expect(try await exchange("GET / HTTP/1.1\r\nHost: a\r\n\(many)\r\n").hasPrefix("HTTP/1.1 431 "))
    }

    @Test func requestsSentAheadAreAnsweredInOrder() async throws {
        let kept = KeptResponder()
        let server = try await HTTPTestServer.start { request, responder in
            if request.path == "/0" { return kept.keep(responder) }
            responder.respond(.json(200, Array("\(request.path)".utf8)))
        }
        let port = server.port
        async let answers = blocking {
            let client = try RawClient(port: port)
            client.send((0..<50).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            return try (0..<50).map { _ in try client.response().body }
        }
        await eventually("the first request is with the handler") { kept.isThere }
        _ = await server.onLoop { _ in kept.respond() }
        #expect(try await answers == ["{}"] + (1..<50).map { "/\($0)" })
        await server.end()
    }

    @Test func aClientThatFinishedItsSideGetsAllItsAnswers() async throws {
        let answers = try await exchange((0..<20).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
        for number in 0..<20 { #expect(answers.contains("GET /\(number) [] ")) }
    }

    @Test func aClientThatAsksMuchAndReadsLateGetsAll() async throws {
        let server = try await HTTPTestServer.start { _, responder in
            responder.respond(.json(200, [UInt8](repeating: 65, count: 20_000)))
        }
        let port = server.port
        let count = try await blocking {
            let client = try RawClient(port: port, receiveBuffer: 4096)
            client.send((0..<1000).map { _ in "GET / HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            client.finishSending()
            return try client.receiveAll().utf8.count { $0 == 65 }
        }
        #expect(count == 20_000 * 1000)
        await server.end()
    }

    @Test func aRequestInPiecesOfOneByteIsTheSame() async throws {
        let server = try await HTTPTestServer.start()
        let port = server.port
        let body = try await blocking {
            let client = try RawClient(port: port)
            let text =
                "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
            for byte in text.utf8 { client.send([byte]) }
            return try client.response().body
        }
        #expect(body == "POST /p [] abcde")
        await server.end()
    }

    @Test func aHeadThatTricklesIsEndedByItsDeadline() async throws {
        var limits = HTTPLimits()
        limits.headWithin = .milliseconds(300)
        limits.headersMax = 1000
        let server = try await HTTPTestServer.start(limits: limits)
        let port = server.port
        let (answer, wasStillTrickling) = try await blocking {
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n")
            var answered = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
            for _ in 0..<200 where answered.revents == 0 {
                client.send("X: y\r\n")
                poll(&answered, 1, 25)
            }
            return (try client.receiveAll(), answered.revents != 0)
        }
        #expect(wasStillTrickling)
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
        await server.end()
    }

    @Test func aBodyThatStopsIsEndedByItsDeadlineAndAnIdleConnectionByIts() async throws {
        var limits = HTTPLimits()
        limits.bodyWithin = .milliseconds(200)
        limits.idleMax = .milliseconds(200)
        let server = try await HTTPTestServer.start(limits: limits)
        let port = server.port
        let (late, idle) = try await blocking {
            let client = try RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
            let late = try client.receiveAll()
            return (late, try RawClient(port: port).receiveAll())
        }
        #expect(late.hasPrefix("HTTP/1.1 408 "))
        #expect(idle == "")
        await server.end()
    }

    @Test func aClientThatWaitsToBeToldIsTold() async throws {
        let server = try await HTTPTestServer.start()
        let port = server.port
        let (first, second) = try await blocking {
            let client = try RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            let first = try client.response().status
            client.send("ok")
            return (first, try client.response().body)
        }
        #expect(first == 100)
        #expect(second == "POST / [] ok")
        await server.end()
    }

    @Test func anAnswerToAClientThatHasGoneDoesNothing() async throws {
        let kept = KeptResponder()
        let server = try await HTTPTestServer.start { _, responder in kept.keep(responder) }
        let port = server.port
        try await blocking {
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while !kept.isThere { usleep(1000) }
            client.reset()
        }
        await eventually("the server saw the client go") { await server.onLoop { $0.connectionCount } == 0 }
        let gone = await server.onLoop { _ in kept.respond() }
        #expect(gone)
        await server.end()
    }

    @Test func aRequestForgottenIsAnswered500() async throws {
        let server = try await HTTPTestServer.start { _, _ in }
        let port = server.port
        let status = try await blocking {
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            return try client.response().status
        }
        #expect(status == 500)
        await server.end()
    }

    @Test func headersOfAnAnswerCannotBeSplit() async throws {
        let server = try await HTTPTestServer.start { _, responder in
            responder.respond(HTTPResponse(status: 200, headers: [("X", "a\r\nSet-Cookie: b")]))
        }
        let port = server.port
        let head = try await blocking {
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            return try client.response().head
        }
        #expect(head.contains("X: aSet-Cookie: b"))
        await server.end()
    }

    @Test func connectionsAboveTheLimitAreTurnedAway() async throws {
        var limits = HTTPLimits()
        limits.connectionsMax = 2
        let server = try await HTTPTestServer.start(limits: limits)
        let port = server.port
        let answers = try await blocking {
            let first = try RawClient(port: port)
            let second = try RawClient(port: port)
            for client in [first, second] {
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.response()
            }
            return try RawClient(port: port).receiveAll()
        }
        #expect(answers.hasPrefix("HTTP/1.1 503 "))
        await server.end()
    }

    @Test func stoppingFinishesWhatIsInFlight() async throws {
        let kept = KeptResponder()
        let server = try await HTTPTestServer.start { _, responder in kept.keep(responder) }
        let port = server.port
        let stopped = Flag()
        async let answer = blocking {
            let idle = try RawClient(port: port)
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let inFlight = try client.receiveAll()
            return (inFlight, try idle.receiveAll())
        }
        await eventually("the request is with the handler") { kept.isThere }
        await server.onLoop { $0.stop(within: .seconds(10), then: { stopped.set() }) }
        await eventually("the idle connection is closed") { await server.onLoop { $0.connectionCount } == 1 }
        #expect(!stopped.isSet)
        _ = await server.onLoop { _ in kept.respond() }
        let (inFlight, idle) = try await answer
        #expect(inFlight.hasPrefix("HTTP/1.1 200 "))
        #expect(inFlight.contains("Connection: close"))
        #expect(idle == "")
        await eventually("the server says it has stopped") { stopped.isSet }
        await server.end()
    }

    /// One that has been answered already, and may ask again.
    private func keptConnection(to port: Int) async throws -> PassedClient {
        try await blocking {
            let client = try RawClient(port: port)
            client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try client.response()
            return PassedClient(client)
        }
    }

    @Test func whatHasArrivedWhenTheServerStopsIsAnswered() async throws {
        let server = try await HTTPTestServer.start()
        let port = server.port
        let kept = try await keptConnection(to: port)
        let stopped = Flag()
        // The loop reads nothing meanwhile: one request waits in a kept connection, another in one that is not taken yet.
        let waiting = await server.onLoop { server in
            kept.client.send("GET /kept HTTP/1.1\r\nHost: a\r\n\r\n")
            let client = try? RawClient(port: port)
            client?.send("GET /new HTTP/1.1\r\nHost: a\r\n\r\n")
            server.stop(within: .seconds(10), then: { stopped.set() })
            return client.map(PassedClient.init)
        }
        let new = try #require(waiting)
        for (client, path) in [(kept, "/kept"), (new, "/new")] {
            let answer = try await blocking { try client.client.receiveAll() }
            #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("GET \(path)"), "\(path): \(answer)")
            #expect(answer.contains("Connection: close"))
        }
        kept.client.close()
        new.client.close()
        await eventually("the server says it has stopped") { stopped.isSet }
        await server.end()
    }

    @Test func whoIsIdleWhenTheServerStopsMayAskOnceMore() async throws {
        let server = try await HTTPTestServer.start()
        let port = server.port
        let kept = try await keptConnection(to: port)
        await server.onLoop { $0.stop(within: .seconds(10), then: {}) }
        let answer = try await blocking {
            kept.client.send("GET /last HTTP/1.1\r\nHost: a\r\n\r\n")
            return try kept.client.receiveAll()
        }
        #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("Connection: close"), "\(answer)")
        await server.end()
    }

    @Test func aTakenPortIsAFailureThatSaysWhere() async throws {
        let server = try await HTTPTestServer.start()
        let port = server.port
        let failure = await server.onLoop { other in
            let second = HTTPServer(loop: other.loop, handler: HTTPTestServer.echo)
            do throws(NetworkFailure) {
                try second.listen(on: "127.0.0.1", port: port)
                return ""
            } catch {
                return error.description
            }
        }
        #expect(failure == "listen on 127.0.0.1 port \(port): Address already in use")
        await server.end()
    }
}

/// Set once, on any thread.
final class Flag: Sendable {
    private let state = Locked(false)
    func set() { state.withLock { $0 = true } }
    var isSet: Bool { state.withLock { $0 } }
}

/// Keeps responders until a test answers them on the loop.
final class KeptResponder: @unchecked Sendable {
    private let there = Flag()
    private var responder: HTTPResponder?

    func keep(_ responder: HTTPResponder) {
        self.responder = responder
        there.set()
    }

    var isThere: Bool { there.isSet }

    /// On the loop. - Returns: whether the client had gone before.
    func respond() -> Bool {
        let gone = responder?.isClientGone ?? true
        responder?.respond(.json(200, Array("{}".utf8)))
        responder = nil
        return gone
    }
}

/// Goes from thread to thread, and is used on one at a time.
private final class PassedClient: @unchecked Sendable {
    let client: RawClient
    init(_ client: RawClient) { self.client = client }
}

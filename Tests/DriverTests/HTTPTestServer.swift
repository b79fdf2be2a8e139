import Dispatch
import Glibc
import Support
import Switchboard
import Testing

/// A server on a loop and a port of its own.
final class HTTPTestServer: Sendable {
    let loop: EventLoop
    let port: Int
    private let bound: LoopBound<HTTPServer>

    private init(loop: EventLoop, port: Int, bound: LoopBound<HTTPServer>) {
        self.loop = loop
        self.port = port
        self.bound = bound
    }

    static func start(
        limits: HTTPLimits = .init(), address: String = "127.0.0.1",
        handler: @escaping @Sendable (HTTPRequest, HTTPResponder) -> Void = HTTPTestServer.echo,
        prepare: @escaping @Sendable (HTTPServer) -> Void = { _ in }
    ) async throws -> HTTPTestServer {
        let loop = EventLoop(name: "http-test")
        loop.start()
        return try await answered { (continuation: Answering<Result<HTTPTestServer, NetworkFailure>>) in
            loop.execute {
                let server = HTTPServer(loop: loop, limits: limits, handler: handler)
                prepare(server)
                do throws(NetworkFailure) {
                    let port = try server.listen(on: address, port: 0)
                    continuation.resume(
                        returning: .success(
                            HTTPTestServer(loop: loop, port: port, bound: LoopBound(server, on: loop))))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }.get()
    }

    func onLoop<T: Sendable>(_ body: @escaping @Sendable (HTTPServer) -> T) async -> T {
        await answered { continuation in
            loop.execute { [bound] in continuation.resume(returning: body(bound.value!)) }
        }
    }

    func end() async {
        await answered { continuation in
            loop.execute { [bound] in
                bound.value?.close()
                bound.value = nil
                continuation.resume()
            }
        }
        loop.stop()
    }

    /// Method, path, sorted query and body, so that a test sees what was understood.
    @Sendable static func echo(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let query = request.query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
        let text = "\(request.method) \(request.path) [\(query)] " + String(decoding: request.body, as: UTF8.self)
        responder.respond(HTTPResponse(status: 200, headers: [("Content-Type", "text/plain")], body: Array(text.utf8)))
    }
}

/// Runs what blocks on a thread of its own, so that the tests' few threads stay free.
func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await answered { continuation in
        let queue = DispatchQueue(label: "blocking")
        queue.async { continuation.resume(returning: Result { try body() }) }
    }.get()
}

/// Waits until `condition` holds, and says what is missing when it never does.
func eventually(
    _ what: String, within limit: Duration = .seconds(10), _ condition: @escaping @Sendable () async -> Bool
) async {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if await condition() { return }
        try? await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("never became true: \(what)")
}

struct RawFailure: Error { let what: String }

/// A TCP connection that says exactly the bytes it is told. Blocking: use it within `blocking`.
final class RawClient {
    private(set) var descriptor: Int32

    init(port: Int, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, 4)
        }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let failed = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard failed == 0 else { throw RawFailure(what: "connect: \(String(cString: strerror(errno)))") }
    }

    deinit { close() }

    func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
    }

    /// Ends the connection so that the peer sees a reset.
    func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Empty: the peer has closed.
    func receive(atMost: Int = 65536) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: atMost)
        let count = recv(descriptor, &bytes, atMost, 0)
        guard count >= 0 else { throw RawFailure(what: "receive: \(String(cString: strerror(errno)))") }
        return Array(bytes[..<count])
    }

    func receiveAll() throws -> String {
        var all: [UInt8] = []
        while true {
            let more = try receive()
            if more.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += more
        }
    }

    private var unread: [UInt8] = []

    /// One answer with a length: its status, its head and its body.
    func response(hasBody: Bool = true) throws -> (status: Int, head: String, body: String) {
        while true {
            let text = String(decoding: unread, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                let head = String(text[..<end.lowerBound])
                let lengthLine = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                let length = hasBody ? lengthLine.flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0 : 0
                let headBytes = head.utf8.count + 4
                if unread.count >= headBytes + length {
                    let body = String(decoding: unread[headBytes..<headBytes + length], as: UTF8.self)
                    unread.removeFirst(headBytes + length)
                    return (Int(head.dropFirst(9).prefix(3)) ?? 0, head, body)
                }
            }
            let more = try receive()
            guard !more.isEmpty else { throw RawFailure(what: "closed after: \(text)") }
            unread += more
        }
    }

    /// What was received behind the last answer.
    func takeUnread() -> [UInt8] {
        defer { unread = [] }
        return unread
    }
}

extension String {
    /// Only what these tests need of it, without Foundation.
    func range(of needle: String) -> Range<String.Index>? {
        let pattern = Array(needle.utf8)
        var at = utf8.startIndex
        while at < utf8.endIndex {
            if utf8[at...].starts(with: pattern) {
                return at..<utf8.index(at, offsetBy: pattern.count)
            }
            at = utf8.index(after: at)
        }
        return nil
    }
}

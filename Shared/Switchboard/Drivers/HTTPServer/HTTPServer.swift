internal import CLibevent
internal import Glibc

/// An HTTP/1.1 server on a loop: strict about what it reads, and patient with nobody beyond `limits`. TLS and the public
/// address are a proxy's before it. Made, used and closed on its loop.
package final class HTTPServer {
    package let loop: EventLoop
    let limits: HTTPLimits
    var date = HTTPDate()
    /// Everything received lies here for a moment.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: HTTPServer.scratchBytes, alignment: 16)
    private(set) var isStopping = false

    private let handler: (HTTPRequest, HTTPResponder) -> Void
    private var connectionsByDescriptor: [Int32: HTTPConnection] = [:]
    private var hubsByPath: [String: WebSocketHub] = [:]
    private var listeners: [OpaquePointer] = []
    private var sweep: LoopTimer?
    private var pause: LoopTimer?
    private var idleEnd: LoopTimer?
    private var stopDeadline: LoopTimer?
    private var whenStopped: (() -> Void)?

    private static let scratchBytes = 64 << 10
    private static let backlog: Int32 = 1024
    /// So long those that are idle may still ask when the server stops: whoever has just sent something over a kept
    /// connection cannot know that it is not wanted any more, and must not send it twice.
    private static let idleGrace: Duration = .milliseconds(200)

    /// - Parameter handler: called on the loop with each whole request; answers at once or later.
    package init(
        loop: EventLoop, limits: HTTPLimits = .init(), handler: @escaping (HTTPRequest, HTTPResponder) -> Void
    ) {
        self.loop = loop
        self.limits = limits
        self.handler = handler
        sweep = loop.every(sweepInterval) { [unowned self] in expire() }
    }

    /// Closes what was not closed; who keeps a responder or a hub has called `close` before.
    deinit {
        for listener in listeners { evconnlistener_free(listener) }
        scratch.deallocate()
    }

    /// Connections that speak HTTP now, without WebSockets.
    package var connectionCount: Int { connectionsByDescriptor.count }

    // MARK: listening

    /// - Parameters:
    ///   - address: a numeric IPv4 or IPv6 address.
    ///   - port: 0 asks for a free one.
    ///   - isShared: servers on other loops listen on the same port, and the kernel spreads the connections.
    /// - Returns: the port that was got.
    @discardableResult
    package func listen(on address: String, port: Int, isShared: Bool = false) throws(NetworkFailure) -> Int {
        let operation = "listen on \(address) port \(port)"
        guard (0...65535).contains(port), var socketAddress = SocketAddress(address, port: UInt16(port)) else {
            throw NetworkFailure(operation: operation, errno: EINVAL, reason: "not a numeric address and port")
        }
        let flags =
            LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE
            | (isShared ? LEV_OPT_REUSEABLE_PORT : 0)
        let me = Unmanaged.passUnretained(self).toOpaque()
        let made = socketAddress.withPointer { pointer, length in
            evconnlistener_new_bind(
                loop.base,
                { _, descriptor, address, _, context in
                    Unmanaged<HTTPServer>.fromOpaque(context!).takeUnretainedValue().accept(descriptor, address)
                }, me, flags, HTTPServer.backlog, pointer, Int32(length))
        }
        guard let made else {
            throw NetworkFailure(operation: operation, errno: errno, reason: String(cString: strerror(errno)))
        }
        evconnlistener_set_error_cb(made) { _, context in
            Unmanaged<HTTPServer>.fromOpaque(context!).takeUnretainedValue().pauseAccepting()
        }
        listeners.append(made)
        return SocketAddress(boundTo: evconnlistener_get_fd(made))?.port ?? port
    }

    /// Requests to upgrade on `path` become WebSockets of the hub that is returned; other requests there stay the
    /// handler's.
    @discardableResult
    package func acceptUpgrade(
        path: String, limits: WebSocketLimits = .init(), handler: any WebSocketHandler
    ) -> WebSocketHub {
        let hub = WebSocketHub(loop: loop, role: .server, limits: limits, handler: handler)
        hub.whenEmpty = { [unowned self] in finishIfStopped() }
        hubsByPath[path] = hub
        return hub
    }

    private func accept(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>?) {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        guard connectionsByDescriptor.count < limits.connectionsMax else { return turnAway(descriptor) }
        let remote = address.flatMap { SocketAddress.name(of: $0) } ?? ""
        connectionsByDescriptor[descriptor] = HTTPConnection(
            server: self, descriptor: descriptor, remoteAddress: remote)
    }

    private func turnAway(_ descriptor: Int32) {
        var bytes: [UInt8] = []
        HTTPResponse.problem(503, detail: "too many connections").append(to: &bytes, date: date.now(), closes: true)
        send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        Glibc.close(descriptor)
    }

    /// Without descriptors each try to accept fails at once and the loop would spin.
    private func pauseAccepting() {
        for listener in listeners { evconnlistener_disable(listener) }
        pause = loop.schedule(after: limits.acceptPause) { [unowned self] in
            for listener in listeners { evconnlistener_enable(listener) }
        }
    }

    // MARK: from connections

    func handle(_ request: HTTPRequest, _ responder: HTTPResponder) { handler(request, responder) }

    func hub(for path: String) -> WebSocketHub? { hubsByPath[path] }

    func remove(_ descriptor: Int32) {
        connectionsByDescriptor[descriptor] = nil
        finishIfStopped()
    }

    // MARK: deadlines

    /// Often enough for the shortest limit, seldom enough to cost nothing.
    private var sweepInterval: Duration {
        let shortest = [
            limits.headWithin, limits.bodyWithin, limits.idleMax, limits.lingerMax, limits.answerTakenWithin,
        ]
        .min()!
        return min(.seconds(1), max(.milliseconds(20), shortest / 4))
    }

    private func expire() {
        let now = MonotonicClock.nanoseconds()
        let late = connectionsByDescriptor.values.filter { $0.deadline.map { $0 <= now } ?? false }
        for connection in late { connection.expire() }
    }

    // MARK: the end

    /// Lets in only those who wait already, finishes what is in flight and what comes over kept connections, closes these
    /// behind their next answer or when they stay idle for a moment, and WebSockets with `webSocketCode`. Calls `done` on
    /// the loop when all have gone, at the latest after `limit`.
    package func stop(within limit: Duration, webSocketCode: UInt16 = 1001, then done: @escaping () -> Void) {
        guard !isStopping else { return }
        isStopping = true
        whenStopped = done
        for listener in listeners { acceptWaiting(at: listener) }
        stopListening()
        idleEnd = loop.schedule(after: min(limit, Self.idleGrace)) { [unowned self] in
            for connection in connectionsByDescriptor.values.filter(\.isIdle) { connection.hearOut() }
        }
        for hub in hubsByPath.values { hub.closeAll(code: webSocketCode, reason: "going away") }
        stopDeadline = loop.schedule(after: limit) { [unowned self] in close() }
        finishIfStopped()
    }

    /// Ends everything at once. WebSockets are told `closed`.
    package func close() {
        isStopping = true
        stopListening()
        sweep = nil
        for connection in Array(connectionsByDescriptor.values) { connection.drop() }
        for hub in hubsByPath.values { hub.dropAll() }
        finishIfStopped()
    }

    /// The kernel has taken these for us: their requests may be here, and closing the listener would reset them.
    private func acceptWaiting(at listener: OpaquePointer) {
        while true {
            var address = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let hasOne = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    let descriptor = Glibc.accept(evconnlistener_get_fd(listener), address, &length)
                    guard descriptor >= 0 else { return false }
                    evutil_make_socket_nonblocking(descriptor)
                    evutil_make_socket_closeonexec(descriptor)
                    accept(descriptor, address)
                    return true
                }
            }
            if !hasOne { return }
        }
    }

    private func stopListening() {
        pause = nil
        for listener in exchange(&listeners, with: []) { evconnlistener_free(listener) }
    }

    private func finishIfStopped() {
        guard whenStopped != nil, connectionsByDescriptor.isEmpty, hubsByPath.values.allSatisfy({ $0.count == 0 })
        else { return }
        stopDeadline = nil
        idleEnd = nil
        sweep = nil
        if let done = exchange(&whenStopped, with: nil) { loop.atEndOfTurn(done) }
    }
}

internal import CLibevent
internal import Glibc

/// Takes connections at one address. Lives on its loop.
package final class TCPListener {
    private static let backlog: Int32 = 512
    /// Connections taken in one turn, so that those that are open have their turn too.
    private static let acceptsPerTurnMax = 64
    /// How long it stops taking connections when the system has no descriptor left.
    private static let pause = Duration.milliseconds(100)

    private let loop: EventLoop
    private let descriptor: Int32
    private var watch: LoopWatch?
    private var timer: LoopTimer?
    private let buffer = TCPReadBuffer()
    private let onConnection: (TCPConnection) -> Void
    /// As bound: port 0 has become a real one.
    package let port: Int

    /// - Parameter port: 0 takes any that is free.
    package init(
        loop: EventLoop, host: String, port: Int, onConnection: @escaping (TCPConnection) -> Void
    ) throws(SystemFailure) {
        self.loop = loop
        self.onConnection = onConnection
        descriptor = try Self.listen(host: host, port: port)
        self.port = Self.port(of: descriptor)
        startAccepting()
    }

    deinit { close(descriptor) }

    package func stop() {
        watch = nil
        timer = nil
    }

    private func startAccepting() {
        timer = nil
        watch = loop.watch(descriptor, for: .read) { [unowned self] in self.accept() }
    }

    private func accept() {
        for _ in 0..<Self.acceptsPerTurnMax {
            var address = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let accepted = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.accept(descriptor, $0, &length)
                }
            }
            if accepted < 0 {
                if errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM {
                    watch = nil
                    timer = loop.schedule(after: Self.pause) { [unowned self] in self.startAccepting() }
                }
                if errno == ECONNABORTED || errno == EINTR { continue }
                return
            }
            evutil_make_socket_nonblocking(accepted)
            evutil_make_socket_closeonexec(accepted)
            var one: Int32 = 1
            setsockopt(accepted, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
            setsockopt(accepted, SOL_SOCKET, SO_KEEPALIVE, &one, socklen_t(MemoryLayout<Int32>.size))
            let peer = TCPAddress.text(&address, length: length)
            onConnection(TCPConnection(loop: loop, descriptor: accepted, peer: peer, buffer: buffer))
        }
    }

    private static func listen(host: String, port: Int) throws(SystemFailure) -> Int32 {
        let subject = TCPAddress.text(host: host, port: port)
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &found) == 0, let first = found else {
            throw SystemFailure("look up", subject, code: EADDRNOTAVAIL)
        }
        defer { freeaddrinfo(found) }
        let type = first.pointee.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(first.pointee.ai_family, type, first.pointee.ai_protocol)
        guard descriptor >= 0 else { throw SystemFailure("socket", subject) }
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0,
            Glibc.listen(descriptor, backlog) == 0
        else {
            let code = errno
            close(descriptor)
            throw SystemFailure("listen at", subject, code: code)
        }
        return descriptor
    }

    private static func port(of descriptor: Int32) -> Int {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let text = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
            return TCPAddress.text(&pointer.pointee, length: length)
        }
        return text.lastIndex(of: ":").flatMap { Int(text[text.index(after: $0)...]) } ?? 0
    }
}

/// How an address is written: `host:port`, `[…]` around IPv6.
package enum TCPAddress {
    package static func text(host: String, port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    static func text(_ address: inout sockaddr_storage, length: socklen_t) -> String {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        let failed = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getnameinfo(
                    $0, length, &host, socklen_t(host.count), &service, socklen_t(service.count),
                    NI_NUMERICHOST | NI_NUMERICSERV)
            }
        }
        guard failed == 0 else { return "unknown" }
        return text(host: string(host), port: Int(string(service)) ?? 0)
    }

    private static func string(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

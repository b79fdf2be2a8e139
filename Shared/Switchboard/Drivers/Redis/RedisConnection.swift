internal import CHiredis
internal import CLibevent
internal import Glibc

/// One connection to Redis, bare or by TLS: libevent carries the bytes, hiredis reads the answers out of them.
///
/// Commands of one turn leave in one write and are answered in their order. When it ends, for whatever reason, all that
/// waits is answered with it. On its loop only.
final class RedisConnection {
    /// Bytes may go; by TLS only when the server has proved to be who it should be.
    var onOpen: (() -> Void)?
    /// Once, unless we closed it ourselves.
    var onEnd: ((RedisFailure) -> Void)?
    /// Before the callback of each command that Redis answered.
    var onAnswer: (() -> Void)?

    var waitingCount: Int { waiting.count - head }

    /// A bufferevent of libevent, which owns the socket and the session; nil when it is over.
    private var stream: OpaquePointer?
    private let reader: UnsafeMutablePointer<redisReader>
    private var waiting: [RedisCommand] = []
    /// Before it, all are answered.
    private var head = 0
    private var scratch: [UInt8] = []

    /// Bytes of the buffer that are kept from one command to the next.
    private static let scratchKeptMax = 262_144
    /// Bytes that are read or written at once.
    private static let pieceMax = 262_144
    /// Answered commands that are kept before the list is made short.
    private static let answeredKeptMax = 1024

    /// Begins to connect.
    /// - Parameters:
    ///   - address: in figures.
    ///   - tls: how to speak, and whom the server must prove to be; nil: bare.
    /// - Returns: nil when there is no memory for it.
    init?(_ address: String, _ port: UInt16, tls: (context: TLSClientContext, host: String)?, on loop: EventLoop) {
        guard let reader = redisReaderCreate() else { return nil }
        self.reader = reader
        let ownsSocket = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue)
        if let tls {
            guard let session = tls.context.session(with: tls.host) else { return nil }
            stream = bufferevent_openssl_socket_new(loop.base, -1, session, BUFFEREVENT_SSL_CONNECTING, ownsSocket)
        } else {
            stream = bufferevent_socket_new(loop.base, -1, ownsSocket)
        }
        guard let stream else { return nil }
        bufferevent_set_max_single_read(stream, Self.pieceMax)
        bufferevent_set_max_single_write(stream, Self.pieceMax)
        bufferevent_setcb(
            stream, { _, me in RedisConnection.of(me).read() }, nil,
            { _, what, me in RedisConnection.of(me).happened(what) }, Unmanaged.passUnretained(self).toOpaque())
        bufferevent_enable(stream, Int16(EV_READ | EV_WRITE))
        // What is wrong at once comes as an event too.
        bufferevent_socket_connect_hostname(stream, nil, AF_UNSPEC, address, Int32(port))
        var yes: Int32 = 1
        setsockopt(
            bufferevent_getfd(stream), Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit {
        close(because: .disconnected("given up"))
        redisReaderFree(reader)
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> RedisConnection {
        Unmanaged<RedisConnection>.fromOpaque(context!).takeUnretainedValue()
    }

    /// - Returns: false when it is over and takes no more.
    func send(_ command: RedisCommand, _ arguments: [RedisArgument]) -> Bool {
        guard let stream else { return false }
        scratch.removeAll(keepingCapacity: true)
        appendCommand(arguments, to: &scratch)
        guard bufferevent_write(stream, scratch, scratch.count) == 0 else { return false }
        if scratch.capacity > Self.scratchKeptMax { scratch = [] }
        waiting.append(command)
        return true
    }

    /// Ends it, and with it all that waits. Twice is once.
    func close(because failure: RedisFailure) {
        guard let stream = exchange(&stream, with: nil) else { return }
        bufferevent_free(stream)
        let rest = waiting[head...]
        waiting = []
        head = 0
        for command in rest { command.finish(.failure(failure)) }
    }

    private func end(_ failure: RedisFailure) {
        guard stream != nil else { return }
        let tell = onEnd
        close(because: failure)
        tell?(failure)
    }

    private func happened(_ what: Int16) {
        let number = errno
        // What follows may let go of us.
        withExtendedLifetime(self) {
            let what = Int32(what)
            if what & BEV_EVENT_CONNECTED != 0 {
                onOpen?()
            } else if what & BEV_EVENT_EOF != 0 {
                end(.disconnected("Redis closed it"))
            } else if what & BEV_EVENT_ERROR != 0 {
                end(.disconnected(cause(number)))
            }
        }
    }

    /// libevent passes on OpenSSL's error codes and, where the connection broke beneath it, what SSL_get_error said:
    /// the numbers of ssl.h, which end below this.
    private static let sslResultMax: UInt = 15

    private func cause(_ number: Int32) -> String {
        guard let stream else { return "given up" }
        if let words = tlsVerification(of: bufferevent_openssl_get_ssl(stream)) { return words }
        let code = bufferevent_get_openssl_error(stream)
        if code > Self.sslResultMax { return "TLS: \(tlsCause(code))" }
        return number != 0 ? String(cString: strerror(number)) : "Redis closed it"
    }

    // MARK: answers

    private func read() {
        withExtendedLifetime(self) {
            takeBytes()
            while stream != nil {
                var reply: UnsafeMutableRawPointer?
                guard redisReaderGetReply(reader, &reply) == REDIS_OK else {
                    return end(.disconnected("what came is not Redis' protocol"))
                }
                guard let reply else { return }
                defer { freeReplyObject(reply) }
                guard head < waiting.count else { return end(.disconnected("an answer to nothing")) }
                let command = nextWaiting()
                onAnswer?()
                guard command.isWaiting else { continue }
                switch RedisReply(reply.assumingMemoryBound(to: redisReply.self).pointee) {
                case .error(let words): command.finish(.failure(.refused(words)))
                case let good: command.finish(.success(good))
                }
            }
        }
    }

    private func takeBytes() {
        guard let stream, let input = bufferevent_get_input(stream) else { return }
        while case let count = evbuffer_get_contiguous_space(input), count > 0 {
            guard let bytes = evbuffer_pullup(input, count) else { return }
            bytes.withMemoryRebound(to: CChar.self, capacity: count) { _ = redisReaderFeed(reader, $0, count) }
            evbuffer_drain(input, count)
        }
    }

    private func nextWaiting() -> RedisCommand {
        let command = waiting[head]
        head += 1
        if head == waiting.count {
            waiting.removeAll(keepingCapacity: head <= Self.answeredKeptMax)
            head = 0
        } else if head > Self.answeredKeptMax, head * 2 > waiting.count {
            waiting.removeFirst(head)
            head = 0
        }
        return command
    }
}

internal import CLibevent
internal import Glibc

/// One client that speaks HTTP. Requests are answered one after another; what it sends ahead waits. Lives on the
/// server's loop; the server's table holds it, libevent knows it unretained.
final class HTTPConnection {
    /// Where the connection is in its life.
    private enum Stage {
        /// A request is awaited or half here.
        case reading
        /// A request is with the handler.
        case answering
        /// The last answer is being written.
        case finishing
        /// The last answer was written; the peer may read it before we close.
        case lingering
        case gone
    }

    let remoteAddress: String
    private unowned let server: HTTPServer
    private let descriptor: Int32
    private var event: OpaquePointer?
    private var interest: Int32 = 0
    private var stage = Stage.reading
    private var parser: HTTPParser
    private var ahead: [UInt8] = []
    private var out: [UInt8] = []
    private var outStart = 0
    private var isPumping = false
    private var hasPeerFinished = false
    private var isKeptAlive = true
    private var isHeadOnly = false
    private var wasToldToContinue = false

    /// When the peer must have done what it is to do now, in nanoseconds of the monotonic clock; nil while the turn is
    /// ours.
    private(set) var deadline: UInt64?
    private var clocked: HTTPParser.Phase?

    init(server: HTTPServer, descriptor: Int32, remoteAddress: String) {
        self.server = server
        self.descriptor = descriptor
        self.remoteAddress = remoteAddress
        parser = HTTPParser(limits: server.limits)
        event = event_new(server.loop.base, descriptor, 0, nil, nil)
        expect(EV_READ)
        runClock()
    }

    deinit {
        guard event != nil else { return }
        event_free(event)
        close(descriptor)
    }

    var isGone: Bool {
        if case .gone = stage { return true }
        return false
    }

    /// Nothing of a request is here and nothing of an answer is left.
    var isIdle: Bool {
        guard case .reading = stage else { return false }
        return parser.phase == .idle && ahead.isEmpty && out.isEmpty
    }

    // MARK: from libevent

    private func expect(_ wanted: Int32) {
        guard wanted != interest, let event else { return }
        event_del(event)
        interest = wanted
        guard wanted != 0 else { return }
        event_assign(
            event, server.loop.base, descriptor, Int16(wanted | EV_PERSIST),
            { _, what, context in
                Unmanaged<HTTPConnection>.fromOpaque(context!).takeUnretainedValue().isReady(Int32(what))
            }, Unmanaged.passUnretained(self).toOpaque())
        event_add(event, nil)
    }

    private func isReady(_ what: Int32) {
        if what & EV_WRITE != 0 { pump() }
        if what & EV_READ != 0, !isGone { receive() }
    }

    private func receive() {
        let scratch = server.scratch
        let count = recv(descriptor, scratch.baseAddress, scratch.count, 0)
        guard count > 0 else {
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            return count == 0 ? peerFinished() : drop()
        }
        let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
        switch stage {
        case .reading:
            if ahead.isEmpty, out.isEmpty {
                isPumping = true
                read(bytes)
                isPumping = false
            } else {
                ahead.append(contentsOf: bytes)
            }
            pump()
        case .answering:
            ahead.append(contentsOf: bytes)
            settle()
        case .finishing, .lingering, .gone: break
        }
    }

    /// A client may finish its side and still want the answers to all it has asked.
    private func peerFinished() {
        hasPeerFinished = true
        settle()
    }

    // MARK: requests

    /// Hands over each whole request, until one is not answered at once.
    private func read(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while true {
            do {
                let used = try parser.read(rest)
                rest = UnsafeRawBufferPointer(rebasing: rest[used...])
            } catch {
                return refuse(error)
            }
            guard parser.phase == .complete else {
                continueIfAsked()
                return
            }
            hand(over: parser.take(remoteAddress: remoteAddress), rest)
            guard case .reading = stage, out.count < server.limits.aheadBytesMax else {
                if !isGone { ahead.append(contentsOf: rest) }
                return
            }
        }
    }

    private func hand(over taken: (request: HTTPRequest, head: HTTPHead), _ rest: UnsafeRawBufferPointer) {
        stage = .answering
        deadline = nil
        clocked = nil
        wasToldToContinue = false
        isHeadOnly = taken.request.method == "HEAD"
        isKeptAlive = taken.head.isKeptAlive && !taken.head.upgradesToWebSocket
        if taken.head.upgradesToWebSocket, let hub = server.hub(for: taken.request.path) {
            upgrade(taken.request, to: hub, rest)
        } else {
            server.handle(taken.request, HTTPResponder(self))
        }
    }

    private func continueIfAsked() {
        guard parser.phase == .body, parser.head?.expectsContinue == true, !wasToldToContinue else { return }
        wasToldToContinue = true
        out.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8)
    }

    private func refuse(_ refusal: HTTPRefusal) {
        stage = .answering
        isKeptAlive = false
        answer(.problem(refusal.status, detail: refusal.detail))
    }

    /// The answer to the request that is with the handler.
    func answer(_ response: HTTPResponse) {
        guard case .answering = stage else { return }
        let closes = !isKeptAlive || server.isStopping
        response.append(to: &out, date: server.date.now(), headOnly: isHeadOnly, closes: closes)
        isHeadOnly = false
        stage = closes ? .finishing : .reading
        pump()
    }

    private func upgrade(_ request: HTTPRequest, to hub: WebSocketHub, _ rest: UnsafeRawBufferPointer) {
        switch hub.decide(on: request) {
        case .refused(let response): answer(response)
        case .accepted(let response, let subprotocol, let context):
            out.append(contentsOf: response)
            flush()
            // A fresh socket takes these few bytes; one that does not belongs to nobody worth waiting for.
            guard !isGone, out.isEmpty else { return drop() }
            let moved = descriptor
            letGo()
            hub.adopt(moved, remoteAddress: remoteAddress, subprotocol: subprotocol, first: rest) {
                $0.context = context
            }
        }
    }

    // MARK: answers

    /// Writes what is due and reads what waits, until one of both stops. Not entered twice: what a handler answers at
    /// once leaves with the rest of the turn.
    private func pump() {
        guard !isPumping else { return }
        isPumping = true
        flush()
        while case .reading = stage, out.isEmpty, !ahead.isEmpty {
            let waiting = exchange(&ahead, with: [])
            waiting.withUnsafeBytes { read($0) }
            flush()
        }
        isPumping = false
        settle()
    }

    private func flush() {
        while outStart < out.count {
            let start = outStart
            let count = out.withUnsafeBytes { bytes in
                send(descriptor, bytes.baseAddress! + start, bytes.count - start, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EAGAIN || errno == EINTR { return }
                return drop()
            }
            outStart += count
        }
        out = []
        outStart = 0
    }

    /// Brings interest and deadline in line with the stage.
    private func settle() {
        if case .finishing = stage, out.isEmpty {
            shutdown(descriptor, Int32(SHUT_WR))
            stage = .lingering
            clocked = nil
            ahead = []
        }
        let mayRead: Bool
        switch stage {
        case .gone: return
        case .reading where hasPeerFinished && out.isEmpty: return drop()
        case .lingering where hasPeerFinished: return drop()
        case .reading: mayRead = out.isEmpty
        case .answering: mayRead = !hasPeerFinished && ahead.count < server.limits.aheadBytesMax
        case .finishing: mayRead = false
        case .lingering: mayRead = true
        }
        expect((mayRead ? EV_READ : 0) | (out.isEmpty ? 0 : EV_WRITE))
        runClock()
    }

    // MARK: deadlines

    private func runClock() {
        let limits = server.limits
        switch stage {
        case .gone: deadline = nil
        case .answering where out.isEmpty: deadline = nil
        case .lingering: clock(.complete, limits.lingerMax)
        case .reading where out.isEmpty:
            switch parser.phase {
            case .idle, .complete: clock(.idle, limits.idleMax)
            case .head: clock(.head, limits.headWithin)
            case .body: clock(.body, limits.bodyWithin)
            }
        case .reading, .answering, .finishing: clock(.complete, limits.answerTakenWithin)
        }
    }

    /// A deadline begins with its phase and is not moved by bytes that trickle in.
    private func clock(_ phase: HTTPParser.Phase, _ limit: Duration) {
        guard clocked != phase else { return }
        clocked = phase
        deadline = MonotonicClock.nanoseconds() + limit.wholeNanoseconds
    }

    func expire() {
        deadline = nil
        guard case .reading = stage, out.isEmpty, parser.phase != .idle else { return drop() }
        clocked = nil
        refuse(HTTPRefusal(408, "request not complete in time"))
    }

    // MARK: the end

    /// Takes what has arrived and was not read yet; closes where there is nothing.
    func hearOut() {
        receive()
        if isIdle { drop() }
    }

    func drop() {
        guard !isGone else { return }
        letGo()
        close(descriptor)
    }

    /// The descriptor stays open and is whoever's called.
    private func letGo() {
        stage = .gone
        deadline = nil
        event_free(event)
        event = nil
        out = []
        outStart = 0
        ahead = []
        server.remove(descriptor)
    }
}

enum MonotonicClock {
    static func nanoseconds() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }
}

extension Duration {
    /// Never below zero.
    var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(max(seconds, 0)) * 1_000_000_000 + UInt64(max(attoseconds, 0)) / 1_000_000_000
    }
}

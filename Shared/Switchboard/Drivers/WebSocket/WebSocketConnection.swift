internal import CLibevent
internal import Glibc

/// One WebSocket: one libevent event, and buffers only while something waits in them. Lives on its loop; the hub's table
/// holds it, libevent knows it unretained.
package final class WebSocketConnection {
    /// Where the connection is in its life.
    private enum Stage: UInt8 {
        case open
        /// Our close is sent; the peer's is awaited, and what it says before it is heard no more.
        case closing
        /// Both have closed or the peer broke the rules: what it still sends is read away, so that it sees our close and
        /// not a reset.
        case draining
        case gone
    }

    /// Counts up from 1 within its hub.
    package let id: UInt64
    package let remoteAddress: String
    package let subprotocol: String?
    /// The owner's.
    package var context: AnyObject?

    private unowned let hub: WebSocketHub
    private let descriptor: Int32
    private var event: OpaquePointer?
    private var framer: WebSocketFramer
    /// The beginning of a frame that is not all there.
    private var partial: [UInt8] = []
    /// Whole frames; those before `outStart` are sent, perhaps one in part.
    private var out: [UInt8] = []
    private var outStart = 0
    private var stage = Stage.open
    private var wasTold = false
    private var isFlushDue = false
    private var awaitsRoom = false
    private var closeCode: UInt16?
    private var deadline: LoopTimer?

    init(hub: WebSocketHub, id: UInt64, descriptor: Int32, remoteAddress: String, subprotocol: String?) {
        self.hub = hub
        self.id = id
        self.descriptor = descriptor
        self.remoteAddress = remoteAddress
        self.subprotocol = subprotocol
        framer = WebSocketFramer(
            role: hub.role, messageBytesMax: hub.limits.messageBytesMax, tooLargeCode: hub.limits.tooLargeCode)
        event = event_new(hub.loop.base, descriptor, 0, nil, nil)
        watch(EV_READ)
    }

    deinit {
        guard event != nil else { return }
        event_free(event)
        Glibc.close(descriptor)
    }

    package var isOpen: Bool { stage == .open }

    /// Given to `send` and not yet taken by the kernel.
    package var bufferedBytes: Int { out.count - outStart }

    // MARK: sending

    /// Leaves at the end of the turn, with all else that this turn says. Does nothing once the connection closes.
    package func send(text: UnsafeRawBufferPointer) { send(.text, text) }

    package func send(text: [UInt8]) { text.withUnsafeBytes { send(.text, $0) } }

    package func ping() { send(.ping, UnsafeRawBufferPointer(start: nil, count: 0)) }

    private func send(_ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer) {
        guard stage == .open else { return }
        guard bufferedBytes + payload.count <= hub.limits.outBytesMax else { return giveUpOnSlowReader() }
        append(opcode, payload)
    }

    private func append(_ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer) {
        WebSocketFrames.append(opcode, payload, mask: mask, to: &out)
        wantFlush()
    }

    private var mask: UInt32? { hub.role == .client ? UInt32.random(in: .min ... .max) : nil }

    private func wantFlush() {
        guard !isFlushDue, !awaitsRoom, stage != .gone else { return }
        isFlushDue = true
        hub.hasOutput(self)
    }

    func flush() {
        isFlushDue = false
        guard stage != .gone else { return }
        while outStart < out.count {
            let start = outStart
            let count = out.withUnsafeBytes { bytes in
                Glibc.send(descriptor, bytes.baseAddress! + start, bytes.count - start, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EAGAIN || errno == EINTR { return awaitRoom() }
                return drop()
            }
            outStart += count
        }
        out = []
        outStart = 0
        if awaitsRoom {
            awaitsRoom = false
            watch(EV_READ)
        }
        if stage == .draining { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    private func awaitRoom() {
        if outStart > hub.limits.outBytesMax / 2 { forgetSent() }
        guard !awaitsRoom else { return }
        awaitsRoom = true
        watch(EV_READ | EV_WRITE)
    }

    /// Frees what is sent, up to the beginning of the frame that is half sent.
    private func forgetSent() {
        let start = WebSocketFrames.frame(around: outStart, in: out).lowerBound
        out.removeSubrange(..<start)
        outStart -= start
    }

    // MARK: receiving

    private func watch(_ interest: Int32) {
        guard let event else { return }
        event_del(event)
        event_assign(
            event, hub.loop.base, descriptor, Int16(interest | EV_PERSIST),
            { _, what, context in
                Unmanaged<WebSocketConnection>.fromOpaque(context!).takeUnretainedValue().isReady(Int32(what))
            }, Unmanaged.passUnretained(self).toOpaque())
        event_add(event, nil)
    }

    private func isReady(_ what: Int32) {
        if what & EV_WRITE != 0 { flush() }
        guard what & EV_READ != 0, stage != .gone else { return }
        let scratch = hub.scratch
        let count = recv(descriptor, scratch.baseAddress, scratch.count, 0)
        guard count > 0 else {
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            return drop()
        }
        if stage == .draining { return }
        if partial.isEmpty {
            let used = read(UnsafeMutableRawBufferPointer(rebasing: scratch[..<count]))
            if isReading, used < count { partial = Array(scratch[used..<count]) }
        } else {
            take(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        }
    }

    /// Reads bytes that do not lie in the scratch buffer, or continue what is half here. What stays is not copied, so
    /// that a frame that trickles in costs no more than its length.
    func take(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty, isReading else { return }
        var gathered = exchange(&partial, with: [])
        gathered.append(contentsOf: bytes)
        let used = gathered.withUnsafeMutableBytes { read($0) }
        guard isReading, used < gathered.count else { return }
        if used > 0 { gathered.removeFirst(used) }
        partial = gathered
    }

    private var isReading: Bool { stage == .open || stage == .closing }

    /// - Returns: how many bytes were used.
    private func read(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        var offset = 0
        do {
            while isReading, let event = try framer.next(in: bytes, at: &offset) { heard(event) }
        } catch {
            violated(error)
        }
        return offset
    }

    private func heard(_ event: WebSocketEvent) {
        if case .close(let code) = event { return peerClosed(code) }
        guard stage == .open else { return }
        switch event {
        case .text(let bytes): hub.handler.received(self, text: bytes)
        case .assembledText(let bytes): bytes.withUnsafeBytes { hub.handler.received(self, text: $0) }
        case .binary: hub.handler.receivedBinary(self)
        case .ping(let payload): send(.pong, payload)
        case .pong: hub.handler.receivedPong(self)
        case .close: break
        }
    }

    // MARK: closing

    /// The peer is told `code` behind what was sent before; `closed` comes when it has answered or its time is over. The
    /// first close counts.
    package func close(code: UInt16, reason: String) {
        guard stage == .open else { return }
        stage = .closing
        closeCode = code
        appendClose(code, reason)
        setDeadline()
    }

    private func appendClose(_ code: UInt16?, _ reason: String) {
        WebSocketFrames.appendClose(code, reason, mask: mask, to: &out)
        wantFlush()
    }

    private func peerClosed(_ code: UInt16?) {
        if stage == .open { appendClose(code, "") }
        drain(code: stage == .closing ? closeCode : code)
    }

    private func violated(_ violation: WebSocketViolation) {
        if stage == .open { appendClose(violation.code, violation.reason) }
        drain(code: stage == .closing ? closeCode : violation.code)
    }

    /// What waits is given up but for the frame that is half sent: the close must not wait behind it.
    private func giveUpOnSlowReader() {
        let end = WebSocketFrames.frame(around: outStart, in: out).upperBound
        out.removeSubrange(end...)
        closeCode = hub.limits.slowReaderCode
        appendClose(closeCode, "too slow")
        stopReading()
        // Not from within the owner's `send`, which may be one of many in a loop.
        hub.loop.atEndOfTurn { [self] in tell(closeCode) }
    }

    private func drain(code: UInt16?) {
        stopReading()
        tell(code)
    }

    private func stopReading() {
        stage = .draining
        partial = []
        wantFlush()
        setDeadline()
    }

    private func setDeadline() {
        deadline = hub.loop.schedule(after: hub.limits.closeWithin) { [unowned self] in drop() }
    }

    private func tell(_ code: UInt16?) {
        guard !wasTold else { return }
        wasTold = true
        hub.handler.closed(self, code: code)
        context = nil
    }

    /// Ends the connection at once, without a word to the peer.
    package func drop() {
        guard stage != .gone else { return }
        stage = .gone
        deadline = nil
        event_free(event)
        event = nil
        Glibc.close(descriptor)
        partial = []
        out = []
        outStart = 0
        hub.remove(self)
        tell(closeCode)
    }
}

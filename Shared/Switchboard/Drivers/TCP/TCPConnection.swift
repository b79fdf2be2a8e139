internal import Glibc

/// Why a connection is over.
package enum TCPEnd: Sendable, Equatable {
    case closedHere
    case closedByPeer
    /// The error number of the system.
    case broken(Int32)
}

/// What a loop reads sockets into, one for all its connections.
final class TCPReadBuffer {
    var bytes = [UInt8](repeating: 0, count: 256 * 1024)
}

/// One accepted connection: bytes come in by `onReceive`, go out by `send`, and `onEnd` is called once.
///
/// What cannot be sent yet is kept; `unsentBytes` tells its owner when to stop answering. Lives on its loop.
package final class TCPConnection {
    package let peer: String
    /// The bytes are borrowed: copy what must stay.
    package var onReceive: ((ArraySlice<UInt8>) -> Void)?
    /// All that was waiting has been given to the system. Not called for what `send` could give to it at once.
    package var onDrained: (() -> Void)?
    package var onEnd: ((TCPEnd) -> Void)?
    /// Bytes given to `send` that the system has not taken.
    package private(set) var unsentBytes = 0
    package private(set) var isOpen = true

    /// Answers below this size share one piece, and so one call of the system.
    private static let gatherBytesMax = 64 * 1024

    private let loop: EventLoop
    private let descriptor: Int32
    private let buffer: TCPReadBuffer
    private var readWatch: LoopWatch?
    private var writeWatch: LoopWatch?
    private var unsent: [[UInt8]] = []
    /// How much of the first piece the system has taken.
    private var sentOfFirst = 0
    private var isGathering = false

    init(loop: EventLoop, descriptor: Int32, peer: String, buffer: TCPReadBuffer) {
        self.loop = loop
        self.descriptor = descriptor
        self.peer = peer
        self.buffer = buffer
    }

    deinit {
        if isOpen { Glibc.close(descriptor) }
    }

    // MARK: reading

    package var isReading: Bool { readWatch != nil }

    package func startReading() {
        guard isOpen, readWatch == nil else { return }
        readWatch = loop.watch(descriptor, for: .read) { [unowned self] in self.read() }
    }

    /// The peer is held back by its own window; that it closes is not noticed meanwhile.
    package func pauseReading() { readWatch = nil }

    private func read() {
        let count = buffer.bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count > 0 {
            isGathering = true
            onReceive?(buffer.bytes[..<count])
            isGathering = false
            flush(isAwaited: !unsent.isEmpty)
        } else if count == 0 {
            end(.closedByPeer)
        } else if errno != EAGAIN && errno != EINTR {
            end(.broken(errno))
        }
    }

    // MARK: writing

    /// Sends `bytes` after all that was sent before; what is given while bytes are being received leaves together.
    package func send(_ bytes: [UInt8]) {
        guard isOpen, !bytes.isEmpty else { return }
        unsentBytes += bytes.count
        if !unsent.isEmpty, unsent[unsent.count - 1].count + bytes.count <= Self.gatherBytesMax {
            unsent[unsent.count - 1].append(contentsOf: bytes)
        } else {
            unsent.append(bytes)
        }
        if !isGathering && writeWatch == nil { flush(isAwaited: false) }
    }

    /// - Parameter isAwaited: its owner has seen bytes wait, and is told when none do any more.
    private func flush(isAwaited: Bool) {
        guard isOpen else { return }
        var taken = 0
        while taken < unsent.count {
            let piece = unsent[taken]
            let count = piece.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sentOfFirst, $0.count - sentOfFirst, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR { continue }
                guard errno == EAGAIN else { return end(.broken(errno)) }
                break
            }
            unsentBytes -= count
            sentOfFirst += count
            if sentOfFirst == piece.count {
                taken += 1
                sentOfFirst = 0
            }
        }
        unsent.removeFirst(taken)
        if unsent.isEmpty {
            writeWatch = nil
            if isAwaited { onDrained?() }
        } else if writeWatch == nil {
            writeWatch = loop.watch(descriptor, for: .write) { [unowned self] in self.flush(isAwaited: true) }
        }
    }

    // MARK: ending

    /// Closes at once; what was not sent is dropped.
    package func close() { end(.closedHere) }

    private func end(_ why: TCPEnd) {
        guard isOpen else { return }
        isOpen = false
        readWatch = nil
        writeWatch = nil
        unsent = []
        unsentBytes = 0
        Glibc.close(descriptor)
        let tell = onEnd
        onReceive = nil
        onDrained = nil
        onEnd = nil
        tell?(why)
    }
}

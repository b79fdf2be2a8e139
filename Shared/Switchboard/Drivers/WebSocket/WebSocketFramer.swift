/// What a connection has said, one at a time.
package enum WebSocketEvent {
    /// A whole text in one frame; the bytes lie in the buffer that was read.
    case text(UnsafeRawBufferPointer)
    /// A text that came in several frames.
    case assembledText([UInt8])
    case binary
    /// The pointer lies in the buffer that was read.
    case ping(UnsafeRawBufferPointer)
    case pong
    /// nil: the peer gave no code.
    case close(UInt16?)
}

/// The peer broke RFC 6455 or a limit: close with `code`.
package struct WebSocketViolation: Error, Equatable {
    package let code: UInt16
    package let reason: String
}

/// Which end of the connection this is: a server reads masked frames and writes bare ones, a client the reverse.
package enum WebSocketRole: Sendable { case server, client }

/// Reads the frames of RFC 6455 out of buffers as they come. Pure: it knows no socket. Frames are unmasked where they
/// lie, and a text in one frame costs no allocation.
package struct WebSocketFramer {
    let role: WebSocketRole
    let messageBytesMax: Int
    let tooLargeCode: UInt16

    private enum Unfinished: UInt8 { case none, text, binary }
    private var unfinished = Unfinished.none
    private var assembled: [UInt8] = []
    private var binaryBytes = 0

    /// - Parameters:
    ///   - messageBytesMax: of one message, whether in one frame or in several.
    ///   - tooLargeCode: the code a longer one is refused with.
    package init(role: WebSocketRole, messageBytesMax: Int = 64 << 10, tooLargeCode: UInt16 = 1009) {
        self.role = role
        self.messageBytesMax = messageBytesMax
        self.tooLargeCode = tooLargeCode
    }

    /// The next event in `bytes` from `offset` on, which moves past what was read.
    /// - Returns: nil when the next frame is not all there: call again with its beginning kept and more behind.
    package mutating func next(
        in bytes: UnsafeMutableRawBufferPointer, at offset: inout Int
    ) throws(WebSocketViolation) -> WebSocketEvent? {
        while let frame = try header(UnsafeRawBufferPointer(rebasing: bytes[offset...])) {
            guard bytes.count - offset - frame.headerBytes >= frame.length else { return nil }
            let start = offset + frame.headerBytes
            let payload = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + frame.length])
            if role == .server { WebSocketMask.apply(frame.mask, to: payload) }
            offset = start + frame.length
            if let event = try take(frame, UnsafeRawBufferPointer(payload)) { return event }
        }
        return nil
    }

    // MARK: the head of a frame

    private struct Header {
        var isFinal: Bool
        var opcode: WebSocketOpcode
        var length: Int
        var mask: UInt32
        var headerBytes: Int
    }

    /// Refuses as early as the bytes allow, so that a frame too long is never waited for.
    private func header(_ bytes: UnsafeRawBufferPointer) throws(WebSocketViolation) -> Header? {
        guard bytes.count >= 2 else { return nil }
        let first = bytes[0]
        let second = bytes[1]
        guard first & 0x70 == 0 else { throw .protocolError("reserved bits are set") }
        guard let opcode = WebSocketOpcode(rawValue: first & 0x0F) else { throw .protocolError("unknown opcode") }
        let isFinal = first & 0x80 != 0
        guard (second & 0x80 != 0) == (role == .server) else {
            throw .protocolError(role == .server ? "frame is not masked" : "frame is masked")
        }
        let short = Int(second & 0x7F)
        if opcode.isControl {
            guard isFinal else { throw .protocolError("control frame in fragments") }
            guard short <= 125 else { throw .protocolError("control frame too long") }
        } else if opcode == .continuation {
            guard unfinished != .none else { throw .protocolError("nothing to continue") }
        } else {
            guard unfinished == .none else { throw .protocolError("message not finished") }
        }
        var length = short
        var size = 2
        if short == 126 {
            guard bytes.count >= 4 else { return nil }
            length = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            guard length > 125 else { throw .protocolError("length not minimal") }
            size = 4
        } else if short == 127 {
            guard bytes.count >= 10 else { return nil }
            let long = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard long > 0xFFFF, long >> 63 == 0 else { throw .protocolError("length not minimal") }
            length = Int(long)
            size = 10
        }
        if !opcode.isControl, length > messageBytesMax - assembled.count - binaryBytes {
            throw WebSocketViolation(code: tooLargeCode, reason: "message too large")
        }
        var mask: UInt32 = 0
        if role == .server {
            guard bytes.count >= size + 4 else { return nil }
            mask = bytes.loadUnaligned(fromByteOffset: size, as: UInt32.self)
            size += 4
        }
        return Header(isFinal: isFinal, opcode: opcode, length: length, mask: mask, headerBytes: size)
    }

    // MARK: a whole frame

    /// nil: a fragment was put aside.
    private mutating func take(
        _ frame: Header, _ payload: UnsafeRawBufferPointer
    ) throws(WebSocketViolation) -> WebSocketEvent? {
        switch frame.opcode {
        case .text:
            if frame.isFinal {
                try checkUTF8(payload)
                return .text(payload)
            }
            unfinished = .text
            assembled.append(contentsOf: payload)
            return nil
        case .binary:
            if frame.isFinal { return .binary }
            unfinished = .binary
            binaryBytes = payload.count
            return nil
        case .continuation: return try continued(frame, payload)
        case .ping: return .ping(payload)
        case .pong: return .pong
        case .close: return .close(try closeCode(payload))
        }
    }

    private mutating func continued(
        _ frame: Header, _ payload: UnsafeRawBufferPointer
    ) throws(WebSocketViolation) -> WebSocketEvent? {
        if unfinished == .text {
            assembled.append(contentsOf: payload)
        } else {
            binaryBytes += payload.count
        }
        guard frame.isFinal else { return nil }
        let kind = exchange(&unfinished, with: .none)
        binaryBytes = 0
        guard kind == .text else { return .binary }
        let message = exchange(&assembled, with: [])
        guard message.withUnsafeBytes({ WebSocketText.isUTF8($0) }) else { throw .notUTF8 }
        return .assembledText(message)
    }

    private func closeCode(_ payload: UnsafeRawBufferPointer) throws(WebSocketViolation) -> UInt16? {
        if payload.isEmpty { return nil }
        guard payload.count >= 2 else { throw .protocolError("close of one byte") }
        let code = UInt16(bigEndian: payload.loadUnaligned(as: UInt16.self))
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw .protocolError("close code not allowed")
        }
        try checkUTF8(UnsafeRawBufferPointer(rebasing: payload[2...]))
        return code
    }

    private func checkUTF8(_ bytes: UnsafeRawBufferPointer) throws(WebSocketViolation) {
        guard WebSocketText.isUTF8(bytes) else { throw .notUTF8 }
    }
}

extension WebSocketViolation {
    static func protocolError(_ reason: String) -> WebSocketViolation { .init(code: 1002, reason: reason) }
    static var notUTF8: WebSocketViolation { .init(code: 1007, reason: "text is not UTF-8") }
}

enum WebSocketText {
    static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.withMemoryRebound(to: UInt8.self) { typed in
            do {
                _ = try UTF8Span(validating: typed.span)
                return true
            } catch {
                return false
            }
        }
    }
}

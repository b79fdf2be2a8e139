/// What kind a frame is; the values are those of the wire.
package enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    var isControl: Bool { rawValue & 0x8 != 0 }
}

/// Writes whole frames behind one another, so that many leave in one `send`.
package enum WebSocketFrames {
    /// - Parameter mask: what a client masks its frame with; nil for a server's.
    package static func append(
        _ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer, isFinal: Bool = true, mask: UInt32? = nil,
        to out: inout [UInt8]
    ) {
        let count = payload.count
        let masked: UInt8 = mask == nil ? 0 : 0x80
        out.append(opcode.rawValue | (isFinal ? 0x80 : 0))
        if count <= 125 {
            out.append(masked | UInt8(count))
        } else if count <= 0xFFFF {
            out.append(masked | 126)
            withUnsafeBytes(of: UInt16(count).bigEndian) { out.append(contentsOf: $0) }
        } else {
            out.append(masked | 127)
            withUnsafeBytes(of: UInt64(count).bigEndian) { out.append(contentsOf: $0) }
        }
        guard let mask else {
            out.append(contentsOf: payload)
            return
        }
        withUnsafeBytes(of: mask) { out.append(contentsOf: $0) }
        let start = out.count
        out.append(contentsOf: payload)
        out.withUnsafeMutableBytes { WebSocketMask.apply(mask, to: .init(rebasing: $0[start...])) }
    }

    /// - Parameter reason: cut to the 123 bytes there is room for, at a character.
    package static func appendClose(_ code: UInt16?, _ reason: String, mask: UInt32? = nil, to out: inout [UInt8]) {
        var payload: [UInt8] = []
        if let code {
            withUnsafeBytes(of: code.bigEndian) { payload.append(contentsOf: $0) }
            for character in reason {
                guard payload.count + character.utf8.count <= 125 else { break }
                payload.append(contentsOf: character.utf8)
            }
        }
        payload.withUnsafeBytes { append(.close, $0, mask: mask, to: &out) }
    }

    /// The frame that byte `position` belongs to; between two frames nothing, at `position`. `bytes` holds whole frames
    /// of ours from its beginning on.
    static func frame(around position: Int, in bytes: [UInt8]) -> Range<Int> {
        var start = 0
        var end = 0
        while end < position {
            start = end
            let masked = bytes[start + 1] & 0x80 != 0 ? 4 : 0
            let short = Int(bytes[start + 1] & 0x7F)
            switch short {
            case 126: end += 4 + masked + Int(bytes[start + 2]) << 8 + Int(bytes[start + 3])
            case 127: end += 10 + masked + (2..<10).reduce(0) { $0 << 8 + Int(bytes[start + $1]) }
            default: end += 2 + masked + short
            }
        }
        return end == position ? end..<end : start..<end
    }
}

package enum WebSocketMask {
    /// Masks or unmasks where the bytes lie. `mask` is the key as it lies in the frame.
    package static func apply(_ mask: UInt32, to bytes: UnsafeMutableRawBufferPointer) {
        let wide = UInt64(mask) << 32 | UInt64(mask)
        var at = 0
        while at + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            bytes.storeBytes(of: word ^ wide, toByteOffset: at, as: UInt64.self)
            at += 8
        }
        while at < bytes.count {
            bytes[at] ^= UInt8(truncatingIfNeeded: mask >> UInt32((at & 3) * 8))
            at += 1
        }
    }
}

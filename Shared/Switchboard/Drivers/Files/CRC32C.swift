internal import CChecksum

/// The Castagnoli checksum (RFC 3720, appendix B.4): by the processor's own instruction where it has one, else by tables.
package enum CRC32C {
    /// Whether this processor has the instruction (SSE4.2, or the CRC extension of ARMv8).
    package static let isInHardware = cchecksum_is_there() != 0

    package static func checksum(of bytes: ArraySlice<UInt8>) -> UInt32 {
        guard isInHardware else { return tabulated(of: bytes) }
        return bytes.withUnsafeBufferPointer { cchecksum_crc32c(0xFFFF_FFFF, $0.baseAddress, $0.count) } ^ 0xFFFF_FFFF
    }

    /// The same, eight bytes at a step, on any processor.
    package static func tabulated(of bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBytes { update(0xFFFF_FFFF, with: $0) } ^ 0xFFFF_FFFF
    }

    private static func update(_ start: UInt32, with bytes: UnsafeRawBufferPointer) -> UInt32 {
        var crc = start
        var at = 0
        tables.withUnsafeBufferPointer { table in
            let steps = bytes.count / 8
            for _ in 0..<steps {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                let low = UInt32(truncatingIfNeeded: word) ^ crc
                let high = UInt32(truncatingIfNeeded: word >> 32)
                let first = table[1792 + Int(low & 0xFF)] ^ table[1536 + Int(low >> 8 & 0xFF)]
                let second = table[1280 + Int(low >> 16 & 0xFF)] ^ table[1024 + Int(low >> 24)]
                let third = table[768 + Int(high & 0xFF)] ^ table[512 + Int(high >> 8 & 0xFF)]
                let fourth = table[256 + Int(high >> 16 & 0xFF)] ^ table[Int(high >> 24)]
                crc = first ^ second ^ third ^ fourth
                at += 8
            }
            while at < bytes.count {
                crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[at])) & 0xFF)]
                at += 1
            }
        }
        return crc
    }

    /// Eight tables of 256: table k is what a byte does to the checksum k bytes later.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
            tables[byte] = value
        }
        for index in 256..<(8 * 256) {
            let before = tables[index - 256]
            tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
        }
        return tables
    }()
}

internal import Glibc

/// Tells addresses of the public Internet from those inside a network: what a customer's URL may reach from ours.
package enum PublicAddress {
    /// - Parameter address: numeric; anything else is not public.
    package static func isPublic(_ address: String) -> Bool {
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, address, &v4) == 1 {
            return isPublic(v4: UInt32(bigEndian: v4.s_addr))
        }
        if inet_pton(AF_INET6, address, &v6) == 1 {
            return withUnsafeBytes(of: v6) { isPublic(v6: Array($0)) }
        }
        return false
    }

    private static let privateV4: [(network: UInt32, bits: UInt32)] = [
        (0x0000_0000, 8),  // this network
        (0x0A00_0000, 8),  // private
        (0x6440_0000, 10),  // carriers' own
        (0x7F00_0000, 8),  // loopback
        (0xA9FE_0000, 16),  // link-local, where clouds keep their metadata
        (0xAC10_0000, 12),  // private
        (0xC000_0000, 24),  // protocol assignments
        (0xC000_0200, 24),  // documentation
        (0xC058_6300, 24),  // relays, given up
        (0xC0A8_0000, 16),  // private
        (0xC612_0000, 15),  // benchmarks
        (0xC633_6400, 24),  // documentation
        (0xCB00_7100, 24),  // documentation
        (0xE000_0000, 3),  // multicast, reserved, broadcast
    ]

    private static func isPublic(v4 address: UInt32) -> Bool {
        !privateV4.contains { address >> (32 - $0.bits) == $0.network >> (32 - $0.bits) }
    }

    /// Only what is given out as global unicast, without its special corners and without what hides an IPv4 address.
    private static func isPublic(v6 bytes: [UInt8]) -> Bool {
        func v4(at start: Int) -> UInt32 { bytes[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        if bytes.starts(with: [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]) { return isPublic(v4: v4(at: 12)) }
        guard bytes[0] & 0xE0 == 0x20 else { return false }
        if bytes.starts(with: [0x20, 0x02]) { return isPublic(v4: v4(at: 2)) }
        let isSpecial =
            bytes.starts(with: [0x20, 0x01]) && bytes[2] < 0x02  // Teredo, benchmarks, ORCHID, protocol assignments
            || bytes.starts(with: [0x20, 0x01, 0x0D, 0xB8])  // documentation
            || bytes.starts(with: [0x3F, 0xFF]) && bytes[2] < 0x10  // documentation
        return !isSpecial
    }
}

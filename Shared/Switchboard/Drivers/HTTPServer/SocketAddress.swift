internal import CLibevent
internal import Glibc

/// A numeric address and a port as the kernel takes them.
struct SocketAddress {
    private var storage = sockaddr_storage()
    private var length = socklen_t(0)

    /// nil: not a numeric IPv4 or IPv6 address.
    init?(_ address: String, port: UInt16) {
        var v4 = sockaddr_in()
        var v6 = sockaddr_in6()
        if inet_pton(AF_INET, address, &v4.sin_addr) == 1 {
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = port.bigEndian
            fill(from: v4)
        } else if inet_pton(AF_INET6, address, &v6.sin6_addr) == 1 {
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = port.bigEndian
            fill(from: v6)
        } else {
            return nil
        }
    }

    /// The local end of a socket.
    init?(boundTo descriptor: Int32) {
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let failed = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        guard failed == 0 else { return nil }
        length = size
    }

    private mutating func fill<T>(from value: T) {
        withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: value, as: T.self) }
        length = socklen_t(MemoryLayout<T>.size)
    }

    var family: Int32 { Int32(storage.ss_family) }

    var port: Int {
        withUnsafeBytes(of: storage) { bytes in
            // Both families keep it behind the family.
            Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        }
    }

    mutating func withPointer<R>(_ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> R) -> R {
        let length = length
        return withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// Without the port; an IPv4 address that came through an IPv6 socket is written as IPv4.
    static func name(of address: UnsafePointer<sockaddr>) -> String? {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            var inside = raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            inet_ntop(AF_INET, &inside, &text, socklen_t(text.count))
        case AF_INET6:
            var inside = raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            inet_ntop(AF_INET6, &inside, &text, socklen_t(text.count))
        default: return nil
        }
        let name = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        return name.hasPrefix("::ffff:") && name.contains(".") ? String(name.dropFirst(7)) : name
    }
}

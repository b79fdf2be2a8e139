internal import CLibevent
internal import Glibc

/// Resolves names on a thread of its own: the system's resolver blocks.
enum NameLookup {
    private static let thread = WorkThread(name: "name-lookup")

    /// Calls `body` on the loop with the numeric addresses, in the system's order; empty where there are none.
    /// On the loop; numeric addresses are answered at the end of the turn.
    static func addresses(of host: String, on loop: EventLoop, _ body: @escaping ([String]) -> Void) {
        if !numeric(host, flags: AI_NUMERICHOST).isEmpty {
            loop.atEndOfTurn { body([host]) }
            return
        }
        let answer = LoopBound(body, on: loop)
        thread.execute {
            let addresses = numeric(host, flags: 0)
            loop.execute {
                answer.value?(addresses)
                answer.value = nil
            }
        }
    }

    private static func numeric(_ host: String, flags: Int32) -> [String] {
        var hints = addrinfo()
        hints.ai_flags = flags
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        var addresses: [String] = []
        for info in sequence(first: first, next: { $0?.pointee.ai_next }) {
            guard let info else { break }
            var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let length = socklen_t(name.count)
            let entry = info.pointee
            guard getnameinfo(entry.ai_addr, entry.ai_addrlen, &name, length, nil, 0, NI_NUMERICHOST) == 0 else {
                continue
            }
            addresses.append(String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
        }
        return addresses
    }
}

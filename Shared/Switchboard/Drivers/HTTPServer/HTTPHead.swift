/// The request line and the headers, read as RFC 9112 says and where it leaves a choice, strictly: what two readers
/// could understand differently is refused.
struct HTTPHead {
    enum BodyFraming: Equatable {
        case none
        case length(Int)
        case chunked
    }

    var method = ""
    var target = ""
    var path = ""
    var query: [String: String] = [:]
    var headers: [(name: String, value: String)] = []
    var framing = BodyFraming.none
    var isKeptAlive = true
    var expectsContinue = false
    var upgradesToWebSocket = false

    /// - Parameter bytes: with the empty line at the end; every line ends in CR LF, and there is no other CR, LF or NUL.
    init(_ bytes: UnsafeRawBufferPointer, limits: HTTPLimits) throws(HTTPRefusal) {
        var lines = HTTPLines(bytes)
        guard let first = lines.next(), !first.isEmpty else { throw HTTPRefusal(400, "no request line") }
        let minor = try readRequestLine(first)
        while let line = lines.next(), !line.isEmpty {
            guard headers.count < limits.headersMax else { throw HTTPRefusal(431, "too many headers") }
            try readHeader(line)
        }
        try readMeaning(minor: minor)
        if case .length(let length) = framing, length > limits.bodyBytesMax { throw .bodyTooLarge }
    }

    // MARK: the request line

    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    /// - Returns: the minor version.
    private mutating func readRequestLine(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int {
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw HTTPRefusal(400, "bad request line") }
        guard !parts[0].isEmpty, parts[0].allSatisfy(HTTPBytes.isToken) else { throw HTTPRefusal(400, "bad method") }
        let version = Array(parts[2])
        guard version.count == 8, version.starts(with: "HTTP/".utf8), version[6] == UInt8(ascii: "."),
            HTTPBytes.isDigit(version[5]), HTTPBytes.isDigit(version[7])
        else { throw HTTPRefusal(400, "bad version") }
        guard version[5] == UInt8(ascii: "1"), version[7] <= UInt8(ascii: "1") else {
            throw HTTPRefusal(505, "HTTP/1.1 is spoken here")
        }
        method = String(decoding: parts[0], as: UTF8.self)
        guard HTTPHead.methods.contains(method) else { throw HTTPRefusal(501, "unknown method") }
        guard !parts[1].isEmpty, parts[1].allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }) else {
            throw HTTPRefusal(400, "bad target")
        }
        target = String(decoding: parts[1], as: UTF8.self)
        try readTarget()
        return Int(version[7] - UInt8(ascii: "0"))
    }

    private mutating func readTarget() throws(HTTPRefusal) {
        if method == "OPTIONS", target == "*" {
            path = "*"
            return
        }
        var rest = Substring(target)
        if let scheme = ["http://", "https://"].first(where: { target.lowercased().hasPrefix($0) }) {
            let afterHost = rest.dropFirst(scheme.count).drop { $0 != "/" && $0 != "?" }
            rest = afterHost.first == "/" ? afterHost : "/" + afterHost
        }
        guard rest.first == "/" else { throw HTTPRefusal(400, "bad target") }
        let halves = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let decoded = HTTPText.percentDecoded(halves[0]) else { throw HTTPRefusal(400, "bad path") }
        path = decoded
        guard halves.count == 2 else { return }
        guard let members = HTTPText.query(halves[1]) else { throw HTTPRefusal(400, "bad query") }
        query = members
    }

    // MARK: headers

    private mutating func readHeader(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        guard line[0] != 0x20, line[0] != 0x09 else { throw HTTPRefusal(400, "header folded over lines") }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            line[..<colon].allSatisfy(HTTPBytes.isToken)
        else { throw HTTPRefusal(400, "bad header name") }
        var start = colon + 1
        var end = line.count
        while start < end, HTTPBytes.isBlank(line[start]) { start += 1 }
        while end > start, HTTPBytes.isBlank(line[end - 1]) { end -= 1 }
        guard line[start..<end].allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw HTTPRefusal(400, "control character in a header")
        }
        let name = String(unsafeUninitializedCapacity: colon) { out in
            for at in 0..<colon { out[at] = HTTPBytes.lowercased(line[at]) }
            return colon
        }
        headers.append((name, String(decoding: line[start..<end], as: UTF8.self)))
    }

    /// What the headers say about the message itself.
    private mutating func readMeaning(minor: Int) throws(HTTPRefusal) {
        var hosts = 0
        var length: Int?
        var isChunked = false
        isKeptAlive = minor == 1
        for (name, value) in headers {
            switch name {
            case "host":
                hosts += 1
                guard HTTPBytes.isHost(value) else { throw HTTPRefusal(400, "bad Host") }
            case "content-length":
                guard length == nil else { throw HTTPRefusal(400, "Content-Length twice") }
                guard (1...15).contains(value.utf8.count), value.utf8.allSatisfy(HTTPBytes.isDigit) else {
                    throw HTTPRefusal(400, "bad Content-Length")
                }
                length = Int(value)
            case "transfer-encoding":
                guard !isChunked, minor == 1 else { throw HTTPRefusal(400, "bad Transfer-Encoding") }
                guard value.lowercased() == "chunked" else { throw HTTPRefusal(501, "only chunked is understood") }
                isChunked = true
            case "connection":
                let options = HTTPText.list(value.lowercased())
                if options.contains("close") {
                    isKeptAlive = false
                } else if minor == 0, options.contains("keep-alive") {
                    isKeptAlive = true
                }
            case "expect":
                guard value.lowercased() == "100-continue" else { throw HTTPRefusal(417, "unknown expectation") }
                expectsContinue = minor == 1
            case "upgrade":
                if method == "GET", minor == 1, HTTPText.list(value.lowercased()).contains("websocket") {
                    upgradesToWebSocket = true
                }
            default: break
            }
        }
        guard hosts == 1 || hosts == 0 && minor == 0 else { throw HTTPRefusal(400, "one Host is needed") }
        guard !(isChunked && length != nil) else { throw HTTPRefusal(400, "two lengths") }
        if isChunked {
            framing = .chunked
        } else if let length, length > 0 {
            framing = .length(length)
        }
        guard !upgradesToWebSocket || framing == .none else { throw HTTPRefusal(400, "upgrade with a body") }
    }
}

/// Why a request is not taken, and the status that says so. The connection ends behind it.
struct HTTPRefusal: Error, Equatable {
    let status: Int
    let detail: String

    init(_ status: Int, _ detail: String) {
        self.status = status
        self.detail = detail
    }

    static var bodyTooLarge: HTTPRefusal { HTTPRefusal(413, "body too large") }
}

/// The lines of a head that is known to be made of lines.
private struct HTTPLines: IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private var start = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func next() -> UnsafeRawBufferPointer? {
        guard let end = bytes[start...].firstIndex(of: 0x0D) else { return nil }
        defer { start = end + 2 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }
}

enum HTTPBytes {
    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
    }

    static func isToken(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    /// A name, an address or nothing, and perhaps a port.
    static func isHost(_ value: String) -> Bool {
        var rest = Substring(value).utf8
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let inside = rest[rest.index(after: rest.startIndex)..<end]
            guard !inside.isEmpty, inside.allSatisfy({ isAlphanumeric($0) || $0 == UInt8(ascii: ":") || $0 == 0x2E })
            else { return false }
            rest = rest[rest.index(after: end)...]
        } else {
            rest = rest.drop { isAlphanumeric($0) || "-._~%!$&'()*+,;=".utf8.contains($0) }
        }
        guard let colon = rest.first else { return true }
        return colon == UInt8(ascii: ":") && rest.count <= 6 && rest.dropFirst().allSatisfy(isDigit)
    }
}

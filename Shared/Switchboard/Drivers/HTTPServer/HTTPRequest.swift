/// A request as it was understood: whole, strict, and within the limits.
package struct HTTPRequest: Sendable {
    /// Upper case: `GET`, `POST`, …
    package var method: String
    /// As it was sent, with the query.
    package var target: String
    /// Percent-decoded, without the query; always UTF-8 and without control characters. `*` for `OPTIONS *`.
    package var path: String
    /// Decoded as a form is (`+` is a space); of a name given twice the first wins.
    package var query: [String: String]
    /// In the order of the wire, names in lower case.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// The address of the peer, without its port.
    package var remoteAddress: String

    package init(
        method: String, target: String, path: String, query: [String: String] = [:],
        headers: [(name: String, value: String)] = [], body: [UInt8] = [], remoteAddress: String = ""
    ) {
        self.method = method
        self.target = target
        self.path = path
        self.query = query
        self.headers = headers.map { ($0.name.lowercased(), $0.value) }
        self.body = body
        self.remoteAddress = remoteAddress
    }

    /// The first value of that name, in whatever case it is asked for.
    package func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name == wanted }?.value
    }

    /// All members of a header that is a list, over all its lines, without the spaces around them.
    package func headerList(_ name: String) -> [String] {
        let wanted = name.lowercased()
        return headers.filter { $0.name == wanted }.flatMap { HTTPText.list($0.value) }
    }
}

/// How the text in requests is taken apart.
enum HTTPText {
    static func list(_ value: String) -> [String] {
        value.utf8.split(separator: UInt8(ascii: ",")).map { trimmed(String(Substring($0))) }.filter { !$0.isEmpty }
    }

    static func trimmed(_ text: String) -> String {
        var bytes = Substring(text).utf8
        while let first = bytes.first, first == 0x20 || first == 0x09 { bytes.removeFirst() }
        while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
        return String(Substring(bytes))
    }

    /// nil: a broken escape, or what it hides is a control character or no UTF-8.
    static func percentDecoded(_ text: Substring, plusIsSpace: Bool = false) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(hexValue), let low = rest.next().flatMap(hexValue) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(0x20)
            default: bytes.append(byte)
            }
        }
        guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// nil: a broken escape somewhere.
    static func query(_ text: Substring) -> [String: String]? {
        var members: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = percentDecoded(halves[0], plusIsSpace: true),
                let value = halves.count == 2 ? percentDecoded(halves[1], plusIsSpace: true) : ""
            else { return nil }
            if members[name] == nil { members[name] = value }
        }
        return members
    }
}

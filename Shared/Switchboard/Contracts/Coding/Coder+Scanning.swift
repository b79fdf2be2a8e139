/// The bytes between a string's quotes, checked for form and UTF-8.
struct StringExtent {
    var start: Int
    var count: Int
    var isASCII: Bool
    var hasEscapes: Bool
}

/// Finding where things end, and whether they are JSON. Every load is checked against the end of the bytes.
extension Coder {
    @inline(__always)
    func load(_ i: Int) -> UInt8 { base.load(fromByteOffset: i, as: UInt8.self) }

    /// The byte at the position; 0, which is never JSON, at the end.
    @inline(__always)
    var byte: UInt8 { position < end ? load(position) : 0 }

    @inline(__always)
    mutating func skipSpace() {
        while position < end {
            let byte = load(position)
            guard byte <= 0x20, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return }
            position += 1
        }
    }

    mutating func expectEnd() throws(CodingFailure) {
        skipSpace()
        guard position == end else { throw CodingFailure(.malformed) }
    }

    /// Passes the string at the position.
    mutating func scanString() throws(CodingFailure) -> StringExtent {
        guard byte == Mark.quote else { throw mismatch() }
        let start = position + 1
        var i = start
        var seen: UInt8 = 0
        var hasEscapes = false
        scan: while true {
            while i + 8 <= end {
                let word = base.loadUnaligned(fromByteOffset: i, as: UInt64.self).littleEndian
                let stops = stopBytes(word)
                if word & 0x8080_8080_8080_8080 != 0 { seen = 0x80 }
                if stops != 0 {
                    i += stops.trailingZeroBitCount / 8
                    break
                }
                i += 8
            }
            guard i < end else { throw CodingFailure(.malformed) }
            let byte = load(i)
            switch byte {
            case Mark.quote: break scan
            case Mark.backslash:
                hasEscapes = true
                i = try endOfEscape(i)
            case 0..<0x20: throw CodingFailure(.malformed)
            default:
                seen |= byte
                i += 1
            }
        }
        position = i + 1
        let isASCII = seen & 0x80 == 0
        if !isASCII { try checkUTF8(start, i - start) }
        return StringExtent(start: start, count: i - start, isASCII: isASCII, hasEscapes: hasEscapes)
    }

    private func checkUTF8(_ start: Int, _ count: Int) throws(CodingFailure) {
        let isValid = UnsafeRawBufferPointer(start: base + start, count: count).withMemoryRebound(to: UInt8.self) {
            (try? UTF8Span(validating: $0.span)) != nil
        }
        guard isValid else { throw CodingFailure(.badUTF8) }
    }

    // MARK: escapes

    /// - Returns: the place behind the escape at `i`; behind both halves of a surrogate pair.
    private func endOfEscape(_ i: Int) throws(CodingFailure) -> Int {
        guard i + 1 < end else { throw CodingFailure(.malformed) }
        switch load(i + 1) {
        case Mark.quote, Mark.backslash, UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return i + 2
        case UInt8(ascii: "u"):
            let unit = try hexUnit(i)
            guard unit & 0xf800 == 0xd800 else { return i + 6 }
            guard unit < 0xdc00, i + 7 < end, load(i + 6) == Mark.backslash, load(i + 7) == UInt8(ascii: "u") else {
                throw CodingFailure(.badUTF8)
            }
            guard try hexUnit(i + 6) & 0xfc00 == 0xdc00 else { throw CodingFailure(.badUTF8) }
            return i + 12
        default: throw CodingFailure(.malformed)
        }
    }

    /// The UTF-16 unit of the `\uXXXX` at `i`.
    private func hexUnit(_ i: Int) throws(CodingFailure) -> UInt32 {
        guard i + 6 <= end else { throw CodingFailure(.malformed) }
        var unit: UInt32 = 0
        for place in i + 2..<i + 6 {
            let byte = load(place)
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): unit = unit << 4 | UInt32(byte - Mark.digitZero)
            case UInt8(ascii: "a")...UInt8(ascii: "f"): unit = unit << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): unit = unit << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
            default: throw CodingFailure(.malformed)
            }
        }
        return unit
    }

    /// What a checked string says, as UTF-8.
    func unescaped(_ extent: StringExtent) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(extent.count)
        var i = extent.start
        let behind = extent.start + extent.count
        while i < behind {
            let byte = load(i)
            guard byte == Mark.backslash else {
                bytes.append(byte)
                i += 1
                continue
            }
            let kind = load(i + 1)
            i += 2
            switch kind {
            case UInt8(ascii: "b"): bytes.append(0x08)
            case UInt8(ascii: "f"): bytes.append(0x0c)
            case UInt8(ascii: "n"): bytes.append(0x0a)
            case UInt8(ascii: "r"): bytes.append(0x0d)
            case UInt8(ascii: "t"): bytes.append(0x09)
            case UInt8(ascii: "u"):
                let (scalar, count) = scalar(i - 2)
                bytes.append(contentsOf: UTF8.encode(scalar)!)
                i += count - 2
            default: bytes.append(kind)
            }
        }
        return bytes
    }

    /// The scalar of a checked escape or pair of escapes at `i`, and its length.
    private func scalar(_ i: Int) -> (Unicode.Scalar, count: Int) {
        let high = (try? hexUnit(i)) ?? 0
        if let scalar = Unicode.Scalar(high) { return (scalar, 6) }
        let low = (try? hexUnit(i + 6)) ?? 0
        return (Unicode.Scalar(0x10000 + (high & 0x3ff) << 10 + low & 0x3ff) ?? "\u{fffd}", 12)
    }

    // MARK: values that nobody reads

    mutating func skipValue() throws(CodingFailure) {
        switch byte {
        case Mark.quote: _ = try scanString()
        case Mark.brace: try skipObject()
        case Mark.bracket:
            guard try enterList() else { return }
            repeat { try skipValue() } while try moveToNextElement()
        case UInt8(ascii: "t"): try skipWord("true")
        case UInt8(ascii: "f"): try skipWord("false")
        case UInt8(ascii: "n"): try skipWord("null")
        default: try skipNumber()
        }
    }

    private mutating func skipObject() throws(CodingFailure) {
        try descend()
        position += 1
        skipSpace()
        if byte == Mark.braceClosing {
            position += 1
            depth -= 1
            return
        }
        while true {
            guard byte == Mark.quote else { throw CodingFailure(.malformed) }
            _ = try scanString()
            try passColon()
            try skipValue()
            skipSpace()
            let mark = byte
            position += 1
            if mark == Mark.braceClosing { break }
            guard mark == Mark.comma else { throw CodingFailure(.malformed) }
            skipSpace()
        }
        depth -= 1
    }

    mutating func skipNumber() throws(CodingFailure) {
        if byte == UInt8(ascii: "-") { position += 1 }
        if byte == Mark.digitZero {
            position += 1
            guard byte &- Mark.digitZero > 9 else { throw CodingFailure(.malformed) }
        } else {
            try skipDigits()
        }
        if byte == UInt8(ascii: ".") {
            position += 1
            try skipDigits()
        }
        if byte | 0x20 == UInt8(ascii: "e") {
            position += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { position += 1 }
            try skipDigits()
        }
    }

    /// At least one.
    private mutating func skipDigits() throws(CodingFailure) {
        guard byte &- Mark.digitZero <= 9 else { throw CodingFailure(.malformed) }
        while byte &- Mark.digitZero <= 9 { position += 1 }
    }

    mutating func skipWord(_ word: StaticString) throws(CodingFailure) {
        for i in 0..<word.utf8CodeUnitCount {
            guard byte == word.utf8Start[i] else { throw CodingFailure(.malformed) }
            position += 1
        }
    }
}

/// The bytes of the written text; no state but the buffer: whether a comma is due shows in the byte before.
extension Coder {
    /// Valid until the coder writes again or ends.
    var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: position) }

    mutating func writeMessage(_ message: some Message) {
        var message = message
        openBrace()
        do throws(CodingFailure) {
            try message.fields(&self)
        } catch {
            preconditionFailure("a message refused to be written: \(error)")
        }
        closeBrace()
    }

    mutating func writeKey(_ key: StaticString) {
        let count = key.utf8CodeUnitCount
        reserve(count + 4)
        if byteBefore != Mark.brace { put(Mark.comma) }
        put(Mark.quote)
        (base + position).copyMemory(from: key.utf8Start, byteCount: count)
        position += count
        put(Mark.quote)
        put(Mark.colon)
    }

    mutating func writeString(_ text: String) {
        let isDone: Void? = text.utf8.withContiguousStorageIfAvailable { writeString(UnsafeRawBufferPointer($0)) }
        if isDone == nil { Array(text.utf8).withUnsafeBytes { writeString($0) } }
    }

    private mutating func writeString(_ utf8: UnsafeRawBufferPointer) {
        reserve(utf8.count + 2)
        put(Mark.quote)
        let plain = plainPrefix(utf8)
        if plain > 0 {
            (base + position).copyMemory(from: utf8.baseAddress!, byteCount: plain)
            position += plain
        }
        if plain < utf8.count { writeEscaped(UnsafeRawBufferPointer(rebasing: utf8[plain...])) }
        reserve(1)
        put(Mark.quote)
    }

    /// How many bytes can be copied as they are. Looked at by words, of which the last overlaps the one before.
    private func plainPrefix(_ utf8: UnsafeRawBufferPointer) -> Int {
        let count = utf8.count
        if count >= 8 {
            var i = 0
            while true {
                let stops = stopBytes(utf8.loadUnaligned(fromByteOffset: i, as: UInt64.self).littleEndian)
                if stops != 0 { return i + stops.trailingZeroBitCount / 8 }
                guard i < count - 8 else { return count }
                i = Swift.min(i + 8, count - 8)
            }
        }
        var i = 0
        if count >= 4 {
            let word = UInt64(utf8.loadUnaligned(fromByteOffset: 0, as: UInt32.self).littleEndian)
            let last = UInt64(utf8.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self).littleEndian)
            if stopBytes(word | last << 32) == 0 { return count }
        }
        while i < count, utf8[i] >= 0x20, utf8[i] != Mark.quote, utf8[i] != Mark.backslash { i += 1 }
        return i
    }

    private mutating func writeEscaped(_ utf8: UnsafeRawBufferPointer) {
        reserve(utf8.count * 6 + 1)
        for byte in utf8 {
            switch byte {
            case Mark.quote, Mark.backslash: putEscape(byte)
            case 0x0a: putEscape(UInt8(ascii: "n"))
            case 0x0d: putEscape(UInt8(ascii: "r"))
            case 0x09: putEscape(UInt8(ascii: "t"))
            case 0x08: putEscape(UInt8(ascii: "b"))
            case 0x0c: putEscape(UInt8(ascii: "f"))
            case 0..<0x20:
                putEscape(UInt8(ascii: "u"))
                put(Mark.digitZero)
                put(Mark.digitZero)
                put(Mark.digitZero + byte >> 4)
                let low = byte & 15
                put(low < 10 ? Mark.digitZero + low : UInt8(ascii: "a") + low - 10)
            default: put(byte)
            }
        }
    }

    private mutating func putEscape(_ byte: UInt8) {
        put(Mark.backslash)
        put(byte)
    }

    mutating func writeInteger(_ magnitude: UInt64, isNegative: Bool) {
        reserve(20)
        if isNegative { put(UInt8(ascii: "-")) }
        var count = 1
        var rest = magnitude
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        rest = magnitude
        var place = position + count
        position = place
        repeat {
            place -= 1
            base.storeBytes(
                of: Mark.digitZero + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: place, as: UInt8.self)
            rest /= 10
        } while rest > 0
    }

    mutating func writeASCII(_ text: String) {
        reserve(text.utf8.count)
        for byte in text.utf8 { put(byte) }
    }

    mutating func writeBytes(_ bytes: [UInt8]) {
        reserve(bytes.count)
        bytes.withUnsafeBytes { (base + position).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        position += bytes.count
    }

    mutating func openBrace() { writeByte(Mark.brace) }
    mutating func closeBrace() { writeByte(Mark.braceClosing) }
    mutating func openBracket() { writeByte(Mark.bracket) }
    mutating func closeBracket() { writeByte(Mark.bracketClosing) }
    mutating func writeColon() { writeByte(Mark.colon) }
    mutating func separateMember() { if byteBefore != Mark.brace { writeByte(Mark.comma) } }
    mutating func separateElement() { if byteBefore != Mark.bracket { writeByte(Mark.comma) } }

    private mutating func writeByte(_ byte: UInt8) {
        reserve(1)
        put(byte)
    }

    /// Behind an opened object or list, or a value: there is always a byte before.
    private var byteBefore: UInt8 { base.load(fromByteOffset: position - 1, as: UInt8.self) }

    /// Only into reserved room.
    @inline(__always)
    private mutating func put(_ byte: UInt8) {
        base.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
        position += 1
    }

    @inline(__always)
    private mutating func reserve(_ count: Int) {
        if end - position < count { grow(by: count) }
    }

    @inline(never)
    private mutating func grow(by count: Int) {
        let capacity = Swift.max(end * 2, position + count)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
        larger.copyMemory(from: base, byteCount: position)
        base.deallocate()
        base = larger
        end = capacity
    }
}

/// The bytes that structure JSON.
enum Mark {
    static let quote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")
    static let brace = UInt8(ascii: "{")
    static let braceClosing = UInt8(ascii: "}")
    static let bracket = UInt8(ascii: "[")
    static let bracketClosing = UInt8(ascii: "]")
    static let colon = UInt8(ascii: ":")
    static let comma = UInt8(ascii: ",")
    static let digitZero = UInt8(ascii: "0")
}

/// The high bit of each byte that ends a run of plain string bytes: a quote, a backslash, a control character.
/// Exact up to and including the lowest one; `word` has the first byte lowest.
@inline(__always)
func stopBytes(_ word: UInt64) -> UInt64 {
    let quotes = word ^ 0x2222_2222_2222_2222
    let slashes = word ^ 0x5c5c_5c5c_5c5c_5c5c
    let low: UInt64 = 0x0101_0101_0101_0101
    let found =
        ((quotes &- low) & ~quotes) | ((slashes &- low) & ~slashes) | ((word &- 0x2020_2020_2020_2020) & ~word)
    return found & 0x8080_8080_8080_8080
}

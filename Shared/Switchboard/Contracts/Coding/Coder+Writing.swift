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
        copyShort(UnsafeRawPointer(key.utf8Start), count)
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
        let plain = copyPlain(utf8)
        if plain < utf8.count { writeEscaped(UnsafeRawBufferPointer(rebasing: utf8[plain...])) }
        reserve(1)
        put(Mark.quote)
    }

    /// Copies up to the first byte that needs an escape, by words, of which the last overlaps the one before. Into room
    /// for all.
    /// - Returns: how many bytes stand.
    @inline(__always)
    private mutating func copyPlain(_ utf8: UnsafeRawBufferPointer) -> Int {
        let count = utf8.count
        let place = base + position
        var plain = 0
        if count >= 8 {
            while true {
                let word = utf8.loadUnaligned(fromByteOffset: plain, as: UInt64.self)
                place.storeBytes(of: word, toByteOffset: plain, as: UInt64.self)
                let stops = stopBytes(word.littleEndian)
                if stops != 0 {
                    plain += stops.trailingZeroBitCount / 8
                    break
                }
                if plain >= count - 8 {
                    plain = count
                    break
                }
                plain = Swift.min(plain + 8, count - 8)
            }
        } else {
            while plain < count, utf8[plain] >= 0x20, utf8[plain] != Mark.quote, utf8[plain] != Mark.backslash {
                place.storeBytes(of: utf8[plain], toByteOffset: plain, as: UInt8.self)
                plain += 1
            }
        }
        position += plain
        return plain
    }

    /// Without a call, for what is seldom longer than two words.
    @inline(__always)
    private mutating func copyShort(_ bytes: UnsafeRawPointer, _ count: Int) {
        let place = base + position
        var done = 0
        while done + 8 <= count {
            place.storeBytes(
                of: bytes.loadUnaligned(fromByteOffset: done, as: UInt64.self), toByteOffset: done, as: UInt64.self)
            done += 8
        }
        if done + 4 <= count {
            place.storeBytes(
                of: bytes.loadUnaligned(fromByteOffset: done, as: UInt32.self), toByteOffset: done, as: UInt32.self)
            done += 4
        }
        while done < count {
            place.storeBytes(of: bytes.load(fromByteOffset: done, as: UInt8.self), toByteOffset: done, as: UInt8.self)
            done += 1
        }
        position += count
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
        reserve(21)
        if isNegative { put(UInt8(ascii: "-")) }
        position += digitCount(magnitude)
        var place = position
        var rest = magnitude
        while rest >= 10 {
            let (hundreds, pair) = rest.quotientAndRemainder(dividingBy: 100)
            place -= 2
            // Both digits at once: the higher one in the lower byte.
            let digits = UInt16(0x3030) + UInt16(pair / 10) + UInt16(pair % 10) << 8
            base.storeBytes(of: digits.littleEndian, toByteOffset: place, as: UInt16.self)
            rest = hundreds
            if hundreds == 0 { return }
        }
        base.storeBytes(of: Mark.digitZero + UInt8(rest), toByteOffset: place - 1, as: UInt8.self)
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

/// How many bytes `writeString` makes of a text, without its quotes.
func writtenCount(_ utf8: [UInt8]) -> Int {
    utf8.reduce(0) { count, byte in
        switch byte {
        case Mark.quote, Mark.backslash, 0x0a, 0x0d, 0x09, 0x08, 0x0c: count + 2
        case 0..<0x20: count + 6
        default: count + 1
        }
    }
}

private func digitCount(_ number: UInt64) -> Int {
    var count = 1
    var bound: UInt64 = 10
    while number >= bound {
        count += 1
        // Twenty digits are the most.
        if count == 20 { break }
        bound &*= 10
    }
    return count
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

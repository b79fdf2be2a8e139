/// Swift text without its comments and string literals, line for line: what is left is what the compiler acts on.
///
/// What stands in an interpolation is code and stays.
struct StrippedSource {
    private(set) var text: [UInt8] = []
    private let source: [UInt8]
    private var at = 0

    init(_ source: String) {
        self.source = Array(source.utf8)
        text.reserveCapacity(self.source.count)
        code(until: nil)
    }

    /// Copies code up to the end, or to the parenthesis that closes an interpolation.
    private mutating func code(until closing: UInt8?) {
        var depth = 0
        while at < source.count {
            if begins("//") {
                skipLine()
            } else if begins("/*") {
                skipBlock()
            } else if let hashes = hashesBeforeQuote() {
                skipString(hashes)
            } else {
                let byte = source[at]
                at += 1
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") {
                    if depth == 0, closing != nil { return }
                    depth -= 1
                }
                text.append(byte)
            }
        }
    }

    private func begins(_ word: StaticString) -> Bool {
        guard at + word.utf8CodeUnitCount <= source.count else { return false }
        return word.withUTF8Buffer { bytes in bytes.indices.allSatisfy { source[at + $0] == bytes[$0] } }
    }

    private mutating func skipLine() {
        while at < source.count, source[at] != UInt8(ascii: "\n") { at += 1 }
    }

    private mutating func skipBlock() {
        var depth = 0
        repeat {
            if begins("/*") {
                depth += 1
                at += 2
            } else if begins("*/") {
                depth -= 1
                at += 2
            } else {
                keepNewline()
                at += 1
            }
        } while depth > 0 && at < source.count
    }

    /// The number of `#` before the quote of a string that begins here; nil when none does.
    private func hashesBeforeQuote() -> Int? {
        var end = at
        while end < source.count, source[end] == UInt8(ascii: "#") { end += 1 }
        guard end < source.count, source[end] == UInt8(ascii: "\"") else { return nil }
        return end - at
    }

    private mutating func skipString(_ hashes: Int) {
        at += hashes
        let isLong = begins("\"\"\"")
        let quotes = isLong ? 3 : 1
        at += quotes
        text.append(UInt8(ascii: "\""))
        while at < source.count {
            if closes(quotes: quotes, hashes: hashes) {
                at += quotes + hashes
                break
            }
            if !isLong, source[at] == UInt8(ascii: "\n") { break }
            if source[at] == UInt8(ascii: "\\"), follows(hashes: hashes, at: at + 1) {
                at += 1 + hashes
                if at < source.count, source[at] == UInt8(ascii: "(") {
                    at += 1
                    text.append(UInt8(ascii: " "))
                    code(until: UInt8(ascii: ")"))
                    text.append(UInt8(ascii: " "))
                    continue
                }
            }
            keepNewline()
            at += 1
        }
        text.append(UInt8(ascii: "\""))
    }

    private func closes(quotes: Int, hashes: Int) -> Bool {
        guard at + quotes + hashes <= source.count else { return false }
        return (0..<quotes).allSatisfy { source[at + $0] == UInt8(ascii: "\"") }
            && follows(hashes: hashes, at: at + quotes)
    }

    private func follows(hashes: Int, at start: Int) -> Bool {
        guard start + hashes <= source.count else { return false }
        return (0..<hashes).allSatisfy { source[start + $0] == UInt8(ascii: "#") }
    }

    private mutating func keepNewline() {
        if at < source.count, source[at] == UInt8(ascii: "\n") { text.append(UInt8(ascii: "\n")) }
    }
}

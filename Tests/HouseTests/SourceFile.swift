/// One file: its text, and for Swift the words that are neither comment nor string.
struct SourceFile {
    struct Word: Equatable {
        let text: String
        let line: Int
        /// No blank before it on its line: nothing encloses it.
        let column: Int
        /// The byte after the word, blanks left out; 0 at the end.
        let next: UInt8
        /// No blank between the word and that byte: `try!`, not `try !isOver`.
        let isNextAdjacent: Bool
    }

    struct Declaration {
        let name: String
        let line: Int
        /// Not inside another type, and not private to its file: other rooms could name it.
        let isWithinReach: Bool
    }

    let path: String
    let text: String
    let words: [Word]
    /// The modules it imports, each with its line.
    let imports: [Word]
    /// The types it declares.
    let declared: [Declaration]
    let lineCount: Int

    init(path: String, text: String) {
        self.path = path
        self.text = text
        words = path.hasSuffix(".swift") ? Self.words(of: StrippedSource(text).text) : []
        imports = Self.imports(among: words)
        declared = Self.declared(among: words)
        lineCount = text.utf8.reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    var room: Room? { Room.allCases.first { isUnder($0.folder) } }

    func isUnder(_ folders: String...) -> Bool { folders.contains { path.hasPrefix($0 + "/") } }

    private static func imports(among words: [Word]) -> [Word] {
        let kinds: Set = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        return words.indices.filter { words[$0].text == "import" && $0 + 1 < words.count }.map { at in
            kinds.contains(words[at + 1].text) && at + 2 < words.count ? words[at + 2] : words[at + 1]
        }
    }

    private static func declared(among words: [Word]) -> [Declaration] {
        let kinds: Set = ["struct", "class", "enum", "protocol", "actor", "typealias"]
        return words.indices.dropLast().filter { at in
            // `class func` and `class var` declare no type; `import struct` neither.
            kinds.contains(words[at].text) && words[at + 1].text != "func" && words[at + 1].text != "var"
                && (at == 0 || words[at - 1].text != "import")
        }.map { at in
            let first = words[..<at].lastIndex { $0.line != words[at].line }.map { $0 + 1 } ?? 0
            let isPrivate = words[first..<at].contains { $0.text == "private" || $0.text == "fileprivate" }
            return Declaration(
                name: words[at + 1].text, line: words[at].line,
                isWithinReach: words[first].column == 0 && !isPrivate)
        }
    }

    /// The words in a text, each with its place.
    static func words(of bytes: [UInt8]) -> [Word] {
        var words: [Word] = []
        var line = 1
        var lineStart = 0
        var at = 0
        while at < bytes.count {
            if isLetter(bytes[at]) {
                let start = at
                while at < bytes.count, isLetter(bytes[at]) { at += 1 }
                var next = at
                while next < bytes.count, bytes[next] == UInt8(ascii: " ") { next += 1 }
                words.append(
                    Word(
                        text: String(decoding: bytes[start..<at], as: UTF8.self), line: line,
                        column: indentation(bytes, lineStart, start), next: next < bytes.count ? bytes[next] : 0,
                        isNextAdjacent: next == at))
            } else {
                if bytes[at] == UInt8(ascii: "\n") {
                    line += 1
                    lineStart = at + 1
                }
                at += 1
            }
        }
        return words
    }

    /// Bytes between the start of the line and the word.
    private static func indentation(_ bytes: [UInt8], _ lineStart: Int, _ start: Int) -> Int {
        // `@attribute struct` at the start of a line begins with the sign, not with its word.
        start > lineStart && bytes[lineStart] == UInt8(ascii: "@") ? start - lineStart - 1 : start - lineStart
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...: true
        default: false
        }
    }
}

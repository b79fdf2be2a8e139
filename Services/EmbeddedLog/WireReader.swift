/// The request is not what its version says; its connection is closed.
struct WireFailure: Error, CustomStringConvertible {
    let what: StaticString
    let position: Int
    var description: String { "\(what) at byte \(position)" }
}

/// Reads one request from its start to its end, in the protocol's classic encoding: big-endian numbers, strings and
/// arrays behind their counts. Every count is checked against the bytes that are left before anything is made of it.
struct WireReader {
    private(set) var bytes: [UInt8]
    private(set) var position: Int
    private var partsLeft: Int

    /// - Parameter partsMax: elements of all its arrays; more are refused.
    init(_ bytes: [UInt8], from position: Int = 0, partsMax: Int = .max) {
        self.bytes = bytes
        self.position = position
        partsLeft = partsMax
    }

    var isAtEnd: Bool { position == bytes.count }

    /// - Throws: when something follows that no such request has.
    func end() throws(WireFailure) {
        guard isAtEnd else { throw failure("bytes behind the request's end") }
    }

    /// Hands the bytes over, so that they can be changed in place; the reader is empty from here on.
    mutating func takeBytes() -> [UInt8] {
        position = 0
        let taken = bytes
        bytes = []
        return taken
    }

    // MARK: numbers

    mutating func int8() throws(WireFailure) -> Int8 {
        Int8(bitPattern: bytes[try advance(by: 1)])
    }

    mutating func bool() throws(WireFailure) -> Bool { try int8() != 0 }

    mutating func int16() throws(WireFailure) -> Int16 {
        let at = try advance(by: 2)
        return Int16(bitPattern: UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1]))
    }

    mutating func int32() throws(WireFailure) -> Int32 { BigEndian.int32(bytes, at: try advance(by: 4)) }

    mutating func int64() throws(WireFailure) -> Int64 { BigEndian.int64(bytes, at: try advance(by: 8)) }

    // MARK: what has a length

    mutating func string() throws(WireFailure) -> String {
        guard let text = try nullableString() else { throw failure("a string that may not be null") }
        return text
    }

    mutating func nullableString() throws(WireFailure) -> String? {
        let count = Int(try int16())
        guard count >= 0 else {
            guard count == -1 else { throw failure("a negative length") }
            return nil
        }
        let at = try advance(by: count)
        guard let text = String(validating: bytes[at..<at + count], as: UTF8.self) else {
            throw failure("a string that is not UTF-8")
        }
        return text
    }

    /// Where the bytes are; nil where they are null.
    mutating func nullableBytes() throws(WireFailure) -> Range<Int>? {
        let count = Int(try int32())
        guard count >= 0 else {
            guard count == -1 else { throw failure("a negative length") }
            return nil
        }
        let at = try advance(by: count)
        return at..<at + count
    }

    /// In the encoding of flexible versions, which ApiVersions alone has here: text behind its length and one.
    mutating func skipCompactString() throws(WireFailure) {
        let count = try unsignedVarint()
        guard count > 0 else { throw failure("a string that may not be null") }
        _ = try advance(by: count - 1)
    }

    /// Fields that a flexible version may have besides those it is known for.
    mutating func skipTaggedFields() throws(WireFailure) {
        for _ in 0..<(try unsignedVarint()) {
            _ = try unsignedVarint()
            _ = try advance(by: try unsignedVarint())
        }
    }

    private mutating func unsignedVarint() throws(WireFailure) -> Int {
        var value = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            let byte = Int(UInt8(bitPattern: try int8()))
            value |= (byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw failure("a number that does not end")
    }

    mutating func bytesValue() throws(WireFailure) -> [UInt8] {
        guard let range = try nullableBytes() else { throw failure("bytes that may not be null") }
        return Array(bytes[range])
    }

    /// - Parameter itemBytesMin: the least an element takes; more elements than could be there are refused.
    mutating func count(itemBytesMin: Int) throws(WireFailure) -> Int {
        guard let count = try nullableCount(itemBytesMin: itemBytesMin) else {
            throw failure("an array that may not be null")
        }
        return count
    }

    mutating func nullableCount(itemBytesMin: Int) throws(WireFailure) -> Int? {
        let count = Int(try int32())
        guard count >= 0 else {
            guard count == -1 else { throw failure("a negative count") }
            return nil
        }
        guard count * itemBytesMin <= bytes.count - position else { throw failure("more elements than bytes") }
        guard count <= partsLeft else { throw failure("more parts than a request may have") }
        partsLeft -= count
        return count
    }

    mutating func int32s() throws(WireFailure) -> [Int32] {
        let count = try count(itemBytesMin: 4)
        var values: [Int32] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try int32()) }
        return values
    }

    /// Each name once, in the order in which they came first.
    mutating func distinctStrings() throws(WireFailure) -> [String] { Self.distinct(try strings()) }

    static func distinct<Name: Hashable>(_ names: [Name]) -> [Name] {
        var seen: Set<Name> = []
        return names.filter { seen.insert($0).inserted }
    }

    mutating func strings() throws(WireFailure) -> [String] {
        let count = try count(itemBytesMin: 2)
        var values: [String] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try string()) }
        return values
    }

    private mutating func advance(by count: Int) throws(WireFailure) -> Int {
        guard count <= bytes.count - position else { throw failure("the request ends early") }
        defer { position += count }
        return position
    }

    private func failure(_ what: StaticString) -> WireFailure { WireFailure(what: what, position: position) }
}

/// Numbers at a place in bytes. The place must be inside.
enum BigEndian {
    static func int16(_ bytes: [UInt8], at position: Int) -> Int16 {
        bytes.withUnsafeBytes { Int16(bigEndian: $0.loadUnaligned(fromByteOffset: position, as: Int16.self)) }
    }

    static func int32(_ bytes: [UInt8], at position: Int) -> Int32 {
        bytes.withUnsafeBytes { Int32(bigEndian: $0.loadUnaligned(fromByteOffset: position, as: Int32.self)) }
    }

    static func int64(_ bytes: [UInt8], at position: Int) -> Int64 {
        bytes.withUnsafeBytes { Int64(bigEndian: $0.loadUnaligned(fromByteOffset: position, as: Int64.self)) }
    }

    static func store(_ value: some FixedWidthInteger, in bytes: inout [UInt8], at position: Int) {
        precondition(position + value.bitWidth / 8 <= bytes.count)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: position, as: type(of: value)) }
    }
}

/// Writes one answer, or one record of a file, in the encoding that `WireReader` reads.
struct WireWriter {
    var bytes: [UInt8] = []

    mutating func int8(_ value: Int8) { bytes.append(UInt8(bitPattern: value)) }
    mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }
    mutating func int16(_ value: Int16) { append(value) }
    mutating func int32(_ value: Int32) { append(value) }
    mutating func int64(_ value: Int64) { append(value) }
    mutating func uint32(_ value: UInt32) { append(value) }
    mutating func error(_ code: ErrorCode) { append(code.rawValue) }
    mutating func count(_ value: Int) { append(Int32(value)) }

    /// What is longer than a length can say is cut: only names of our own making could be, and none is.
    mutating func string(_ text: String) {
        let utf8 = text.utf8.prefix(Int(Int16.max))
        append(Int16(utf8.count))
        bytes.append(contentsOf: utf8)
    }

    mutating func nullableString(_ text: String?) {
        if let text { string(text) } else { append(Int16(-1)) }
    }

    mutating func bytesValue(_ value: [UInt8]) {
        append(Int32(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func int32s(_ values: [Int32]) {
        count(values.count)
        for value in values { int32(value) }
    }

    /// Writes a number that is known later over the zero that holds its place.
    mutating func set(_ value: Int32, at position: Int) { BigEndian.store(value, in: &bytes, at: position) }

    mutating func setError(_ code: ErrorCode, at position: Int) {
        BigEndian.store(code.rawValue, in: &bytes, at: position)
    }

    private mutating func append<Number: FixedWidthInteger>(_ value: Number) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

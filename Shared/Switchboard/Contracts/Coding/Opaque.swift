/// The bytes of one JSON value that is only passed on: checked once, never decoded, and written as they came.
///
/// Checked are form, UTF-8, depth and size; not whether an object inside names a member twice.
package struct Opaque: Hashable, Sendable {
    package private(set) var bytes: [UInt8]

    package static let null = Opaque(trusting: Array("null".utf8))

    package init() { self = .null }

    /// - Throws: `malformed`, `badUTF8`, `tooDeep`, `tooLarge`; also where something follows the value.
    package init(checking bytes: [UInt8], limits: CodingLimits = .standard) throws(CodingFailure) {
        guard bytes.count <= limits.bytes else { throw CodingFailure(.tooLarge) }
        self = try bytes.withUnsafeBufferPointer { (buffer) throws(CodingFailure) -> Opaque in
            var coder = Coder(reading: UnsafeRawBufferPointer(buffer), limits: limits)
            coder.skipSpace()
            let value = try coder.readOpaque(max: limits.bytes)
            try coder.expectEnd()
            return value
        }
    }

    /// A message to be carried as it is.
    package init(_ message: some Message) { bytes = message.encoded() }

    init(trusting bytes: [UInt8]) { self.bytes = bytes }
}

/// Bytes that are not the message they should be; says where and what, in words that can be shown to whoever sent them.
package struct CodingFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: String, Hashable, Sendable, CaseIterable {
        /// A required member is not there.
        case missing
        /// A value of another JSON type; also a fraction or an exponent where an integer should be.
        case wrongType
        /// A string or a list beyond its limit.
        case tooLong
        case tooDeep
        /// The whole message, or an opaque value, beyond its limit.
        case tooLarge
        /// Not JSON.
        case malformed
        /// Not UTF-8, or half of a surrogate pair.
        case badUTF8
        case duplicateKey
        /// A number that the type cannot hold.
        case outOfRange
        /// A word or number that is none of those this member may have.
        case unknownValue
    }

    /// The member, as `data.callees[2].userId`; empty for the message as a whole.
    package var path: String
    package var problem: Problem

    package init(_ problem: Problem, path: String = "") {
        self.problem = problem
        self.path = path
    }

    package var description: String { path.isEmpty ? problem.rawValue : "\(path): \(problem.rawValue)" }

    /// The same failure seen from the object that holds `key`.
    func under(_ key: StaticString) -> CodingFailure { under(key.description) }

    func under(_ key: String) -> CodingFailure {
        let isDirect = path.isEmpty || path.utf8.first == UInt8(ascii: "[")
        return CodingFailure(problem, path: isDirect ? key + path : key + "." + path)
    }

    /// The same failure seen from the list whose element failed.
    func at(_ index: Int) -> CodingFailure { under("[\(index)]") }
}

/// What reading accepts at most, whatever the message says; a member may set a `max` of its own.
package struct CodingLimits: Hashable, Sendable {
    /// Bytes of the whole message.
    package var bytes: Int
    /// Objects and lists inside one another, the message itself being the first.
    package var depth: Int
    /// UTF-8 bytes of a string without a `max` of its own.
    package var stringLength: Int
    /// Elements of a list, or members of a table, without a `countMax` of its own.
    package var count: Int

    package init(
        bytes: Int = 1_048_576, depth: Int = 32, stringLength: Int = 65_536, count: Int = 10_000
    ) {
        self.bytes = bytes
        self.depth = depth
        self.stringLength = stringLength
        self.count = count
    }

    package static let standard = CodingLimits()

    /// What JSON makes of a text may be so many times its limit: quotes, backslashes and line ends take two bytes, and
    /// pass; of other control characters, which take six, only few do. So a record is never much longer than its texts.
    package static let writtenPerRead = 2
}

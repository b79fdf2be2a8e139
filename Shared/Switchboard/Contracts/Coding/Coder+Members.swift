/// The visits. `max` limits the UTF-8 bytes of each string, `countMax` the elements; without them `CodingLimits` hold.
///
/// Required: missing is a failure, and so is null. Optional: missing and null are nil, and nil is not written.
/// Lists and tables: missing leaves the value as it is.
extension Coder {
    // MARK: required

    package mutating func callAsFunction(
        _ key: StaticString, _ v: inout String, max: Int? = nil
    ) throws(CodingFailure) { try required(key, &v, TextSpelling.self, max) }

    package mutating func callAsFunction<V: PlainSpelling>(
        _ key: StaticString, _ v: inout V
    ) throws(CodingFailure) { try required(key, &v, V.self, nil) }

    package mutating func callAsFunction(
        _ key: StaticString, _ v: inout Opaque, max: Int? = nil
    ) throws(CodingFailure) { try required(key, &v, OpaqueSpelling.self, max) }

    package mutating func callAsFunction<V: Identifier>(
        _ key: StaticString, _ v: inout V, max: Int? = nil
    ) throws(CodingFailure) { try required(key, &v, IdentifierSpelling<V>.self, max) }

    package mutating func callAsFunction<V: RawRepresentable>(
        _ key: StaticString, _ v: inout V
    ) throws(CodingFailure) where V.RawValue == String { try required(key, &v, WordSpelling<V>.self, nil) }

    package mutating func callAsFunction<V: RawRepresentable>(
        _ key: StaticString, _ v: inout V
    ) throws(CodingFailure) where V.RawValue == Int { try required(key, &v, NumberSpelling<V>.self, nil) }

    package mutating func callAsFunction<V: Message>(
        _ key: StaticString, _ v: inout V
    ) throws(CodingFailure) { try required(key, &v, MessageSpelling<V>.self, nil) }

    // MARK: optional

    package mutating func callAsFunction(
        _ key: StaticString, _ v: inout String?, max: Int? = nil
    ) throws(CodingFailure) { try optional(key, &v, TextSpelling.self, max) }

    package mutating func callAsFunction<V: PlainSpelling>(
        _ key: StaticString, _ v: inout V?
    ) throws(CodingFailure) { try optional(key, &v, V.self, nil) }

    package mutating func callAsFunction(
        _ key: StaticString, _ v: inout Opaque?, max: Int? = nil
    ) throws(CodingFailure) { try optional(key, &v, OpaqueSpelling.self, max) }

    package mutating func callAsFunction<V: Identifier>(
        _ key: StaticString, _ v: inout V?, max: Int? = nil
    ) throws(CodingFailure) { try optional(key, &v, IdentifierSpelling<V>.self, max) }

    package mutating func callAsFunction<V: RawRepresentable>(
        _ key: StaticString, _ v: inout V?
    ) throws(CodingFailure) where V.RawValue == String { try optional(key, &v, WordSpelling<V>.self, nil) }

    package mutating func callAsFunction<V: RawRepresentable>(
        _ key: StaticString, _ v: inout V?
    ) throws(CodingFailure) where V.RawValue == Int { try optional(key, &v, NumberSpelling<V>.self, nil) }

    package mutating func callAsFunction<V: Message>(
        _ key: StaticString, _ v: inout V?
    ) throws(CodingFailure) { try optional(key, &v, MessageSpelling<V>.self, nil) }

    // MARK: lists

    package mutating func callAsFunction(
        _ key: StaticString, _ v: inout [String], max: Int? = nil, countMax: Int? = nil
    ) throws(CodingFailure) { try list(key, &v, TextSpelling.self, max, countMax) }

    package mutating func callAsFunction<V: PlainSpelling>(
        _ key: StaticString, _ v: inout [V], countMax: Int? = nil
    ) throws(CodingFailure) { try list(key, &v, V.self, nil, countMax) }

    package mutating func callAsFunction(
        _ key: StaticString, _ v: inout [Opaque], max: Int? = nil, countMax: Int? = nil
    ) throws(CodingFailure) { try list(key, &v, OpaqueSpelling.self, max, countMax) }

    package mutating func callAsFunction<V: Identifier>(
        _ key: StaticString, _ v: inout [V], max: Int? = nil, countMax: Int? = nil
    ) throws(CodingFailure) { try list(key, &v, IdentifierSpelling<V>.self, max, countMax) }

    package mutating func callAsFunction<V: RawRepresentable>(
        _ key: StaticString, _ v: inout [V], countMax: Int? = nil
    ) throws(CodingFailure) where V.RawValue == String { try list(key, &v, WordSpelling<V>.self, nil, countMax) }

    package mutating func callAsFunction<V: RawRepresentable>(
        _ key: StaticString, _ v: inout [V], countMax: Int? = nil
    ) throws(CodingFailure) where V.RawValue == Int { try list(key, &v, NumberSpelling<V>.self, nil, countMax) }

    package mutating func callAsFunction<V: Message>(
        _ key: StaticString, _ v: inout [V], countMax: Int? = nil
    ) throws(CodingFailure) { try list(key, &v, MessageSpelling<V>.self, nil, countMax) }

    // MARK: optional lists

    package mutating func callAsFunction(
        _ key: StaticString, _ v: inout [String]?, max: Int? = nil, countMax: Int? = nil
    ) throws(CodingFailure) { try optional(key, &v, ListSpelling<TextSpelling>.self, max, countMax) }

    package mutating func callAsFunction<V: Identifier>(
        _ key: StaticString, _ v: inout [V]?, max: Int? = nil, countMax: Int? = nil
    ) throws(CodingFailure) { try optional(key, &v, ListSpelling<IdentifierSpelling<V>>.self, max, countMax) }

    package mutating func callAsFunction<V: Message>(
        _ key: StaticString, _ v: inout [V]?, countMax: Int? = nil
    ) throws(CodingFailure) { try optional(key, &v, ListSpelling<MessageSpelling<V>>.self, nil, countMax) }

    // MARK: tables, as objects whose keys are data; written in the order of their keys

    package mutating func callAsFunction(
        _ key: StaticString, _ v: inout [String: String], max: Int? = nil, countMax: Int? = nil
    ) throws(CodingFailure) { try table(key, &v, TextSpelling.self, max, countMax) }

    package mutating func callAsFunction<V: PlainSpelling>(
        _ key: StaticString, _ v: inout [String: V], countMax: Int? = nil
    ) throws(CodingFailure) { try table(key, &v, V.self, nil, countMax) }

    package mutating func callAsFunction<V: Message>(
        _ key: StaticString, _ v: inout [String: V], countMax: Int? = nil
    ) throws(CodingFailure) { try table(key, &v, MessageSpelling<V>.self, nil, countMax) }
}

/// What a member does in both directions, for whatever its value's spelling is. What goes wrong while it is looked for
/// is not its own failure.
extension Coder {
    @inline(__always)
    private mutating func required<S: Spelling>(
        _ key: StaticString, _ v: inout S.Value, _: S.Type, _ max: Int?
    ) throws(CodingFailure) {
        if isReading {
            guard try seek(key) else { throw CodingFailure(.missing).under(key) }
        }
        try member(key, &v, S.self, max, nil)
    }

    @inline(__always)
    private mutating func optional<S: Spelling>(
        _ key: StaticString, _ v: inout S.Value?, _: S.Type, _ max: Int?, _ countMax: Int? = nil
    ) throws(CodingFailure) {
        if isReading {
            guard try seekIfThere(key) else {
                v = nil
                return
            }
            do throws(CodingFailure) {
                v = try readNull() ? nil : S.read(&self, max, countMax)
                try endMember()
            } catch {
                throw error.under(key)
            }
        } else if v != nil {
            try member(key, &v!, S.self, max, countMax)
        }
    }

    @inline(__always)
    private mutating func list<S: Spelling>(
        _ key: StaticString, _ v: inout [S.Value], _: S.Type, _ max: Int?, _ countMax: Int?
    ) throws(CodingFailure) {
        if isReading {
            guard try seekIfThere(key) else { return }
        }
        try member(key, &v, ListSpelling<S>.self, max, countMax)
    }

    @inline(__always)
    private mutating func table<S: Spelling>(
        _ key: StaticString, _ v: inout [String: S.Value], _: S.Type, _ max: Int?, _ countMax: Int?
    ) throws(CodingFailure) {
        if isReading {
            guard try seekIfThere(key) else { return }
        }
        try member(key, &v, TableSpelling<S>.self, max, countMax)
    }

    /// Reads the value that was found, or writes key and value.
    @inline(__always)
    private mutating func member<S: Spelling>(
        _ key: StaticString, _ v: inout S.Value, _: S.Type, _ max: Int?, _ countMax: Int?
    ) throws(CodingFailure) {
        do throws(CodingFailure) {
            if isReading {
                v = try S.read(&self, max, countMax)
                try endMember()
            } else {
                writeKey(key)
                try S.write(&v, &self)
            }
        } catch {
            throw error.under(key)
        }
    }
}

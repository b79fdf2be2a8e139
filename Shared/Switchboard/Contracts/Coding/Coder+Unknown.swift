/// Members that no visit has asked for, as they came: keys and values between their commas.
package struct UnknownMembers: Hashable, Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package var isEmpty: Bool { bytes.isEmpty }

    fileprivate mutating func add(_ member: UnsafeRawBufferPointer) {
        if !bytes.isEmpty { bytes.append(Mark.comma) }
        bytes.append(contentsOf: member)
    }
}

extension Coder {
    /// Keeps what is left of the open object, and writes it behind the members visited before. The last visit of an
    /// object.
    package mutating func rest(_ v: inout UnknownMembers) throws(CodingFailure) {
        guard isReading else {
            if v.isEmpty { return }
            separateMember()
            return writeBytes(v.bytes)
        }
        v = UnknownMembers()
        try passTheRest()
        guard object.passedUnread > 0 else { return }
        let behind = position
        for member in passed[object.passedFirst...] where !member.isRead {
            position = member.value
            try skipValue()
            // The key with its quotes, and what stands between it and the value.
            let start = member.key.start - 1
            v.add(UnsafeRawBufferPointer(start: base + start, count: position - start))
        }
        position = behind
    }

    /// Visits a flag that is written only where it is set.
    package mutating func whereTrue(_ key: StaticString, _ v: inout Bool) throws(CodingFailure) {
        var flag: Bool? = v ? true : nil
        try self(key, &flag)
        v = flag ?? false
    }

    /// Visits a list that is written only where something is in it.
    package mutating func whereAny<V: Identifier>(
        _ key: StaticString, _ v: inout [V], max: Int? = nil, countMax: Int? = nil
    ) throws(CodingFailure) {
        var list: [V]? = v.isEmpty ? nil : v
        try self(key, &list, max: max, countMax: countMax)
        v = list ?? []
    }
}

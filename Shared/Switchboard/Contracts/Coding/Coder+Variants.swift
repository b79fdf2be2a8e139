/// Enums whose cases carry a payload: the case's name is a member of the object that holds the payload's members too.
extension Coder {
    /// Reads a payload from the members of the open object.
    package mutating func inline<P: Message>(_: P.Type = P.self) throws(CodingFailure) -> P {
        var payload = P()
        try payload.fields(&self)
        return payload
    }

    /// Writes the case's name, and its payload's members beside it.
    package mutating func write<P: Message>(
        _ key: StaticString, _ name: some RawRepresentable<String>, _ payload: P
    ) throws(CodingFailure) {
        try write(key, name)
        var payload = payload
        try payload.fields(&self)
    }

    /// Writes the name of a case without a payload.
    package mutating func write(
        _ key: StaticString, _ name: some RawRepresentable<String>
    ) throws(CodingFailure) {
        var name = name
        try self(key, &name)
    }
}

extension Int32: PlainSpelling {
    package static func read(_ c: inout Coder, _: Int?, _: Int?) throws(CodingFailure) -> Int32 {
        guard let value = Int32(exactly: try Int64.read(&c, nil, nil)) else { throw CodingFailure(.outOfRange) }
        return value
    }
    package static func write(_ value: inout Int32, _ c: inout Coder) {
        c.writeInteger(UInt64(value.magnitude), isNegative: value < 0)
    }
}

extension Duration {
    /// Visits a duration as whole milliseconds; the key says so by its ending `Ms`.
    package mutating func milliseconds(_ c: inout Coder, _ key: StaticString) throws(CodingFailure) {
        var number = milliseconds
        try c(key, &number)
        self = .milliseconds(number)
    }
}

/// How one value stands in JSON, without its key.
package protocol Spelling {
    associatedtype Value
    /// Reads the value at the coder's position and leaves the position behind it.
    static func read(_ c: inout Coder, _ max: Int?, _ countMax: Int?) throws(CodingFailure) -> Value
    static func write(_ value: inout Value, _ c: inout Coder) throws(CodingFailure)
}

/// A type that is its own spelling and has no length.
package protocol PlainSpelling: Spelling where Value == Self {}

extension Int64: PlainSpelling {
    package static func read(_ c: inout Coder, _: Int?, _: Int?) throws(CodingFailure) -> Int64 {
        let (magnitude, isNegative) = try c.readInteger()
        if magnitude <= UInt64(Int64.max) { return isNegative ? -Int64(magnitude) : Int64(magnitude) }
        if isNegative && magnitude == Int64.min.magnitude { return Int64.min }
        throw CodingFailure(.outOfRange)
    }
    package static func write(_ value: inout Int64, _ c: inout Coder) {
        c.writeInteger(value.magnitude, isNegative: value < 0)
    }
}

extension Int: PlainSpelling {
    package static func read(_ c: inout Coder, _: Int?, _: Int?) throws(CodingFailure) -> Int {
        guard let value = Int(exactly: try Int64.read(&c, nil, nil)) else { throw CodingFailure(.outOfRange) }
        return value
    }
    package static func write(_ value: inout Int, _ c: inout Coder) {
        c.writeInteger(UInt64(value.magnitude), isNegative: value < 0)
    }
}

extension UInt64: PlainSpelling {
    package static func read(_ c: inout Coder, _: Int?, _: Int?) throws(CodingFailure) -> UInt64 {
        let (magnitude, isNegative) = try c.readInteger()
        guard !isNegative || magnitude == 0 else { throw CodingFailure(.outOfRange) }
        return magnitude
    }
    package static func write(_ value: inout UInt64, _ c: inout Coder) {
        c.writeInteger(value, isNegative: false)
    }
}

extension Bool: PlainSpelling {
    package static func read(_ c: inout Coder, _: Int?, _: Int?) throws(CodingFailure) -> Bool { try c.readBool() }
    package static func write(_ value: inout Bool, _ c: inout Coder) { c.writeASCII(value ? "true" : "false") }
}

extension Double: PlainSpelling {
    package static func read(_ c: inout Coder, _: Int?, _: Int?) throws(CodingFailure) -> Double {
        try c.readDouble()
    }
    package static func write(_ value: inout Double, _ c: inout Coder) {
        precondition(value.isFinite, "JSON has no infinity and no NaN")
        c.writeASCII(value.description)
    }
}

extension Timestamp: PlainSpelling {
    package static func read(_ c: inout Coder, _: Int?, _: Int?) throws(CodingFailure) -> Timestamp {
        Timestamp(milliseconds: try Int64.read(&c, nil, nil))
    }
    package static func write(_ value: inout Timestamp, _ c: inout Coder) {
        c.writeInteger(value.milliseconds.magnitude, isNegative: value.milliseconds < 0)
    }
}

enum TextSpelling: Spelling {
    static func read(_ c: inout Coder, _ max: Int?, _: Int?) throws(CodingFailure) -> String {
        try c.readString(max: max ?? c.limits.stringLength)
    }
    static func write(_ value: inout String, _ c: inout Coder) { c.writeString(value) }
}

enum OpaqueSpelling: Spelling {
    static func read(_ c: inout Coder, _ max: Int?, _: Int?) throws(CodingFailure) -> Opaque {
        try c.readOpaque(max: max ?? c.limits.bytes)
    }
    static func write(_ value: inout Opaque, _ c: inout Coder) { c.writeBytes(value.bytes) }
}

enum IdentifierSpelling<Value: Identifier>: Spelling {
    static func read(_ c: inout Coder, _ max: Int?, _: Int?) throws(CodingFailure) -> Value {
        Value(try c.readString(max: max ?? c.limits.stringLength))
    }
    static func write(_ value: inout Value, _ c: inout Coder) { c.writeString(value.text) }
}

/// A word of a list of words.
enum WordSpelling<Value: RawRepresentable>: Spelling where Value.RawValue == String {
    static func read(_ c: inout Coder, _: Int?, _: Int?) throws(CodingFailure) -> Value {
        guard let value = Value(rawValue: try c.readString(max: c.limits.stringLength)) else {
            throw CodingFailure(.unknownValue)
        }
        return value
    }
    static func write(_ value: inout Value, _ c: inout Coder) { c.writeString(value.rawValue) }
}

/// A number of a list of numbers.
enum NumberSpelling<Value: RawRepresentable>: Spelling where Value.RawValue == Int {
    static func read(_ c: inout Coder, _: Int?, _: Int?) throws(CodingFailure) -> Value {
        guard let value = Value(rawValue: try Int.read(&c, nil, nil)) else { throw CodingFailure(.unknownValue) }
        return value
    }
    static func write(_ value: inout Value, _ c: inout Coder) {
        var number = value.rawValue
        Int.write(&number, &c)
    }
}

enum MessageSpelling<Value: Message>: Spelling {
    static func read(_ c: inout Coder, _: Int?, _: Int?) throws(CodingFailure) -> Value { try c.readMessage() }
    static func write(_ value: inout Value, _ c: inout Coder) throws(CodingFailure) {
        c.openBrace()
        try value.fields(&c)
        c.closeBrace()
    }
}

enum ListSpelling<Element: Spelling>: Spelling {
    static func read(_ c: inout Coder, _ max: Int?, _ countMax: Int?) throws(CodingFailure) -> [Element.Value] {
        let countMax = countMax ?? c.limits.count
        var list: [Element.Value] = []
        guard try c.enterList() else { return list }
        repeat {
            guard list.count < countMax else { throw CodingFailure(.tooLong) }
            do throws(CodingFailure) {
                list.append(try Element.read(&c, max, nil))
            } catch {
                throw error.at(list.count)
            }
        } while try c.moveToNextElement()
        return list
    }

    static func write(_ value: inout [Element.Value], _ c: inout Coder) throws(CodingFailure) {
        c.openBracket()
        for element in value {
            var element = element
            c.separateElement()
            try Element.write(&element, &c)
        }
        c.closeBracket()
    }
}

/// Keys count as strings, with the same limit as the values.
enum TableSpelling<Element: Spelling>: Spelling {
    static func read(
        _ c: inout Coder, _ max: Int?, _ countMax: Int?
    ) throws(CodingFailure) -> [String: Element.Value] {
        let countMax = countMax ?? c.limits.count
        var table: [String: Element.Value] = [:]
        let outer = try c.enterObject()
        while !c.object.isClosed {
            guard table.count < countMax else { throw CodingFailure(.tooLong) }
            let key = try c.readString(max: max ?? c.limits.stringLength)
            try c.passColon()
            do throws(CodingFailure) {
                guard table.updateValue(try Element.read(&c, max, nil), forKey: key) == nil else {
                    throw CodingFailure(.duplicateKey)
                }
            } catch {
                throw error.under(key)
            }
            try c.endMember()
        }
        c.returnTo(outer)
        return table
    }

    static func write(_ value: inout [String: Element.Value], _ c: inout Coder) throws(CodingFailure) {
        c.openBrace()
        for (key, element) in value.sorted(by: { $0.key < $1.key }) {
            var element = element
            c.separateMember()
            c.writeString(key)
            c.writeColon()
            try Element.write(&element, &c)
        }
        c.closeBrace()
    }
}

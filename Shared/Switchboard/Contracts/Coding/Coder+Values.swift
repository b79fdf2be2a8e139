/// Reading the value at the position; each leaves the position behind it.
extension Coder {
    mutating func readString(max: Int) throws(CodingFailure) -> String {
        let extent = try scanString()
        // Escaped, a string is at most six times as long as what it says.
        guard extent.count <= (extent.hasEscapes ? max.multipliedClamped(by: 6) : max) else {
            throw CodingFailure(.tooLong)
        }
        if extent.hasEscapes {
            let bytes = unescaped(extent)
            guard bytes.count <= max, writtenCount(bytes) <= max.multipliedClamped(by: CodingLimits.writtenPerRead)
            else {
                throw CodingFailure(.tooLong)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        let buffer = UnsafeRawBufferPointer(start: base + extent.start, count: extent.count)
        // `scanString` has checked what is not ASCII.
        return buffer.withMemoryRebound(to: UInt8.self) {
            String(copying: UTF8Span(unchecked: $0.span, isKnownASCII: extent.isASCII))
        }
    }

    /// Exactly; a fraction or an exponent is no integer, whatever its value.
    mutating func readInteger() throws(CodingFailure) -> (magnitude: UInt64, isNegative: Bool) {
        var i = position
        let isNegative = byte == UInt8(ascii: "-")
        if isNegative { i += 1 }
        let first = i
        var magnitude: UInt64 = 0
        var isTooLarge = false
        while i < end {
            let digit = load(i) &- Mark.digitZero
            guard digit <= 9 else { break }
            if i - first < 19 {
                magnitude = magnitude &* 10 &+ UInt64(digit)
            } else {
                let (tens, overflow) = magnitude.multipliedReportingOverflow(by: 10)
                let (sum, overflowToo) = tens.addingReportingOverflow(UInt64(digit))
                magnitude = sum
                isTooLarge = isTooLarge || overflow || overflowToo
            }
            i += 1
        }
        guard i > first else { throw isNegative ? CodingFailure(.malformed) : mismatch() }
        if load(first) == Mark.digitZero && i - first > 1 { throw CodingFailure(.malformed) }
        if i < end {
            let next = load(i)
            if next == UInt8(ascii: ".") || next | 0x20 == UInt8(ascii: "e") {
                try skipNumber()
                throw CodingFailure(.wrongType)
            }
        }
        if isTooLarge { throw CodingFailure(.outOfRange) }
        position = i
        return (magnitude, isNegative)
    }

    mutating func readDouble() throws(CodingFailure) -> Double {
        let start = position
        guard byte == UInt8(ascii: "-") || byte &- Mark.digitZero <= 9 else { throw mismatch() }
        try skipNumber()
        guard position - start <= numberLengthMax else { throw CodingFailure(.tooLong) }
        let text = String(decoding: UnsafeRawBufferPointer(start: base + start, count: position - start), as: UTF8.self)
        guard let value = Double(text), value.isFinite else { throw CodingFailure(.outOfRange) }
        return value
    }

    mutating func readBool() throws(CodingFailure) -> Bool {
        switch byte {
        case UInt8(ascii: "t"):
            try skipWord("true")
            return true
        case UInt8(ascii: "f"):
            try skipWord("false")
            return false
        default: throw mismatch()
        }
    }

    /// - Returns: whether the value is null, which is then passed.
    mutating func readNull() throws(CodingFailure) -> Bool {
        guard byte == UInt8(ascii: "n") else { return false }
        try skipWord("null")
        return true
    }

    mutating func readOpaque(max: Int) throws(CodingFailure) -> Opaque {
        let start = position
        try skipValue()
        guard position - start <= max else { throw CodingFailure(.tooLarge) }
        return Opaque(trusting: Array(UnsafeRawBufferPointer(start: base + start, count: position - start)))
    }

    /// - Returns: whether there is an element, at which the position then is.
    mutating func enterList() throws(CodingFailure) -> Bool {
        guard byte == Mark.bracket else { throw mismatch() }
        try descend()
        position += 1
        skipSpace()
        guard byte == Mark.bracketClosing else { return true }
        position += 1
        depth -= 1
        return false
    }

    mutating func moveToNextElement() throws(CodingFailure) -> Bool {
        skipSpace()
        switch byte {
        case Mark.comma:
            position += 1
            skipSpace()
            return true
        case Mark.bracketClosing:
            position += 1
            depth -= 1
            return false
        default: throw CodingFailure(.malformed)
        }
    }

    mutating func descend() throws(CodingFailure) {
        depth += 1
        guard depth <= limits.depth else { throw CodingFailure(.tooDeep) }
    }

    /// What to throw where a value of another type was expected at the position.
    func mismatch() -> CodingFailure {
        switch byte {
        case Mark.quote, Mark.brace, Mark.bracket, UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            CodingFailure(.wrongType)
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): CodingFailure(.wrongType)
        default: CodingFailure(.malformed)
        }
    }
}

/// Longer numbers say nothing that a Double could hold.
private let numberLengthMax = 400

extension Int {
    fileprivate func multipliedClamped(by factor: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}

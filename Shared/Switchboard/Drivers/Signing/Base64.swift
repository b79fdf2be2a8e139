/// Bytes as text, in the two alphabets. Decoding is strict: one text per bytes, so that nothing signed has a second
/// spelling.
package enum Base64 {
    /// With `+`, `/` and padding.
    package static func encode(_ bytes: [UInt8]) -> String { encode(bytes, standard, isPadded: true) }

    /// With `-` and `_`, and without padding.
    package static func encodeURL(_ bytes: [UInt8]) -> String { encode(bytes, url, isPadded: false) }

    /// - Returns: nil unless the text is exactly what `encode` makes of the bytes.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 4 == 0 else { return nil }
        let padding = digits.suffix(2).reversed().prefix { $0 == pad }.count
        return decode(digits.dropLast(padding), standardValues)
    }

    /// - Returns: nil unless the text is exactly what `encodeURL` makes of the bytes.
    package static func decodeURL(_ text: some StringProtocol) -> [UInt8]? { decode(Array(text.utf8)[...], urlValues) }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8], isPadded: Bool) -> String {
        let length = isPadded ? (bytes.count + 2) / 3 * 4 : (bytes.count * 4 + 2) / 3
        return String(unsafeUninitializedCapacity: length) { place in
            var to = 0
            var from = 0
            while from < bytes.count {
                let isSecond = from + 1 < bytes.count
                let isThird = from + 2 < bytes.count
                let b1 = bytes[from]
                let b2 = isSecond ? bytes[from + 1] : 0
                let b3 = isThird ? bytes[from + 2] : 0
                place[to] = alphabet[Int(b1 >> 2)]
                place[to + 1] = alphabet[Int(b1 << 4 & 0x30 | b2 >> 4)]
                to += 2
                if isSecond || isPadded {
                    place[to] = isSecond ? alphabet[Int(b2 << 2 & 0x3c | b3 >> 6)] : pad
                    to += 1
                }
                if isThird || isPadded {
                    place[to] = isThird ? alphabet[Int(b3 & 0x3f)] : pad
                    to += 1
                }
                from += 3
            }
            return to
        }
    }

    private static func decode(_ digits: ArraySlice<UInt8>, _ values: [UInt8]) -> [UInt8]? {
        guard digits.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count * 3 / 4)
        var gathered: UInt32 = 0
        var bits = 0
        for digit in digits {
            let value = values[Int(digit)]
            guard value < 64 else { return nil }
            gathered = gathered << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: gathered >> UInt32(bits)))
            }
        }
        // Bits that are left over must be zero, or another text would give the same bytes.
        guard gathered & (1 << UInt32(bits) - 1) == 0 else { return nil }
        return bytes
    }

    private static let pad = UInt8(ascii: "=")
    private static let common = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    private static let standard = common + Array("+/".utf8)
    private static let url = common + Array("-_".utf8)
    private static let standardValues = values(of: standard)
    private static let urlValues = values(of: url)

    private static func values(of alphabet: [UInt8]) -> [UInt8] {
        var values = [UInt8](repeating: 0xff, count: 256)
        for (value, digit) in alphabet.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }
}

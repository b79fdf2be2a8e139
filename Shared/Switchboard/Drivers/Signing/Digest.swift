internal import COpenSSL

/// One-way sums of bytes.
package enum Digest {
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] { sum(bytes, EVP_sha256()) }

    /// Forty lower-case hexadecimal digits. Only where a published signature asks for it.
    package static func sha1Hex(_ text: String) -> String { hex(sum(Array(text.utf8), EVP_sha1())) }

    /// Thirty-two bytes.
    package static func hmacSHA256(_ message: [UInt8], key: [UInt8]) -> [UInt8] { hmac(message, key, EVP_sha256()) }

    /// For TURN credentials, which are defined with it.
    package static func hmacSHA1(_ message: [UInt8], key: [UInt8]) -> [UInt8] { hmac(message, key, EVP_sha1()) }

    private static func hmac(_ message: [UInt8], _ key: [UInt8], _ sum: OpaquePointer?) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { place, count in
            var length: UInt32 = 0
            let made = HMAC(sum, key, Int32(key.count), message, message.count, place.baseAddress, &length)
            precondition(made != nil, "libcrypto has no HMAC of that kind")
            count = Int(length)
        }
    }

    /// Lower-case.
    package static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: bytes.count * 2) { place in
            for (i, byte) in bytes.enumerated() {
                place[2 * i] = digits[Int(byte >> 4)]
                place[2 * i + 1] = digits[Int(byte & 15)]
            }
            return bytes.count * 2
        }
    }

    private static func sum(_ bytes: [UInt8], _ kind: OpaquePointer?) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { place, count in
            var length: UInt32 = 0
            let isMade = EVP_Digest(bytes, bytes.count, place.baseAddress, &length, kind, nil)
            precondition(isMade == 1, "libcrypto lacks a digest")
            count = Int(length)
        }
    }
}

/// In a time that depends on the lengths alone.
package func isEqualInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}

/// Dice that nobody can foresee.
package enum SecureRandom {
    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { place, initialized in
            let isMade = RAND_bytes(place.baseAddress, Int32(count))
            precondition(isMade == 1, "no source of randomness")
            initialized = count
        }
    }

    /// A version 4 UUID in lower case.
    package static func uuid() -> String {
        var random = bytes(16)
        random[6] = random[6] & 0x0f | 0x40
        random[8] = random[8] & 0x3f | 0x80
        let hex = Array(Digest.hex(random).utf8)
        return String(unsafeUninitializedCapacity: 36) { place in
            var to = 0
            for (from, digit) in hex.enumerated() {
                if from == 8 || from == 12 || from == 16 || from == 20 {
                    place[to] = UInt8(ascii: "-")
                    to += 1
                }
                place[to] = digit
                to += 1
            }
            return to
        }
    }
}

/// Which partition a key belongs to: murmur2 as Kafka's own Java clients compute it, so that a customer's consumer finds
/// the partition of a subject with nothing but its standard library. Fixed for the life of the data.
package enum PartitionHash {
    /// The name under which this choice is written down, and which another choice must not reuse.
    package static let name = "murmur2"

    /// - Parameter count: how many partitions there are, at least one.
    /// - Returns: 0 ..< count.
    package static func partition(of key: some Collection<UInt8>, count: Int32) -> Int32 {
        precondition(count > 0, "a topic has at least one partition")
        return Int32(bitPattern: murmur2(key) & 0x7fff_ffff) % count
    }

    /// The 32-bit hash over the bytes of a key.
    package static func murmur2(_ key: some Collection<UInt8>) -> UInt32 {
        let hash = key.withContiguousStorageIfAvailable { murmur2(UnsafeRawBufferPointer($0)) }
        return hash ?? Array(key).withUnsafeBytes(murmur2)
    }

    private static func murmur2(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let multiplier: UInt32 = 0x5bd1_e995
        let seed: UInt32 = 0x9747_b28c
        var hash = seed ^ UInt32(truncatingIfNeeded: bytes.count)
        let wholeWords = bytes.count / 4 * 4
        for start in stride(from: 0, to: wholeWords, by: 4) {
            var word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self))
            word = word &* multiplier
            word ^= word >> 24
            word = word &* multiplier
            hash = hash &* multiplier ^ word
        }
        if wholeWords < bytes.count {
            for index in wholeWords..<bytes.count {
                hash ^= UInt32(bytes[index]) << UInt32(8 * (index - wholeWords))
            }
            hash = hash &* multiplier
        }
        hash ^= hash >> 13
        hash = hash &* multiplier
        return hash ^ hash >> 15
    }
}

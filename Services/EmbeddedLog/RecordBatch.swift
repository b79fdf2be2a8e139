import Switchboard

/// The head of one RecordBatch (format 2), the unit in which records are kept: everything behind the head stays as the
/// producer wrote it, compressed or not.
///
/// The checksum covers all from the attributes on; the first offset and the leader epoch before it are the broker's to
/// set.
struct RecordBatch {
    static let headBytes = 61
    /// Bytes before those that `batchLength` counts.
    static let lengthEnd = 12

    let byteCount: Int
    let baseOffset: Int64
    let attributes: Int16
    let lastOffsetDelta: Int32
    let maxTimestamp: Int64
    let producerID: Int64
    let producerEpoch: Int16
    let baseSequence: Int32
    let recordCount: Int32

    var lastOffset: Int64 { baseOffset + Int64(lastOffsetDelta) }
    var nextOffset: Int64 { lastOffset + 1 }
    var hasProducer: Bool { producerID >= 0 }
    var lastSequence: Int32 { Sequence.add(baseSequence, lastOffsetDelta) }

    /// Reads a head without judging it. `position + headBytes` must be inside.
    /// - Returns: nil when the bytes cannot be a batch at all.
    init?(_ bytes: [UInt8], at position: Int) {
        let length = Int(BigEndian.int32(bytes, at: position + 8))
        guard length >= Self.headBytes - Self.lengthEnd, bytes[position + 16] == 2 else { return nil }
        byteCount = length + Self.lengthEnd
        baseOffset = BigEndian.int64(bytes, at: position)
        attributes = BigEndian.int16(bytes, at: position + 21)
        lastOffsetDelta = BigEndian.int32(bytes, at: position + 23)
        maxTimestamp = BigEndian.int64(bytes, at: position + 35)
        producerID = BigEndian.int64(bytes, at: position + 43)
        producerEpoch = BigEndian.int16(bytes, at: position + 51)
        baseSequence = BigEndian.int32(bytes, at: position + 53)
        recordCount = BigEndian.int32(bytes, at: position + 57)
        guard lastOffsetDelta >= 0 else { return nil }
    }

    /// The batch a producer sent: exactly one, whole, unharmed, and of a kind that is kept here.
    /// - Throws: `unsupportedForMessageFormat`, `corruptMessage` (cut, or a wrong checksum), `invalidRecord`.
    static func received(in bytes: [UInt8], _ range: Range<Int>) throws(ErrorCode) -> RecordBatch {
        guard range.count >= 17 else { throw .corruptMessage }
        guard bytes[range.lowerBound + 16] == 2 else { throw .unsupportedForMessageFormat }
        guard range.count >= headBytes, let batch = RecordBatch(bytes, at: range.lowerBound),
            batch.byteCount <= range.count
        else { throw .corruptMessage }
        guard batch.byteCount == range.count else { throw .invalidRecord }
        guard isIntact(bytes, range) else { throw .corruptMessage }
        guard batch.recordCount >= 1, Int64(batch.recordCount) == Int64(batch.lastOffsetDelta) + 1 else {
            throw .invalidRecord
        }
        guard batch.attributes & (transactionalBit | controlBit) == 0 else { throw .invalidRecord }
        if batch.hasProducer {
            guard batch.producerEpoch >= 0, batch.baseSequence >= 0 else { throw .invalidRecord }
        }
        return batch
    }

    static func isIntact(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        let stored = UInt32(bitPattern: BigEndian.int32(bytes, at: range.lowerBound + 17))
        return CRC32C.checksum(of: bytes[range.lowerBound + 21..<range.upperBound]) == stored
    }

    /// Makes the batch the log's own: its first offset, and the time at which it was appended for all its records.
    static func stamp(_ bytes: inout [UInt8], _ range: Range<Int>, baseOffset: Int64, appendTime: Int64) {
        let at = range.lowerBound
        BigEndian.store(baseOffset, in: &bytes, at: at)
        BigEndian.store(Int32(0), in: &bytes, at: at + 12)
        BigEndian.store(BigEndian.int16(bytes, at: at + 21) | appendTimeBit, in: &bytes, at: at + 21)
        BigEndian.store(appendTime, in: &bytes, at: at + 35)
        BigEndian.store(CRC32C.checksum(of: bytes[at + 21..<range.upperBound]), in: &bytes, at: at + 17)
    }

    private static let appendTimeBit: Int16 = 0x08
    private static let transactionalBit: Int16 = 0x10
    private static let controlBit: Int16 = 0x20
}

/// Sequence numbers count from 0 to the highest Int32 and then from 0 again.
enum Sequence {
    static func add(_ sequence: Int32, _ delta: Int32) -> Int32 {
        Int32(truncatingIfNeeded: (Int64(sequence) + Int64(delta)) & 0x7FFF_FFFF)
    }

    static func next(after sequence: Int32) -> Int32 { add(sequence, 1) }

    /// Whether `sequence` was given out before `other`, within half a round.
    static func isBefore(_ sequence: Int32, _ other: Int32) -> Bool {
        let ahead = (Int64(other) - Int64(sequence)) & 0x7FFF_FFFF
        return ahead > 0 && ahead < 0x4000_0000
    }
}

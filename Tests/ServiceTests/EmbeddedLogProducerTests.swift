import Switchboard
import Testing

@testable import EmbeddedLog

/// Which batches of an idempotent producer are appended, known, or refused.
@Suite struct EmbeddedLogProducerTests {
    private var states = ProducerStates()

    private func batch(_ sequence: Int32, count: Int = 1, epoch: Int16 = 0) throws -> RecordBatch {
        try #require(TestBatch(count: count, producer: 7, epoch: epoch, sequence: sequence).head)
    }

    private mutating func remember(_ sequences: [Int32], count: Int = 1, epoch: Int16 = 0) throws {
        for sequence in sequences {
            states.remember(
                try batch(sequence, count: count, epoch: epoch), firstOffset: Int64(sequence), appendTime: 1)
        }
    }

    @Test mutating func `the last five batches are known, those before are told as doubles, those ahead as too early`()
        throws
    {
        try remember(Array(0..<8))
        #expect(states.judge(try batch(8)) == .append)
        for sequence in 3..<8 as Range<Int32> {
            guard case .duplicate(let known) = states.judge(try batch(sequence)) else {
                Issue.record("\(sequence) is not known")
                continue
            }
            #expect(known.firstOffset == Int64(sequence))
        }
        #expect(states.judge(try batch(1)) == .refuse(.duplicateSequenceNumber))
        #expect(states.judge(try batch(9)) == .refuse(.outOfOrderSequenceNumber))
        #expect(states.judge(try batch(6, count: 2)) == .refuse(.outOfOrderSequenceNumber))
    }

    @Test mutating func `sequences go round after the highest`() throws {
        states.remember(try batch(.max - 1, count: 4), firstOffset: 0, appendTime: 1)
        #expect(try batch(.max - 1, count: 4).lastSequence == 1)
        #expect(states.judge(try batch(2)) == .append)
        #expect(states.judge(try batch(3)) == .refuse(.outOfOrderSequenceNumber))
        #expect(states.judge(try batch(.max - 2)) == .refuse(.duplicateSequenceNumber))
    }

    @Test mutating func `an epoch replaces those before it, and starts at its first sequence`() throws {
        try remember([0, 1])
        #expect(states.judge(try batch(2, epoch: 1)) == .refuse(.outOfOrderSequenceNumber))
        #expect(states.judge(try batch(0, epoch: 1)) == .append)
        try remember([0], epoch: 1)
        #expect(states.judge(try batch(2)) == .refuse(.invalidProducerEpoch))
        #expect(states.judge(try batch(1, epoch: 1)) == .append)
    }

    @Test
    mutating func `an unknown producer starts at its first sequence, and is waited for when that could not be kept`()
        throws
    {
        #expect(states.judge(try batch(3)) == .refuse(.unknownProducerID))
        #expect(states.judge(try batch(0)) == .append)
        states.expect(try batch(0))
        #expect(states.judge(try batch(3)) == .refuse(.outOfOrderSequenceNumber))
        #expect(states.judge(try batch(0)) == .append)
    }

    @Test mutating func `what is kept on disk is what was known`() throws {
        try remember(Array(0..<6))
        let again = try ProducerStates(decoding: states.encoded(endOffset: 6))
        #expect(again.producers == states.producers && again.endOffset == 6)
        for cut in 0..<states.encoded(endOffset: 6).count {
            #expect(throws: WireFailure.self) {
                try ProducerStates(decoding: Array(states.encoded(endOffset: 6)[..<cut]))
            }
        }
    }

    @Test mutating func `batches that are no longer in the log are forgotten`() throws {
        try remember(Array(0..<6))
        states.cut(from: 4)
        #expect(states.judge(try batch(4)) == .append)
        states.cut(from: 0)
        #expect(states.judge(try batch(4)) == .refuse(.unknownProducerID))
    }

    /// The vectors of RFC 3720, appendix B.4, and the usual nine digits.
    @Test func `a checksum is that of the standard, by the processor and by tables`() {
        let vectors: [(bytes: [UInt8], checksum: UInt32)] = [
            ([], 0),
            (Array("123456789".utf8), 0xE306_9283),
            ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
            (Array(0..<32), 0x46DD_794E),
            (Array((0..<32).reversed()), 0x113F_DB5C),
        ]
        for (bytes, checksum) in vectors {
            #expect(CRC32C.checksum(of: bytes[...]) == checksum)
            #expect(CRC32C.tabulated(of: bytes[...]) == checksum)
        }
    }

    @Test func `the processor and the tables agree at every length and from every place`() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ $0 >> 3) }
        for start in 0..<17 {
            for end in start...bytes.count {
                #expect(CRC32C.checksum(of: bytes[start..<end]) == CRC32C.tabulated(of: bytes[start..<end]))
            }
        }
    }
}

import Foundation
import Glibc
import Support
import Testing

@testable import EmbeddedLog

/// Writes into a partition of an embedded-log in the names of the producers that have written there, so that their next
/// batches are out of order and their clients give up.
///
/// They must be silent meanwhile.
struct Intruder {
    let broker: KafkaBroker

    /// A batch of a size that no service writes: one that looked like the producer's next would be taken for it.
    private static let records = 97

    func takeTurns(in topic: String, _ partition: Int32) throws {
        let last = try lastBatches(topic, partition)
        try #require(!last.isEmpty, "nobody has written into \(topic)")
        for last in last {
            var batch = TestBatch(count: Self.records)
            batch.producer = last.producerID
            batch.epoch = last.producerEpoch
            batch.sequence = Sequence.add(last.lastSequence, 1)
            batch.content = Self.content
            #expect(try produce(batch.bytes, topic, partition) == 0)
        }
    }

    /// Records without a key, a value or headers: nobody takes them for their own.
    private static var content: [UInt8] {
        (0..<records).flatMap { index -> [UInt8] in
            let delta = index < 64 ? [UInt8(index * 2)] : [UInt8(index * 2 & 0x7F | 0x80), UInt8((index * 2) >> 7)]
            let record: [UInt8] = [0, 0] + delta + [0, 0, 0]
            return [UInt8(record.count * 2)] + record
        }
    }

    /// Of each producer, as the broker has them in its files.
    private func lastBatches(_ topic: String, _ partition: Int32) throws -> [RecordBatch] {
        let folder = "\(broker.folder)/data/partitions/\(topic)-\(partition)"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".log") }
        let bytes = Array(try Data(contentsOf: URL(filePath: "\(folder)/\(try #require(files.max()))")))
        var position = 0
        var found: [Int64: RecordBatch] = [:]
        while position + RecordBatch.headBytes <= bytes.count, let batch = RecordBatch(bytes, at: position) {
            if batch.hasProducer { found[batch.producerID] = batch }
            position += batch.byteCount
        }
        return Array(found.values)
    }

    /// Produce, version 3.
    /// - Returns: the broker's code; 0: it was taken.
    private func produce(_ batch: [UInt8], _ topic: String, _ partition: Int32) throws -> Int16 {
        var request = WireWriter()
        request.int32(0)
        request.int16(0)
        request.int16(3)
        request.int32(1)
        request.string("intruder")
        request.nullableString(nil)
        request.int16(-1)
        request.int32(5000)
        request.count(1)
        request.string(topic)
        request.count(1)
        request.int32(partition)
        request.bytesValue(batch)
        request.set(Int32(request.bytes.count - 4), at: 0)
        let answer = try exchange(request.bytes)
        // Behind the size: correlation, topics, the name, partitions, the partition.
        let place = 4 + 4 + 4 + 2 + topic.utf8.count + 4 + 4
        try #require(answer.count >= place + 2)
        return BigEndian.int16(answer, at: place)
    }

    private func exchange(_ request: [UInt8]) throws -> [UInt8] {
        let line = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(line) }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(line, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(broker.port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let failed = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(line, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(failed == 0)
        try #require(send(line, request, request.count, 0) == request.count)
        let size = try received(4, from: line)
        return size + (try received(Int(BigEndian.int32(size, at: 0)), from: line))
    }

    private func received(_ count: Int, from line: Int32) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try #require(recv(line, &bytes, count, Int32(MSG_WAITALL)) == count)
        return bytes
    }
}

import Switchboard
import Testing

@testable import EmbeddedLog

/// What a partition keeps, cuts and knows again. Each test has a folder of its own.
@Suite(.serialized) final class EmbeddedLogPartitionTests {
    private let folder: String
    private let loop = EventLoop(name: "test")
    private let disk = EventLoop(name: "test-disk")
    private let log = Log(service: "test", level: .error, sink: { _ in })
    private var files = OpenFiles(max: .max)

    init() throws {
        folder = "/tmp/partition-\(UInt64.random(in: 0 ... .max))"
        try Folder.make(folder)
        disk.start()
    }

    deinit {
        disk.stop()
        try? Folder.remove(folder)
    }

    private func open(_ settings: [String: String] = [:], policy: SyncPolicy = .never) throws -> PartitionLog {
        let syncer = Syncer(policy: policy, loop: loop, disk: disk, log: log, onFailure: { _ in })
        return try PartitionLog(
            topic: "t", number: 0, folder: folder, settings: try TopicSettings(settings), syncer: syncer, files: files,
            log: log)
    }

    @discardableResult
    private func append(
        _ partition: PartitionLog, _ batch: [UInt8], at time: Int64 = 1000
    ) throws(ErrorCode) -> PartitionLog.Appended {
        var bytes = [7, 7, 7] + batch
        return try partition.append(&bytes, 3..<bytes.count, at: time)
    }

    private func read(_ partition: PartitionLog, from offset: Int64, _ byteCountMax: Int = 1 << 20) throws
        -> [RecordBatch]
    {
        var answer: [UInt8] = [1, 2]
        guard
            case .bytes(let count) = try partition.read(
                into: &answer, from: offset, byteCountMax: byteCountMax, isFirst: true, mayWait: true)
        else { return [] }
        #expect(count == answer.count - 2)
        var batches: [RecordBatch] = []
        var at = 2
        while at < answer.count {
            let batch = try #require(RecordBatch(answer, at: at))
            #expect(RecordBatch.isIntact(answer, at..<at + batch.byteCount))
            batches.append(batch)
            at += batch.byteCount
        }
        return batches
    }

    private func dropOld(_ partition: PartitionLog, at now: Int64) {
        loop.runUntilDone { done in
            partition.dropOld(at: now)
            partition.syncer.flush(done)
        }
    }

    private func segmentPath(_ baseOffset: Int64 = 0) -> String { "\(folder)/\(Segment.name(baseOffset))" }

    // MARK: tests

    @Test func `records get the next offsets and the time of their appending, never an earlier one`() throws {
        let partition = try open()
        #expect(
            try append(partition, TestBatch(count: 3).bytes, at: 1000)
                == PartitionLog.Appended(firstOffset: 0, appendTime: 1000, isDuplicate: false))
        #expect(try append(partition, TestBatch(count: 2).bytes, at: 900).appendTime == 1000)
        let batches = try read(partition, from: 0)
        #expect(batches.map(\.baseOffset) == [0, 3])
        #expect(batches.map(\.maxTimestamp) == [1000, 1000])
        #expect(batches.allSatisfy { $0.attributes & 8 == 8 })
        #expect(partition.endOffset == 5)
    }

    @Test func `a log torn at any byte of its last batch is cut to the batches before it, and goes on`() throws {
        let partition = try open()
        for count in 1...3 {
            try append(partition, TestBatch(count: count, producer: 9, sequence: [0, 1, 3][count - 1]).bytes)
        }
        let whole = try #require(try Folder.contents(of: segmentPath()))
        let last = try #require(try read(partition, from: 3).last)
        let start = whole.count - last.byteCount
        for cut in start..<whole.count {
            try Folder.replace(segmentPath(), with: Array(whole[..<cut]))
            let again = try open()
            #expect(again.endOffset == 3, "cut at \(cut)")
            #expect(try append(again, TestBatch(count: 3, producer: 9, sequence: 3).bytes).firstOffset == 3)
            #expect(try read(again, from: 0).map(\.baseOffset) == [0, 1, 3])
        }
    }

    @Test func `a byte changed anywhere in the last batch is noticed`() throws {
        let partition = try open()
        for _ in 1...2 { try append(partition, TestBatch(count: 2).bytes) }
        let whole = try #require(try Folder.contents(of: segmentPath()))
        let start = whole.count / 2
        // The leader epoch (bytes 12 to 15) is outside the checksum and says nothing here.
        for at in start..<whole.count where !(12..<16).contains(at - start) {
            var harmed = whole
            harmed[at] ^= 0x10
            try Folder.replace(segmentPath(), with: harmed)
            #expect(try open().endOffset == 2, "byte \(at - start)")
        }
    }

    @Test func `zeros behind the last batch, as a lost write leaves them, are cut`() throws {
        let partition = try open()
        try append(partition, TestBatch(count: 2).bytes)
        let whole = try #require(try Folder.contents(of: segmentPath()))
        try Folder.replace(segmentPath(), with: whole + [UInt8](repeating: 0, count: 9000))
        #expect(try open().endOffset == 2)
        #expect(try Folder.contents(of: segmentPath()) == whole)
    }

    @Test func `room set aside for what must reach the disk is given back, and none of it is taken for records`() throws
    {
        let settings = ["segment.bytes": "600000"]
        var partition = try open(settings, policy: .every)
        for count in 1...3 { try append(partition, TestBatch(count: count).bytes) }
        let reserved = try #require(try Folder.contents(of: segmentPath()))
        #expect(reserved.count == Segment.reservedBytes)
        partition = try open(settings, policy: .every)
        #expect(partition.endOffset == 6)
        #expect(try Folder.contents(of: segmentPath())?.count == partition.segments[0].size)
        for _ in 0..<40 { try append(partition, TestBatch(count: 1000).bytes) }
        let first = partition.segments[0]
        #expect(partition.segments.count == 2)
        #expect(try first.file.size() == first.size)
        // As a loss of power between the two leaves it: the file before the last has its room still.
        try first.file.truncate(to: first.size + 5000)
        let again = try open(settings, policy: .every)
        #expect(again.endOffset == 40_006)
        #expect(try first.file.size() == first.size)
    }

    @Test func `a log with room set aside, torn at any byte of its last batch, is cut to the batches before it`() throws
    {
        let partition = try open(policy: .every)
        for count in 1...2 { try append(partition, TestBatch(count: count).bytes) }
        let start = TestBatch(count: 1).bytes.count
        let end = start + TestBatch(count: 2).bytes.count
        let whole = try #require(try Folder.contents(of: segmentPath()))
        for cut in start..<end - 1 {
            var torn = whole
            for at in cut..<end { torn[at] = 0 }
            try Folder.replace(segmentPath(), with: torn)
            #expect(try open(policy: .every).endOffset == (torn == whole ? 3 : 1), "cut at \(cut)")
        }
    }

    @Test func `producers are known again after the log is opened anew`() throws {
        var partition = try open()
        for sequence in [0, 2, 4] as [Int32] {
            try append(partition, TestBatch(count: 2, producer: 5, sequence: sequence).bytes)
        }
        partition = try open()
        let known = try append(partition, TestBatch(count: 2, producer: 5, sequence: 2).bytes, at: 5000)
        #expect(known == PartitionLog.Appended(firstOffset: 2, appendTime: 1000, isDuplicate: true))
        #expect(throws: ErrorCode.outOfOrderSequenceNumber) {
            try append(partition, TestBatch(count: 1, producer: 5, sequence: 8).bytes)
        }
        #expect(try append(partition, TestBatch(count: 1, producer: 5, sequence: 6).bytes).firstOffset == 6)
    }

    @Test func `producers whose last batches were lost are not taken for what was saved of them, at no later start`()
        throws
    {
        let partition = try open(["segment.bytes": "1100", "retention.bytes": "2200"])
        for sequence in 0..<90 as Range<Int32> {
            try append(partition, TestBatch(count: 1, producer: 5, sequence: sequence).bytes)
        }
        dropOld(partition, at: 1000)
        #expect(partition.startOffset > 0, "what is known of producers was saved")
        // The power goes: the last file comes back empty.
        let last = try #require(partition.segments.last)
        try last.file.truncate(to: 0)
        let end = last.baseOffset
        for _ in 0..<2 {
            let again = try open()
            #expect(again.endOffset >= end)
            let sequence = Int32(again.endOffset)
            // Not a duplicate of what is lost; and known as one when it comes again.
            let batch = TestBatch(count: 1, producer: 5, sequence: sequence).bytes
            let first = try append(again, batch)
            #expect(first == PartitionLog.Appended(firstOffset: Int64(sequence), appendTime: 1000, isDuplicate: false))
            #expect(try append(try open(), batch).isDuplicate)
        }
    }

    @Test func `a file of before the last ones is checked too, where it was written shortly before`() throws {
        let partition = try open(["segment.bytes": "1100"])
        for _ in 0..<60 { try append(partition, TestBatch(count: 3).bytes) }
        let torn = try #require(partition.segments.dropLast(3).last)
        #expect(partition.segments.count > 5)
        // The head of a batch has reached the disk, and its records have not.
        try torn.file.write(ArraySlice([UInt8](repeating: 0, count: 4)), at: RecordBatch.headBytes + 2)
        #expect(try open().endOffset == torn.baseOffset)
    }

    @Test func `a reader may start at any record, over many segments, with little or much room`() throws {
        let partition = try open(["segment.bytes": "5000"])
        for count in 1...120 { try append(partition, TestBatch(count: 1 + count % 4).bytes) }
        #expect(partition.segments.count >= 3)
        for again in [partition, try open(["segment.bytes": "5000"])] {
            for room in [0, 300, 4000, 1 << 20] {
                var offset: Int64 = 0
                while offset < again.endOffset {
                    let batches = try read(again, from: offset, room)
                    let first = try #require(batches.first)
                    #expect(first.baseOffset <= offset && offset < first.nextOffset)
                    offset = try #require(batches.last).nextOffset
                }
            }
            for offset in 0..<again.endOffset {
                let first = try #require(try read(again, from: offset, 1).first)
                #expect(first.baseOffset <= offset && offset < first.nextOffset)
            }
        }
        #expect(throws: ErrorCode.offsetOutOfRange) { try read(partition, from: partition.endOffset + 1) }
        #expect(try read(partition, from: partition.endOffset).isEmpty)
    }

    @Test func `a hole between segments sets the later ones aside`() throws {
        let partition = try open(["segment.bytes": "2000"])
        for _ in 1...60 { try append(partition, TestBatch(count: 2).bytes) }
        let bases = partition.segments.map(\.baseOffset)
        try Folder.remove(segmentPath(bases[1]))
        let again = try open(["segment.bytes": "2000"])
        #expect(again.endOffset == bases[1])
        #expect(try Folder.names(in: folder).filter { $0.hasSuffix(".cut") }.count == bases.count - 2)
    }

    @Test func `segments that are too old go as a whole, and what is kept stays readable`() throws {
        let settings = ["segment.bytes": "2000", "retention.ms": "10000"]
        let partition = try open(settings)
        for number in 0..<60 { try append(partition, TestBatch(count: 1).bytes, at: Int64(number) * 500) }
        dropOld(partition, at: 30_000)
        #expect(partition.startOffset > 30 && partition.startOffset <= 40)
        let start = partition.startOffset
        #expect(throws: ErrorCode.offsetOutOfRange) { try read(partition, from: start - 1) }
        #expect(try read(partition, from: start).first?.baseOffset == start)
        dropOld(partition, at: 1_000_000)
        #expect(partition.startOffset == 60 && partition.endOffset == 60)
        let again = try open(settings)
        #expect(again.startOffset == 60)
        #expect(try append(again, TestBatch(count: 1).bytes).firstOffset == 60)
    }

    @Test func `a topic keeps as many bytes as it is told, in whole segments`() throws {
        let partition = try open(["retention.bytes": "20000"])
        for _ in 0..<400 { try append(partition, TestBatch(count: 2).bytes) }
        dropOld(partition, at: 1000)
        #expect(partition.byteCount >= 20_000 && partition.byteCount < 26_000)
    }

    @Test func `where no more files may be open, the newest grows on, and what is old goes all the same`() throws {
        files = OpenFiles(max: 3)
        let settings = ["segment.bytes": "1100", "retention.ms": "10000"]
        let partition = try open(settings)
        for number in 0..<60 { try append(partition, TestBatch(count: 1).bytes, at: Int64(number)) }
        #expect(partition.segments.count == 3 && files.count == 3)
        #expect(partition.segments[2].size > 2000)
        #expect(try read(partition, from: 59).last?.baseOffset == 59)
        #expect(files.takeUnmade(at: 0) ?? 0 > 0 && files.takeUnmade(at: 1) == nil)
        dropOld(partition, at: 1_000_000)
        #expect(partition.startOffset == 60 && files.count == 1)
        for number in 0..<30 { try append(partition, TestBatch(count: 1).bytes, at: 1_000_001 + Int64(number)) }
        #expect(partition.segments.count == 3)
        let again = try open(settings)
        #expect(again.endOffset == 90 && files.count == 6)
    }

    @Test func `a producer is known although its records have gone`() throws {
        let partition = try open(["retention.ms": "1000"])
        try append(partition, TestBatch(count: 2, producer: 4, sequence: 0).bytes, at: 1000)
        dropOld(partition, at: 9000)
        let again = try open(["retention.ms": "1000"])
        #expect(try append(again, TestBatch(count: 2, producer: 4, sequence: 0).bytes).isDuplicate)
        #expect(try append(again, TestBatch(count: 1, producer: 4, sequence: 2).bytes).firstOffset == 2)
    }

    @Test func `records are found by the time they were appended`() throws {
        let partition = try open(["segment.bytes": "3000"])
        for number in 0..<200 { try append(partition, TestBatch(count: 1).bytes, at: Int64(number / 2) * 10) }
        for time in [0, 1, 10, 555, 985, 990] as [Int64] {
            #expect(try offset(in: partition, at: time) == (time + 9) / 10 * 2)
        }
        #expect(try offset(in: partition, at: 991) == nil)
    }

    private func offset(in partition: PartitionLog, at time: Int64) throws -> Int64? {
        if case .batch(let offset, _) = try partition.firstBatch(at: time, mayWait: true) { return offset }
        return nil
    }

    @Test func `the time of each record finds it, wherever it lies between the steps of the index`() throws {
        let partition = try open(["segment.bytes": "20000"])
        var offset: Int64 = 0
        var first: [Int64: Int64] = [:]
        for number in 0..<400 as Range<Int> {
            let time = Int64(number / 3 * 10)
            first[time] = first[time] ?? offset
            offset += Int64(number % 5 + 1)
            try append(partition, TestBatch(count: number % 5 + 1).bytes, at: time)
        }
        for partition in [partition, try open(["segment.bytes": "20000"])] {
            for (time, offset) in first {
                for asked in time - 9...time { #expect(try self.offset(in: partition, at: asked) == offset) }
            }
        }
    }

    @Test func `what must reach the disk first is not read before it has`() throws {
        let partition = try open(policy: .every)
        try append(partition, TestBatch(count: 2).bytes)
        #expect(partition.highWatermark == 0)
        #expect(try read(partition, from: 0).isEmpty)
        let taken = partition.takeUnsynced()
        #expect(taken.files.count == 1 && taken.position == 2)
        partition.synced(to: taken.position)
        #expect(partition.highWatermark == 2)
        #expect(try read(partition, from: 0).count == 1)
    }

    @Test func `batches that are none are refused`() throws {
        let partition = try open()
        let good = TestBatch(count: 2).bytes
        #expect(throws: ErrorCode.corruptMessage) { try append(partition, Array(good[..<30])) }
        #expect(throws: ErrorCode.corruptMessage) {
            try append(partition, good.dropLast() + [good[good.count - 1] ^ 1])
        }
        #expect(throws: ErrorCode.invalidRecord) { try append(partition, good + good) }
        #expect(throws: ErrorCode.invalidRecord) { try append(partition, TestBatch(count: 2, attributes: 0x20).bytes) }
        #expect(throws: ErrorCode.invalidRecord) { try append(partition, TestBatch(count: 2, claims: 3).bytes) }
        #expect(partition.endOffset == 0)
    }
}

extension EventLoop {
    /// Runs on this thread until `body` has called what it is given.
    func runUntilDone(_ body: (@escaping () -> Void) -> Void) {
        withoutActuallyEscaping(body) { body in
            nonisolated(unsafe) let body = body
            execute { body { self.stop() } }
            run()
        }
    }
}

/// A batch made by hand; its records are bytes without meaning, as compressed ones are.
struct TestBatch {
    var count: Int
    var producer: Int64 = -1
    var epoch: Int16 = 0
    var sequence: Int32 = -1
    var attributes: Int16 = 0
    /// How many records it says there are, when that is not the truth.
    var claims: Int?
    /// Its records; nil: bytes that nobody reads.
    var content: [UInt8]?

    var bytes: [UInt8] {
        var body = WireWriter()
        body.int16(attributes)
        body.int32(Int32(count - 1))
        body.int64(1)
        body.int64(1)
        body.int64(producer)
        body.int16(epoch)
        body.int32(sequence)
        body.int32(Int32(claims ?? count))
        body.bytes += content ?? (0..<count * 20).map { UInt8($0 % 251) }
        var batch = WireWriter()
        batch.int64(0)
        batch.int32(Int32(9 + body.bytes.count))
        batch.int32(-1)
        batch.int8(2)
        batch.uint32(CRC32C.checksum(of: body.bytes[...]))
        return batch.bytes + body.bytes
    }

    /// As a partition sees it.
    var head: RecordBatch? { RecordBatch(bytes, at: 0) }
}

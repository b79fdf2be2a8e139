import Switchboard

/// One file of a partition: batches one after another, from `baseOffset` on, with a small index in memory that is built
/// from them.
final class Segment {
    /// One entry per so many bytes of batches.
    static let indexBytes = 4096
    /// Batches whose places are known without the index: those that readers at the end ask for.
    private static let recentMax = 16
    /// Room is set aside in steps of so many bytes.
    static let reservedBytes = 256 << 10

    private struct Entry {
        var offset: Int64
        var position: Int
    }

    /// A batch that the index knows, and when it was appended.
    private struct Step {
        var entry: Entry
        var time: Int64

        var position: Int { entry.position }
        var offset: Int64 { entry.offset }
    }

    let baseOffset: Int64
    let file: File
    private(set) var size = 0
    /// So long is the file: zeros follow its last batch. Less than `size` where no room was set aside.
    private var reserved = 0
    private(set) var nextOffset: Int64
    /// Append times of its first and last batch, Unix milliseconds; nil while it is empty.
    private(set) var firstTime: Int64?
    private(set) var lastTime: Int64?
    private var index: [Step] = []
    private var recent: [Entry] = []
    private var recentNext = 0

    convenience init(folder: String, baseOffset: Int64) throws(SystemFailure) {
        self.init(try Self.newFile(in: folder, baseOffset: baseOffset), baseOffset: baseOffset)
    }

    init(_ file: File, baseOffset: Int64) {
        self.file = file
        self.baseOffset = baseOffset
        nextOffset = baseOffset
    }

    /// Makes the file where it is missing. From any thread.
    static func newFile(in folder: String, baseOffset: Int64) throws(SystemFailure) -> File {
        try File(path: "\(folder)/\(name(baseOffset))")
    }

    static func name(_ baseOffset: Int64) -> String {
        let digits = "\(baseOffset)"
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + suffix
    }

    /// The first offset that a file's name tells; nil for other files.
    static func baseOffset(named name: String) -> Int64? {
        guard name.hasSuffix(suffix) else { return nil }
        return Int64(name.dropLast(suffix.count))
    }

    private static let suffix = ".log"

    // MARK: growing

    /// Appends a stamped batch. After a failure the file is as it was.
    func append(_ bytes: [UInt8], _ range: Range<Int>, _ batch: RecordBatch, firstOffset: Int64, time: Int64)
        throws(SystemFailure)
    {
        do {
            try file.write(bytes[range], at: size)
        } catch {
            try? file.truncate(to: size)
            reserved = 0
            throw error
        }
        note(firstOffset: firstOffset, lastOffset: firstOffset + Int64(batch.lastOffsetDelta), range.count, time: time)
    }

    /// Sets room aside for the batch that is appended next and some after it. Without it, where there is none to be had,
    /// appending is as safe and its `fsync` slower.
    func reserve(_ byteCount: Int) {
        guard size + byteCount > reserved else { return }
        let end = size + max(byteCount, Self.reservedBytes)
        if file.reserve(upTo: end) { reserved = end }
    }

    /// Gives back what was set aside: nothing more is appended.
    func close() throws(SystemFailure) {
        guard reserved > size else { return }
        try file.truncate(to: size)
        reserved = 0
    }

    /// Takes note of the batch at the end of what is known of the file.
    func note(firstOffset: Int64, lastOffset: Int64, _ byteCount: Int, time: Int64) {
        let entry = Entry(offset: firstOffset, position: size)
        if index.isEmpty || size - index[index.count - 1].position >= Self.indexBytes {
            index.append(Step(entry: entry, time: time))
        }
        remember(entry)
        size += byteCount
        nextOffset = lastOffset + 1
        if firstTime == nil { firstTime = time }
        lastTime = time
    }

    private func remember(_ entry: Entry) {
        if recent.count < Self.recentMax {
            recent.append(entry)
        } else {
            recent[recentNext] = entry
            recentNext = (recentNext + 1) % Self.recentMax
        }
    }

    // MARK: finding

    /// Where to start to read for `offset`: at its batch, or a little before.
    func position(for offset: Int64) -> Int {
        if let exact = recent.first(where: { $0.offset == offset }) { return exact.position }
        var low = 0
        var high = index.count
        while low < high {
            let middle = (low + high) / 2
            if index[middle].offset <= offset { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? 0 : index[low - 1].position
    }

    /// A reader got all before `offset`, which is at `position`, and will ask for it next.
    func noteReadEnd(offset: Int64, position: Int) {
        guard position < size, !recent.contains(where: { $0.offset == offset }) else { return }
        remember(Entry(offset: offset, position: position))
    }

    enum Finding {
        case none
        case batch(offset: Int64, time: Int64)
        /// What it is told by is on the disk alone: read this in first, where waiting harms nobody.
        case notInMemory(File, position: Int, count: Int)
    }

    /// The first batch that was appended at `time` or later: the index says between which two of its steps, and those batches
    /// are read.
    /// - Parameter mayWait: for the disk; else only what is in memory is read.
    func firstBatch(at time: Int64, mayWait: Bool) throws(SystemFailure) -> Finding {
        guard let lastTime, lastTime >= time else { return .none }
        var low = 0
        var high = index.count
        while low < high {
            let middle = (low + high) / 2
            if index[middle].time < time { low = middle + 1 } else { high = middle }
        }
        let later = low < index.count ? index[low] : nil
        if low > 0 {
            let start = index[low - 1].position
            let end = later?.position ?? size
            // The heads of all batches of a step begin within it.
            let count = min(Self.indexBytes + RecordBatch.headBytes, end - start)
            var bytes: [UInt8] = []
            if mayWait {
                try file.read(into: &bytes, at: start, count: count)
            } else {
                try file.readCached(into: &bytes, at: start, count: count)
                if bytes.count < count { return .notInMemory(file, position: start, count: count) }
            }
            var at = 0
            while at + RecordBatch.headBytes <= bytes.count, let batch = RecordBatch(bytes, at: at) {
                if batch.maxTimestamp >= time { return .batch(offset: batch.baseOffset, time: batch.maxTimestamp) }
                at += batch.byteCount
            }
        }
        guard let later else { return .none }
        return .batch(offset: later.offset, time: later.time)
    }
}

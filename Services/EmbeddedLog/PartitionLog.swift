import Switchboard

/// The records of one partition: segment files in a folder of its own, of which the last one grows.
///
/// Readers see what lies before `highWatermark`; under the fsync policy `every` that is what is on the disk, else all.
final class PartitionLog {
    struct Appended: Equatable {
        var firstOffset: Int64
        var appendTime: Int64
        /// It was in the log already.
        var isDuplicate: Bool
    }

    let topic: String
    let number: Int32
    let folder: String
    /// Oldest first; never empty. The file of each is open.
    private(set) var segments: [Segment] {
        didSet { files.changed(by: segments.count - oldValue.count) }
    }
    private(set) var producers: ProducerStates
    /// The next record's offset.
    private(set) var endOffset: Int64
    /// Records before it may be read.
    private(set) var highWatermark: Int64
    /// No batch is stamped with an earlier time than the one before it.
    private(set) var lastAppendTime: Int64
    var settings: TopicSettings
    /// Told how many bytes more there are, when there are.
    var waiting: [ObjectIdentifier: PendingFetch] = [:]
    /// Its topic was deleted: whoever still holds it finds nothing more.
    private(set) var isDeleted = false
    private var isDropping = false

    let syncer: Syncer
    private let files: OpenFiles
    private var unsyncedFiles: [File] = []
    /// A new file's name is in the folder and not on the disk yet.
    private var isFolderUnsynced = false

    /// Opens what is in the folder, cuts what a crash left unfinished, and knows its producers again.
    /// - Throws: when the disk does not do as asked; damage is repaired and told to `log`.
    init(
        topic: String, number: Int32, folder: String, settings: TopicSettings, syncer: Syncer, files: OpenFiles,
        log: Log
    ) throws(SystemFailure) {
        self.topic = topic
        self.number = number
        self.folder = folder
        self.settings = settings
        self.syncer = syncer
        self.files = files
        let recovered = try Self.recover(folder: folder, log: log.with(["topic": topic, "partition": number]))
        segments = recovered.segments
        files.changed(by: segments.count)
        producers = recovered.producers
        endOffset = segments[segments.count - 1].nextOffset
        highWatermark = endOffset
        lastAppendTime = segments.last { $0.lastTime != nil }?.lastTime ?? 0
        isFolderUnsynced = true
        // What the process before left to the system is read from here on: under `every` it must be on the disk first.
        if syncer.mustReachDisk {
            for file in recovered.unsynced { try file.sync() }
            try Folder.sync(folder)
        } else {
            unsyncedFiles = recovered.unsynced
            syncer.note(self)
        }
    }

    /// A new one in a new folder, of which `file` is the first.
    init(
        topic: String, number: Int32, folder: String, settings: TopicSettings, syncer: Syncer, files: OpenFiles,
        file: File
    ) {
        self.topic = topic
        self.number = number
        self.folder = folder
        self.settings = settings
        self.syncer = syncer
        self.files = files
        segments = [Segment(file, baseOffset: 0)]
        files.changed(by: 1)
        producers = ProducerStates()
        endOffset = 0
        highWatermark = 0
        lastAppendTime = 0
        isFolderUnsynced = true
    }

    deinit { files.changed(by: -segments.count) }

    /// The first offset that is still there.
    var startOffset: Int64 { segments[0].baseOffset }
    var byteCount: Int { segments.reduce(0) { $0 + $1.size } }
    private var active: Segment { segments[segments.count - 1] }

    // MARK: appending

    /// Appends one batch as it lies in `bytes`, where it is stamped in place; a batch that is there already is found.
    /// - Throws: why the batch may not be appended; `storageError` when the disk does not take it, and then nothing of
    ///   it is in the log.
    func append(_ bytes: inout [UInt8], _ range: Range<Int>, at now: Int64) throws(ErrorCode) -> Appended {
        let batch = try RecordBatch.received(in: bytes, range)
        guard range.count <= settings.maxMessageBytes else { throw .messageTooLarge }
        switch producers.judge(batch) {
        case .append: break
        case .duplicate(let known):
            return Appended(firstOffset: known.firstOffset, appendTime: known.appendTime, isDuplicate: true)
        case .refuse(let code): throw code
        }
        let time = max(now, lastAppendTime)
        let firstOffset = endOffset
        RecordBatch.stamp(&bytes, range, baseOffset: firstOffset, appendTime: time)
        do {
            try syncer.checkRoom(for: folder)
            try rollIfDue(adding: range.count, at: time)
            if syncer.mustReachDisk { active.reserve(range.count) }
            try active.append(bytes, range, batch, firstOffset: firstOffset, time: time)
        } catch {
            syncer.report(error)
            producers.expect(batch)
            throw .storageError
        }
        producers.remember(batch, firstOffset: firstOffset, appendTime: time)
        endOffset = firstOffset + Int64(batch.lastOffsetDelta) + 1
        lastAppendTime = time
        if unsyncedFiles.last !== active.file { unsyncedFiles.append(active.file) }
        syncer.note(self)
        if !syncer.mustReachDisk { publish(to: endOffset, byteCount: range.count) }
        return Appended(firstOffset: firstOffset, appendTime: time, isDuplicate: false)
    }

    private func publish(to offset: Int64, byteCount: Int) {
        guard offset > highWatermark else { return }
        highWatermark = offset
        for fetch in waiting.values { fetch.grew(by: byteCount) }
    }

    private func rollIfDue(adding byteCount: Int, at time: Int64) throws(SystemFailure) {
        guard active.size > 0 else { return }
        let isFull = active.size + byteCount > settings.segmentBytes
        let isOld = time - (active.firstTime ?? time) >= settings.segmentMilliseconds
        if isFull || isOld, files.mayBegin() { try roll() }
    }

    private func roll() throws(SystemFailure) {
        try active.close()
        segments.append(try Segment(folder: folder, baseOffset: endOffset))
        isFolderUnsynced = true
    }

    // MARK: reading

    enum Reading {
        /// The answer has grown by that many bytes of whole batches.
        case bytes(Int)
        /// They are on the disk alone: read this in first, where waiting harms nobody.
        case notInMemory(File, position: Int, count: Int)
    }

    /// How much lies between `offset` and the end for readers; up to an index step more than there is, but 0 only where
    /// there is nothing.
    func availableBytes(from offset: Int64) -> Int {
        guard offset < highWatermark, let at = segmentIndex(for: offset) else { return 0 }
        let later = segments[(at + 1)...].reduce(0) { $0 + $1.size }
        return max(1, segments[at].size - segments[at].position(for: offset) + later)
    }

    /// Appends whole batches from the one with `offset` on to `answer`, up to `byteCountMax`, all from one segment.
    /// - Parameter isFirst: a first batch that is longer is given all the same, so that a reader gets past it.
    /// - Throws: `offsetOutOfRange`, `storageError`.
    func read(
        into answer: inout [UInt8], from offset: Int64, byteCountMax: Int, isFirst: Bool, mayWait: Bool
    ) throws(ErrorCode) -> Reading {
        guard offset >= startOffset, offset <= endOffset else { throw .offsetOutOfRange }
        guard offset < highWatermark, let at = segmentIndex(for: offset) else { return .bytes(0) }
        let segment = segments[at]
        let start = segment.position(for: offset)
        var count = min(max(byteCountMax, 0) + Segment.indexBytes, segment.size - start)
        let answerStart = answer.count
        do {
            while true {
                try load(&answer, from: segment.file, at: start, count: count, mayWait: mayWait)
                let found = wholeBatches(in: answer, from: answerStart, offset: offset, byteCountMax: byteCountMax)
                if found.range.isEmpty, found.bytesNeeded > count, answer.count - answerStart == count {
                    guard count < segment.size - start else { throw ErrorCode.storageError }
                    answer.removeSubrange(answerStart...)
                    count = min(found.bytesNeeded, segment.size - start)
                    continue
                }
                answer.removeSubrange(found.range.upperBound...)
                if found.range.isEmpty {
                    answer.removeSubrange(answerStart...)
                    if mayWait { throw ErrorCode.storageError }
                    return .notInMemory(segment.file, position: start, count: count)
                }
                if found.range.count > byteCountMax && !isFirst {
                    answer.removeSubrange(answerStart...)
                    return .bytes(0)
                }
                answer.removeSubrange(answerStart..<found.range.lowerBound)
                segment.noteReadEnd(
                    offset: found.nextOffset, position: start + found.range.upperBound - answerStart)
                return .bytes(found.range.count)
            }
        } catch let failure as SystemFailure {
            answer.removeSubrange(answerStart...)
            syncer.report(failure)
            throw .storageError
        } catch {
            answer.removeSubrange(answerStart...)
            throw .storageError
        }
    }

    private func load(_ answer: inout [UInt8], from file: File, at position: Int, count: Int, mayWait: Bool)
        throws(SystemFailure)
    {
        if mayWait {
            try file.read(into: &answer, at: position, count: count)
        } else {
            try file.readCached(into: &answer, at: position, count: count)
        }
    }

    /// Where in `bytes`, from `start` on, the batches are that a reader of `offset` gets. `bytesNeeded`: from `start`
    /// to the end of the first of them, when it is not there as a whole.
    private func wholeBatches(in bytes: [UInt8], from start: Int, offset: Int64, byteCountMax: Int)
        -> (range: Range<Int>, nextOffset: Int64, bytesNeeded: Int)
    {
        var at = start
        var first: Int?
        var nextOffset = offset
        while at + RecordBatch.headBytes <= bytes.count, let batch = RecordBatch(bytes, at: at) {
            let end = at + batch.byteCount
            let isBefore = batch.nextOffset <= offset
            if end > bytes.count || batch.baseOffset >= highWatermark {
                return ((first ?? at)..<at, nextOffset, end - start)
            }
            if !isBefore {
                if let first, end - first > byteCountMax { return (first..<at, nextOffset, 0) }
                if first == nil { first = at }
                nextOffset = batch.nextOffset
            }
            at = end
        }
        return ((first ?? at)..<at, nextOffset, at + RecordBatch.headBytes - start)
    }

    private func segmentIndex(for offset: Int64) -> Int? {
        guard offset >= startOffset, offset < endOffset else { return nil }
        if offset >= active.baseOffset { return segments.count - 1 }
        return segments.lastIndex { $0.baseOffset <= offset }
    }

    /// The first batch that was appended at `time` or later, if it may be read.
    /// - Parameter mayWait: for the disk; else only what is in memory is read.
    func firstBatch(at time: Int64, mayWait: Bool) throws(SystemFailure) -> Segment.Finding {
        guard let segment = segments.first(where: { $0.lastTime.map { $0 >= time } ?? false }) else { return .none }
        let found = try segment.firstBatch(at: time, mayWait: mayWait)
        if case .batch(let offset, _) = found, offset >= highWatermark { return .none }
        return found
    }

    // MARK: deletion

    /// It is gone: a Fetch that waits for it is told. Its folder is for whoever calls this to remove.
    func delete() {
        isDeleted = true
        for fetch in waiting.values { fetch.fallDue() }
    }

    // MARK: retention

    /// Lets whole segments go, oldest first: those whose last record is older than the topic keeps, and those without
    /// which the topic still has as many bytes as it keeps. The one that grows is closed first when all of it is old.
    /// They go once it is on the disk what is known of their producers.
    func dropOld(at now: Int64) {
        if let limit = settings.retentionMilliseconds, active.size > 0, let last = active.lastTime, now - last > limit {
            do { try roll() } catch { syncer.report(error) }
        }
        producers.forgetSilent(at: now)
        let drops = countOfOld(at: now)
        guard drops > 0, !isDropping else { return }
        isDropping = true
        // It must not tell of batches that a loss of power can still take: their producers would be forgotten with them.
        syncer.settle(self)
        syncer.replace(producersPath, with: encodedProducers, removing: segments.prefix(drops).map(\.file.path)) {
            [self] failure in
            isDropping = false
            if let failure { return syncer.report(failure) }
            segments.removeFirst(drops)
        }
    }

    private func countOfOld(at now: Int64) -> Int {
        var drops = 0
        var bytesLeft = byteCount
        for segment in segments.dropLast() {
            let isOld = settings.retentionMilliseconds.map { now - (segment.lastTime ?? now) > $0 } ?? false
            let isTooMuch = settings.retentionBytes.map { bytesLeft - segment.size >= $0 } ?? false
            guard isOld || isTooMuch, segment.nextOffset <= highWatermark else { break }
            bytesLeft -= segment.size
            drops += 1
        }
        return drops
    }
}

// MARK: reaching the disk

extension PartitionLog: Syncable {
    func takeUnsynced() -> Unsynced {
        // Its folder may have gone by the time it would be synced.
        if isDeleted { return Unsynced(files: [], position: endOffset) }
        let taken = Unsynced(files: unsyncedFiles, folder: isFolderUnsynced ? folder : nil, position: endOffset)
        unsyncedFiles = []
        isFolderUnsynced = false
        return taken
    }

    func synced(to position: Int64) {
        guard syncer.mustReachDisk else { return }
        publish(to: position, byteCount: availableBytes(between: highWatermark, and: position))
    }

    private func availableBytes(between start: Int64, and end: Int64) -> Int {
        guard start < end else { return 0 }
        return segments.reduce(0) { sum, segment in
            guard segment.nextOffset > start else { return sum }
            return sum + segment.size - (segment.baseOffset < start ? segment.position(for: start) : 0)
        }
    }
}

/// What one partition remembers of its idempotent producers: enough to know a batch that comes a second time, and one
/// that comes before its predecessor.
struct ProducerStates {
    /// Batches remembered per producer: clients keep at most as many requests in flight.
    static let batchesMax = 5
    /// A producer that has been silent for longer is forgotten.
    static let silenceMaxMilliseconds: Int64 = 7 * 24 * 3600 * 1000
    /// Producers remembered per partition; beyond it those silent for longest are forgotten.
    static let producersMax = 20_000

    struct Batch: Equatable {
        var firstSequence: Int32
        var lastSequence: Int32
        var firstOffset: Int64
        var lastOffset: Int64
        var appendTime: Int64
    }

    struct Producer: Equatable {
        var epoch: Int16
        /// Oldest first; empty when the producer is known by a batch that could not be kept.
        var batches: [Batch]
    }

    enum Verdict: Equatable {
        case append
        /// It is in the log already, there.
        case duplicate(Batch)
        case refuse(ErrorCode)
    }

    private(set) var producers: [Int64: Producer] = [:]
    /// Where the batches end that were known when this was read from disk; 0 when it was not.
    private(set) var endOffset: Int64 = 0

    init() {}

    func judge(_ batch: RecordBatch) -> Verdict {
        guard batch.hasProducer else { return .append }
        guard let known = producers[batch.producerID] else {
            return batch.baseSequence == 0 ? .append : .refuse(.unknownProducerID)
        }
        if batch.producerEpoch < known.epoch { return .refuse(.invalidProducerEpoch) }
        if batch.producerEpoch > known.epoch {
            return batch.baseSequence == 0 ? .append : .refuse(.outOfOrderSequenceNumber)
        }
        guard let newest = known.batches.last, let oldest = known.batches.first else {
            return batch.baseSequence == 0 ? .append : .refuse(.outOfOrderSequenceNumber)
        }
        if batch.baseSequence == Sequence.next(after: newest.lastSequence) { return .append }
        let first = batch.baseSequence
        let last = batch.lastSequence
        if let same = known.batches.last(where: { $0.firstSequence == first && $0.lastSequence == last }) {
            return .duplicate(same)
        }
        return .refuse(
            Sequence.isBefore(last, oldest.firstSequence) ? .duplicateSequenceNumber : .outOfOrderSequenceNumber)
    }

    /// The batch is in the log from `firstOffset` on.
    mutating func remember(_ batch: RecordBatch, firstOffset: Int64, appendTime: Int64) {
        guard batch.hasProducer else { return }
        let entry = Batch(
            firstSequence: batch.baseSequence, lastSequence: batch.lastSequence, firstOffset: firstOffset,
            lastOffset: firstOffset + Int64(batch.lastOffsetDelta), appendTime: appendTime)
        if var known = producers.removeValue(forKey: batch.producerID), known.epoch == batch.producerEpoch {
            if known.batches.count == Self.batchesMax { known.batches.removeFirst() }
            known.batches.append(entry)
            producers[batch.producerID] = known
        } else {
            producers[batch.producerID] = Producer(epoch: batch.producerEpoch, batches: [entry])
            if producers.count > Self.producersMax { forgetOldest() }
        }
    }

    /// The batch could not be kept: those that were sent behind it are told that they come too early, and are sent
    /// again after it, instead of starting a sequence of their own.
    mutating func expect(_ batch: RecordBatch) {
        guard batch.hasProducer, batch.baseSequence == 0 else { return }
        if let known = producers[batch.producerID], known.epoch >= batch.producerEpoch { return }
        producers[batch.producerID] = Producer(epoch: batch.producerEpoch, batches: [])
    }

    /// What was found in the log itself counts for more than what is known here.
    mutating func prefer(_ found: ProducerStates) { producers.merge(found.producers) { _, found in found } }

    mutating func forgetSilent(at now: Int64) {
        producers = producers.filter { (_, producer) in
            (producer.batches.last?.appendTime ?? now) + Self.silenceMaxMilliseconds > now
        }
    }

    /// Forgets what was remembered of batches that are not in the log any more, from `offset` on.
    mutating func cut(from offset: Int64) {
        for (id, producer) in producers {
            let kept = producer.batches.filter { $0.lastOffset < offset }
            producers[id] = kept.isEmpty ? nil : Producer(epoch: producer.epoch, batches: kept)
        }
    }

    private mutating func forgetOldest() {
        let times = producers.values.map { $0.batches.last?.appendTime ?? 0 }.sorted()
        let limit = times[times.count / 4]
        producers = producers.filter { ($0.value.batches.last?.appendTime ?? 0) > limit }
    }
}

// MARK: on disk

extension ProducerStates {
    /// - Parameter endOffset: batches before it are in here, those from it on are not.
    func encoded(endOffset: Int64) -> [UInt8] {
        var writer = WireWriter()
        writer.int64(endOffset)
        writer.count(producers.count)
        for (id, producer) in producers {
            writer.int64(id)
            writer.int16(producer.epoch)
            writer.count(producer.batches.count)
            for batch in producer.batches {
                writer.int32(batch.firstSequence)
                writer.int32(batch.lastSequence)
                writer.int64(batch.firstOffset)
                writer.int64(batch.lastOffset)
                writer.int64(batch.appendTime)
            }
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(WireFailure) {
        var reader = WireReader(bytes)
        endOffset = try reader.int64()
        for _ in 0..<(try reader.count(itemBytesMin: 14)) {
            let id = try reader.int64()
            let epoch = try reader.int16()
            var batches: [Batch] = []
            for _ in 0..<(try reader.count(itemBytesMin: 32)) {
                batches.append(
                    Batch(
                        firstSequence: try reader.int32(), lastSequence: try reader.int32(),
                        firstOffset: try reader.int64(), lastOffset: try reader.int64(),
                        appendTime: try reader.int64()))
            }
            producers[id] = Producer(epoch: epoch, batches: batches)
        }
    }
}

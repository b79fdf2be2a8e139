import Switchboard

extension PartitionLog {
    /// Files at the end whose checksums are checked at the start. Older ones reached the disk long ago; they must still be
    /// a chain of batches from their first byte to their last.
    private static let checkedSegments = 2
    private static let producersFile = "producers"
    /// Behind the name of a file that was cut off the log: kept for whoever wants to look.
    private static let cutSuffix = ".cut"

    /// Reads the folder: batches that are whole and follow one another are the log; from the first that does not, all
    /// is cut. Zeros behind the last batch of a file are room that was set aside, and nothing is wrong with it.
    static func recover(folder: String, log: Log) throws(SystemFailure) -> (
        segments: [Segment], producers: ProducerStates
    ) {
        try Folder.make(folder)
        var producers = try savedProducers(folder)
        let savedEnd = producers.endOffset
        let bases = try Folder.names(in: folder).compactMap(Segment.baseOffset(named:)).sorted()
        var segments: [Segment] = []
        for (at, base) in bases.enumerated() {
            if let last = segments.last, last.nextOffset != base {
                try setAside(bases[at...], folder: folder, log: log)
                break
            }
            let segment = try Segment(folder: folder, baseOffset: base)
            let isChecked = at >= bases.count - checkedSegments
            let excess = try segment.recover(isChecked: isChecked) { batch in
                if batch.baseOffset >= savedEnd {
                    producers.remember(batch, firstOffset: batch.baseOffset, appendTime: batch.maxTimestamp)
                }
            }
            segments.append(segment)
            guard excess > 0 else { continue }
            let isReserve = try segment.isZeros(behind: segment.size)
            try segment.file.truncate(to: segment.size)
            if isReserve { continue }
            log.warning("cut an unfinished end", ["file": segment.file.path, "kept": segment.size, "cut": excess])
            try setAside(bases[(at + 1)...], folder: folder, log: log)
            break
        }
        if segments.isEmpty { segments.append(try Segment(folder: folder, baseOffset: savedEnd)) }
        producers.cut(from: segments[segments.count - 1].nextOffset)
        return (segments, producers)
    }

    private static func setAside(_ bases: ArraySlice<Int64>, folder: String, log: Log) throws(SystemFailure) {
        for base in bases {
            let path = "\(folder)/\(Segment.name(base))"
            log.error("set a file aside that does not follow the one before", ["file": path])
            try Folder.rename(path, to: path + cutSuffix)
        }
    }

    private static func savedProducers(_ folder: String) throws(SystemFailure) -> ProducerStates {
        guard let bytes = try Folder.contents(of: "\(folder)/\(producersFile)"),
            let payload = Checked.payload(of: bytes), let saved = try? ProducerStates(decoding: payload)
        else { return ProducerStates() }
        return saved
    }

    var producersPath: String { "\(folder)/\(Self.producersFile)" }

    /// What is known of producers, for when their batches are about to go.
    var encodedProducers: [UInt8] { Checked.bytes(of: producers.encoded(endOffset: endOffset)) }
}

/// A small file that knows whether it is whole: its checksum, then its content.
enum Checked {
    static func bytes(of payload: [UInt8]) -> [UInt8] {
        var writer = WireWriter()
        writer.uint32(CRC32C.checksum(of: payload[...]))
        writer.bytes.append(contentsOf: payload)
        return writer.bytes
    }

    static func payload(of bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count >= 4 else { return nil }
        let stored = UInt32(bitPattern: BigEndian.int32(bytes, at: 0))
        return CRC32C.checksum(of: bytes[4...]) == stored ? Array(bytes[4...]) : nil
    }
}

import Switchboard

extension PartitionLog {
    /// Files whose checksums are checked at the start: the last ones, and all that were written so shortly before the
    /// newest that the system may not have brought them to the disk (Linux does after half a minute). Older ones must
    /// still be a chain of batches from their first byte to their last.
    private static let checkedSegments = 2
    private static let unsyncedSeconds = 300
    private static let producersFile = "producers"
    /// Behind the name of a file that was cut off the log: kept for whoever wants to look.
    private static let cutSuffix = ".cut"

    /// Reads the folder: batches that are whole and follow one another are the log; from the first that does not, all
    /// is cut. Zeros behind the last batch of a file are room that was set aside, and nothing is wrong with it.
    static func recover(folder: String, log: Log) throws(SystemFailure) -> (
        segments: [Segment], unsynced: [File], producers: ProducerStates
    ) {
        try Folder.make(folder)
        var producers = try savedProducers(folder)
        let savedEnd = producers.endOffset
        var found = ProducerStates()
        let bases = try Folder.names(in: folder).compactMap(Segment.baseOffset(named:)).sorted()
        var segments: [Segment] = []
        var unsynced: [File] = []
        let newest = try bases.last.map { base throws(SystemFailure) in
            try File(reading: "\(folder)/\(Segment.name(base))").modifiedAt()
        }
        for (at, base) in bases.enumerated() {
            if let last = segments.last, last.nextOffset != base {
                try setAside(bases[at...], folder: folder, log: log)
                break
            }
            let segment = try Segment(folder: folder, baseOffset: base)
            let age = (newest ?? 0) - (try segment.file.modifiedAt())
            let isChecked = at >= bases.count - checkedSegments || age <= unsyncedSeconds
            if isChecked { unsynced.append(segment.file) }
            let excess = try segment.recover(isChecked: isChecked) { batch in
                found.remember(batch, firstOffset: batch.baseOffset, appendTime: batch.maxTimestamp)
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
        let end = segments[segments.count - 1].nextOffset
        producers.cut(from: end)
        // The log came back shorter than it was: what the file says of the rest must not be believed at the next start.
        if end < savedEnd {
            producers.prefer(found)
            try Folder.remove("\(folder)/\(producersFile)")
            try Folder.sync(folder)
        }
        return (segments, unsynced, producers)
    }

    private static func setAside(_ bases: ArraySlice<Int64>, folder: String, log: Log) throws(SystemFailure) {
        for base in bases {
            let path = "\(folder)/\(Segment.name(base))"
            log.error("set a file aside that does not follow the one before", ["file": path])
            try Folder.rename(path, to: path + cutSuffix)
        }
        // A loss of power must not give them their names back when other records have their offsets.
        try Folder.sync(folder)
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

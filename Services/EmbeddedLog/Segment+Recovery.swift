import Switchboard

extension Segment {
    /// Read at a time while a file is walked through.
    private static let chunkBytes = 1 << 20
    /// No batch is longer: a length beyond it is damage.
    private static let batchBytesMax = 64 << 20

    /// Walks through the file from its start, and takes note of each batch that is whole and follows the one before.
    ///
    /// - Parameter isChecked: also that its checksum is right; only the newest files can be torn, but the whole of an
    ///   older one must still be a chain of batches.
    /// - Returns: how many bytes behind the last good batch are none.
    func recover(isChecked: Bool, _ visit: (RecordBatch) -> Void) throws(SystemFailure) -> Int {
        let fileSize = try file.size()
        var chunk: [UInt8] = []
        var chunkStart = 0
        while size + RecordBatch.headBytes <= fileSize {
            var at = size - chunkStart
            if at + RecordBatch.headBytes > chunk.count {
                try load(&chunk, from: size, count: Self.chunkBytes)
                chunkStart = size
                at = 0
            }
            guard chunk.count >= RecordBatch.headBytes, let batch = RecordBatch(chunk, at: at),
                batch.byteCount <= Self.batchBytesMax, batch.baseOffset == nextOffset,
                size + batch.byteCount <= fileSize
            else { break }
            if isChecked {
                if at + batch.byteCount > chunk.count {
                    try load(&chunk, from: size, count: max(batch.byteCount, Self.chunkBytes))
                    chunkStart = size
                    at = 0
                }
                guard at + batch.byteCount <= chunk.count, RecordBatch.isIntact(chunk, at..<at + batch.byteCount) else {
                    break
                }
            }
            note(
                firstOffset: batch.baseOffset, lastOffset: batch.lastOffset, batch.byteCount, time: batch.maxTimestamp)
            visit(batch)
        }
        return fileSize - size
    }

    /// Whether the rest of the file, from `position` on, says nothing.
    func isZeros(behind position: Int) throws(SystemFailure) -> Bool {
        let fileSize = try file.size()
        var chunk: [UInt8] = []
        for start in stride(from: position, to: fileSize, by: Self.chunkBytes) {
            try load(&chunk, from: start, count: min(Self.chunkBytes, fileSize - start))
            if chunk.contains(where: { $0 != 0 }) { return false }
        }
        return true
    }

    private func load(_ chunk: inout [UInt8], from position: Int, count: Int) throws(SystemFailure) {
        chunk.removeAll(keepingCapacity: true)
        try file.read(into: &chunk, at: position, count: count)
    }
}

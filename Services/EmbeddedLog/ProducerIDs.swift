import Switchboard

/// Gives out the ids of idempotent producers; none twice, also after a crash: the file says up to where they may be
/// given out, and is ahead.
final class ProducerIDs {
    private static let blockSize: Int64 = 1000
    private let path: String
    private var nextID: Int64
    private var blockEnd: Int64

    init(path: String) throws(SystemFailure) {
        self.path = path
        if let bytes = try Folder.contents(of: path) {
            guard let payload = Checked.payload(of: bytes), payload.count == 8 else { throw .damaged(path) }
            nextID = BigEndian.int64(payload, at: 0)
        } else {
            nextID = 0
        }
        blockEnd = nextID
    }

    func next() throws(SystemFailure) -> Int64 {
        if nextID == blockEnd {
            var writer = WireWriter()
            writer.int64(blockEnd + Self.blockSize)
            try Folder.replace(path, with: Checked.bytes(of: writer.bytes))
            blockEnd += Self.blockSize
        }
        defer { nextID += 1 }
        return nextID
    }
}

import Switchboard

/// Gives out the ids of idempotent producers; none twice, also after a crash: the file says up to where they may be
/// given out, and is ahead.
final class ProducerIDs {
    private static let blockSize: Int64 = 1000
    /// With so few left, the next ones are written down: nobody waits for the disk but the first.
    private static let leastLeft: Int64 = blockSize / 2

    typealias Taken = (Result<Int64, SystemFailure>) -> Void

    private let path: String
    private let syncer: Syncer
    private var nextID: Int64
    private var blockEnd: Int64
    private var waiting: [Taken] = []
    private var isExtending = false

    init(path: String, syncer: Syncer) throws(SystemFailure) {
        self.path = path
        self.syncer = syncer
        if let bytes = try Folder.contents(of: path) {
            guard let payload = Checked.payload(of: bytes), payload.count == 8 else { throw .damaged(path) }
            nextID = BigEndian.int64(payload, at: 0)
        } else {
            nextID = 0
        }
        blockEnd = nextID
    }

    /// Calls `body` with the next id, at once or when the disk has it.
    func next(_ body: @escaping Taken) {
        waiting.append(body)
        giveOut()
        if blockEnd - nextID < Self.leastLeft { extend() }
    }

    private func giveOut() {
        while nextID < blockEnd, !waiting.isEmpty {
            nextID += 1
            waiting.removeFirst()(.success(nextID - 1))
        }
    }

    private func extend() {
        guard !isExtending else { return }
        isExtending = true
        let end = blockEnd + Self.blockSize
        var writer = WireWriter()
        writer.int64(end)
        syncer.replace(path, with: Checked.bytes(of: writer.bytes)) { [self] failure in
            isExtending = false
            if let failure {
                let refused = waiting
                waiting = []
                for body in refused { body(.failure(failure)) }
                return
            }
            blockEnd = end
            giveOut()
            if !waiting.isEmpty { extend() }
        }
    }
}

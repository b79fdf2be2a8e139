import Switchboard

/// The offsets that groups have committed, in memory and in one file that grows by a record per commit and is written
/// anew when most of it is out of date.
final class OffsetStore {
    struct Place: Hashable {
        var topic: String
        var partition: Int32
    }

    struct Commit: Equatable {
        var offset: Int64
        var leaderEpoch: Int32
        var metadata: String
    }

    private let path: String
    private let syncer: Syncer
    private var file: File
    private var size = 0
    private var isUnsynced = false
    private(set) var commitsByGroup: [String: [Place: Commit]] = [:]
    private var count = 0
    /// Bytes of the file that say what still holds, about.
    private var sizeWhenWhole = 0

    /// The file is written anew when it is longer than this and than twice what it was when last written.
    private static let compactionBytes = 4 << 20

    init(path: String, syncer: Syncer, log: Log) throws(SystemFailure) {
        self.path = path
        self.syncer = syncer
        file = try File(path: path)
        try recover(log)
    }

    var groupIDs: Set<String> { Set(commitsByGroup.keys) }

    func commit(group: String, _ commits: [(Place, Commit)]) throws(ErrorCode) {
        guard count + commits.count <= Limits.commits else { throw .policyViolation }
        var bytes: [UInt8] = []
        for (place, commit) in commits { bytes += Self.record(group, place, commit) }
        do {
            try file.write(bytes[...], at: size)
        } catch {
            try? file.truncate(to: size)
            syncer.report(error)
            throw .storageError
        }
        size += bytes.count
        for (place, commit) in commits { keep(group, place, commit) }
        isUnsynced = true
        syncer.note(self)
    }

    /// Forgets what all groups committed for a topic that is deleted.
    func forget(topic: String) throws(SystemFailure) {
        for (group, commits) in commitsByGroup {
            let kept = commits.filter { $0.key.topic != topic }
            count -= commits.count - kept.count
            commitsByGroup[group] = kept.isEmpty ? nil : kept
        }
        try compact()
    }

    func compactIfLarge() throws(SystemFailure) {
        if size > max(Self.compactionBytes, 2 * sizeWhenWhole) { try compact() }
    }

    private func compact() throws(SystemFailure) {
        var bytes: [UInt8] = []
        for (group, commits) in commitsByGroup {
            for (place, commit) in commits { bytes += Self.record(group, place, commit) }
        }
        try Folder.replace(path, with: bytes)
        file = try File(path: path)
        size = bytes.count
        sizeWhenWhole = size
    }

    private func keep(_ group: String, _ place: Place, _ commit: Commit) {
        if commitsByGroup[group, default: [:]].updateValue(commit, forKey: place) == nil { count += 1 }
    }

    // MARK: on disk

    /// Length and checksum of what follows them, then group, topic, partition, offset, epoch and metadata.
    private static func record(_ group: String, _ place: Place, _ commit: Commit) -> [UInt8] {
        var payload = WireWriter()
        payload.string(group)
        payload.string(place.topic)
        payload.int32(place.partition)
        payload.int64(commit.offset)
        payload.int32(commit.leaderEpoch)
        payload.string(commit.metadata)
        var record = WireWriter()
        record.count(payload.bytes.count)
        record.uint32(CRC32C.checksum(of: payload.bytes[...]))
        return record.bytes + payload.bytes
    }

    /// Reads the file up to the first record that is not whole, and cuts it there.
    private func recover(_ log: Log) throws(SystemFailure) {
        var bytes: [UInt8] = []
        try file.read(into: &bytes, at: 0, count: file.size())
        while size + 8 <= bytes.count {
            let length = Int(BigEndian.int32(bytes, at: size))
            let end = size + 8 + length
            guard length > 0, end <= bytes.count else { break }
            let stored = UInt32(bitPattern: BigEndian.int32(bytes, at: size + 4))
            guard CRC32C.checksum(of: bytes[size + 8..<end]) == stored, read(Array(bytes[size + 8..<end])) else {
                break
            }
            size = end
        }
        guard size < bytes.count else { return }
        log.warning("cut an unfinished end", ["file": path, "kept": size, "cut": bytes.count - size])
        try file.truncate(to: size)
    }

    private func read(_ payload: [UInt8]) -> Bool {
        var reader = WireReader(payload)
        do {
            let group = try reader.string()
            let place = Place(topic: try reader.string(), partition: try reader.int32())
            let commit = Commit(
                offset: try reader.int64(), leaderEpoch: try reader.int32(), metadata: try reader.string())
            keep(group, place, commit)
            return true
        } catch {
            return false
        }
    }
}

extension OffsetStore: Syncable {
    func takeUnsynced() -> Unsynced {
        defer { isUnsynced = false }
        return Unsynced(files: isUnsynced ? [file] : [], position: Int64(size))
    }

    func synced(to position: Int64) {}
}

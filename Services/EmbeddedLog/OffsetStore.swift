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
        /// When it was committed, or last seen to be in use; Unix milliseconds.
        var time: Int64
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
    /// When it was last looked for commits that nobody needs any more.
    private var lastExpiry: Int64 = 0

    /// The file is written anew when it is longer than this and than twice what it was when last written.
    private static let compactionBytes = 4 << 20

    private static let expiryInterval: Int64 = 600_000
    /// Commits of a group that has members get a new time when theirs is older.
    private static let renewalMilliseconds: Int64 = 12 * 3600 * 1000
    /// In a record, in the place of a topic: all that the group has committed before is forgotten.
    private static let everyTopic = ""

    /// - Parameter now: the time of what was committed without one.
    init(path: String, syncer: Syncer, log: Log, now: Int64 = WallClock.milliseconds) throws(SystemFailure) {
        self.path = path
        self.syncer = syncer
        file = try File(path: path)
        try recover(log, now)
    }

    var groupIDs: Set<String> { Set(commitsByGroup.keys) }

    func commit(group: String, _ commits: [(Place, Commit)]) throws(ErrorCode) {
        guard count + commits.count <= Limits.commits else { throw .policyViolation }
        try append(commits.flatMap { Self.record(group, $0.0, $0.1) })
        for (place, commit) in commits { keep(group, place, commit) }
    }

    /// Forgets what the group committed.
    func forget(group: String) throws(ErrorCode) {
        let place = Place(topic: Self.everyTopic, partition: -1)
        let nothing = Commit(offset: -1, leaderEpoch: -1, metadata: "", time: 0)
        try append(Self.record(group, place, nothing))
        keep(group, place, nothing)
    }

    private func append(_ bytes: [UInt8]) throws(ErrorCode) {
        do {
            try file.write(bytes[...], at: size)
        } catch {
            try? file.truncate(to: size)
            syncer.report(error)
            throw .storageError
        }
        size += bytes.count
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

    /// Now and then: forgets what groups without members committed long ago, and remembers that those with members are in
    /// use.
    func expireIfDue(at now: Int64, hasMembers: (String) -> Bool) throws(SystemFailure) {
        guard now - lastExpiry >= Self.expiryInterval else { return }
        lastExpiry = now
        var isChanged = false
        for (group, commits) in commitsByGroup {
            if hasMembers(group) {
                let old = commits.filter { now - $0.value.time >= Self.renewalMilliseconds }
                guard !old.isEmpty else { continue }
                for (place, var commit) in old {
                    commit.time = now
                    keep(group, place, commit)
                }
            } else {
                let kept = commits.filter { now - $0.value.time < Limits.commitKeptMilliseconds }
                guard kept.count < commits.count else { continue }
                count -= commits.count - kept.count
                commitsByGroup[group] = kept.isEmpty ? nil : kept
            }
            isChanged = true
        }
        if isChanged { try compact() }
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
        if place.topic == Self.everyTopic {
            count -= commitsByGroup.removeValue(forKey: group)?.count ?? 0
            return
        }
        if commitsByGroup[group, default: [:]].updateValue(commit, forKey: place) == nil { count += 1 }
    }

    // MARK: on disk

    /// Length and checksum of what follows them, then group, topic, partition, offset, epoch, metadata and time.
    private static func record(_ group: String, _ place: Place, _ commit: Commit) -> [UInt8] {
        var payload = WireWriter()
        payload.string(group)
        payload.string(place.topic)
        payload.int32(place.partition)
        payload.int64(commit.offset)
        payload.int32(commit.leaderEpoch)
        payload.string(commit.metadata)
        payload.int64(commit.time)
        var record = WireWriter()
        record.count(payload.bytes.count)
        record.uint32(CRC32C.checksum(of: payload.bytes[...]))
        return record.bytes + payload.bytes
    }

    /// Reads the file up to the first record that is not whole, and cuts it there.
    private func recover(_ log: Log, _ now: Int64) throws(SystemFailure) {
        var bytes: [UInt8] = []
        try file.read(into: &bytes, at: 0, count: file.size())
        while size + 8 <= bytes.count {
            let length = Int(BigEndian.int32(bytes, at: size))
            let end = size + 8 + length
            guard length > 0, end <= bytes.count else { break }
            let stored = UInt32(bitPattern: BigEndian.int32(bytes, at: size + 4))
            guard CRC32C.checksum(of: bytes[size + 8..<end]) == stored, read(Array(bytes[size + 8..<end]), now) else {
                break
            }
            size = end
        }
        guard size < bytes.count else { return }
        log.warning("cut an unfinished end", ["file": path, "kept": size, "cut": bytes.count - size])
        try file.truncate(to: size)
    }

    private func read(_ payload: [UInt8], _ now: Int64) -> Bool {
        var reader = WireReader(payload)
        do {
            let group = try reader.string()
            let place = Place(topic: try reader.string(), partition: try reader.int32())
            let commit = Commit(
                offset: try reader.int64(), leaderEpoch: try reader.int32(), metadata: try reader.string(),
                time: reader.isAtEnd ? now : try reader.int64())
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

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

    private struct Draft {
        let file: File
        var size: Int
    }

    /// What may be kept beside what is.
    struct Room {
        var commits = Limits.commits
        var metadataBytes = Limits.offsetMetadataBytesOfAll

        /// Takes the place of a commit from the room, and gives back that of the one before it. Below zero only while what
        /// a file holds is read, which is kept whatever it is.
        mutating func exchange(_ before: Commit?, for after: Commit?) {
            commits += (before == nil ? 0 : 1) - (after == nil ? 0 : 1)
            metadataBytes += (before?.metadata.utf8.count ?? 0) - (after?.metadata.utf8.count ?? 0)
        }
    }

    private let path: String
    private let syncer: Syncer
    private var file: File
    private var size = 0
    private var isUnsynced = false
    /// While the file is written anew, what is committed goes to both: whichever is there after a crash has all of it.
    private var draft: Draft?
    /// What was forgotten is in the file still.
    private var mustCompact = false
    private(set) var commitsByGroup: [String: [Place: Commit]] = [:]
    private var room: Room
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
    /// In the place of a partition: all that it has committed for the topic is.
    private static let everyPartition: Int32 = -1
    private static let nothing = Commit(offset: -1, leaderEpoch: -1, metadata: "", time: 0)

    /// - Parameters:
    ///   - room: for all groups together.
    ///   - now: the time of what was committed without one.
    init(path: String, syncer: Syncer, log: Log, room: Room = Room(), now: Int64 = WallClock.milliseconds)
        throws(SystemFailure)
    {
        self.path = path
        self.syncer = syncer
        self.room = room
        file = try File(path: path)
        try recover(log, now)
    }

    var groupIDs: Set<String> { Set(commitsByGroup.keys) }

    /// Keeps those for which there is room. What takes no more room than what it replaces is always taken, so that groups
    /// go on when there is none left.
    /// - Returns: of each commit what became of it: `policyViolation` (too many), `offsetMetadataTooLarge` (for what all
    ///   together may have), `storageError`.
    func commit(group: String, _ commits: [(Place, Commit)]) -> [ErrorCode] {
        var left = room
        var taken: [Place: Commit] = [:]
        var records: [UInt8] = []
        var codes: [ErrorCode] = []
        for (place, commit) in commits {
            let before = taken[place] ?? commitsByGroup[group]?[place]
            var then = left
            then.exchange(before, for: commit)
            if then.commits < min(left.commits, 0) {
                codes.append(.policyViolation)
            } else if then.metadataBytes < min(left.metadataBytes, 0) {
                codes.append(.offsetMetadataTooLarge)
            } else {
                codes.append(.none)
                left = then
                taken[place] = commit
                records += Self.record(group, place, commit)
            }
        }
        guard !taken.isEmpty else { return codes }
        do { try append(records) } catch { return codes.map { $0 == .none ? error : $0 } }
        for (place, commit) in taken { keep(group, place, commit) }
        return codes
    }

    /// Forgets what the group committed.
    func forget(group: String) throws(ErrorCode) {
        let place = Place(topic: Self.everyTopic, partition: Self.everyPartition)
        try append(Self.record(group, place, Self.nothing))
        keep(group, place, Self.nothing)
    }

    /// Forgets what all groups committed for a topic that is deleted.
    func forget(topic: String) {
        var records: [UInt8] = []
        for group in Array(commitsByGroup.keys)
        where commitsByGroup[group]?.keys.contains(where: { $0.topic == topic }) == true {
            let place = Place(topic: topic, partition: Self.everyPartition)
            records += Self.record(group, place, Self.nothing)
            keep(group, place, Self.nothing)
        }
        guard !records.isEmpty else { return }
        do { try append(records) } catch { mustCompact = true }
    }

    /// At the start: forgets what was committed for topics that are not there, whose deletion came to the disk and this
    /// did not.
    func forgetTopics(except isThere: (String) -> Bool) throws(SystemFailure) {
        let gone = Set(commitsByGroup.values.flatMap { $0.keys.map(\.topic) }).filter { !isThere($0) }
        guard !gone.isEmpty else { return }
        for topic in gone { forget(topic: topic) }
        try file.sync()
    }

    private func append(_ bytes: [UInt8]) throws(ErrorCode) {
        do {
            if let draft { try draft.file.write(bytes[...], at: draft.size) }
            try file.write(bytes[...], at: size)
        } catch {
            try? file.truncate(to: size)
            if let draft { try? draft.file.truncate(to: draft.size) }
            syncer.report(error)
            throw .storageError
        }
        size += bytes.count
        draft?.size += bytes.count
        isUnsynced = true
        syncer.note(self)
    }

    /// Now and then: forgets what groups without members committed long ago, and remembers that those with members are in
    /// use.
    func expireIfDue(at now: Int64, hasMembers: (String) -> Bool) {
        guard now - lastExpiry >= Self.expiryInterval else { return }
        lastExpiry = now
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
                replace(group, commits, with: kept)
            }
            mustCompact = true
        }
    }

    /// Writes the file anew, on the disk's thread, when too much of it is out of date.
    func compactIfDue() {
        guard draft == nil, mustCompact || size > max(Self.compactionBytes, 2 * sizeWhenWhole) else { return }
        var bytes: [UInt8] = []
        for (group, commits) in commitsByGroup {
            for (place, commit) in commits { bytes += Self.record(group, place, commit) }
        }
        let draftPath = path + ".new"
        let draft: Draft
        do {
            try Folder.remove(draftPath)
            draft = Draft(file: try File(path: draftPath), size: bytes.count)
        } catch {
            return syncer.report(error)
        }
        self.draft = draft
        mustCompact = false
        syncer.rewrite({ [path, file = draft.file, bytes] () throws(SystemFailure) in
            try file.write(bytes[...], at: 0)
            try file.sync()
            try Folder.rename(draftPath, to: path)
            if let slash = path.lastIndex(of: "/") { try Folder.sync(String(path[..<slash])) }
        }) { [self] failure in compacted(byteCount: bytes.count, failure) }
    }

    private func compacted(byteCount: Int, _ failure: SystemFailure?) {
        guard let draft else { return }
        self.draft = nil
        if let failure {
            mustCompact = true
            return syncer.report(failure)
        }
        file = draft.file
        size = draft.size
        sizeWhenWhole = byteCount
    }

    private func keep(_ group: String, _ place: Place, _ commit: Commit) {
        if place.topic == Self.everyTopic || place.partition == Self.everyPartition {
            let commits = commitsByGroup[group] ?? [:]
            let isAll = place.topic == Self.everyTopic
            replace(group, commits, with: isAll ? [:] : commits.filter { $0.key.topic != place.topic })
            return
        }
        room.exchange(commitsByGroup[group, default: [:]].updateValue(commit, forKey: place), for: commit)
    }

    private func replace(_ group: String, _ commits: [Place: Commit], with kept: [Place: Commit]) {
        for commit in commits.values { room.exchange(commit, for: nil) }
        for commit in kept.values { room.exchange(nil, for: commit) }
        commitsByGroup[group] = kept.isEmpty ? nil : kept
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
        let files = draft.map { [file, $0.file] } ?? [file]
        return Unsynced(files: isUnsynced ? files : [], position: Int64(size))
    }

    func synced(to position: Int64) {}
}

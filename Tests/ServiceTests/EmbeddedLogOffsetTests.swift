import Switchboard
import Testing

@testable import EmbeddedLog

/// What groups have committed, through restarts, torn files and time.
@Suite(.serialized) final class EmbeddedLogOffsetTests {
    private let folder: String
    private let loop = EventLoop(name: "test")
    private let disk = EventLoop(name: "test-disk")
    private let log = Log(service: "test", level: .error, sink: { _ in })
    private static let day: Int64 = 24 * 3600 * 1000

    init() throws {
        folder = "/tmp/offsets-\(UInt64.random(in: 0 ... .max))"
        try Folder.make(folder)
        disk.start()
    }

    deinit {
        disk.stop()
        try? Folder.remove(folder)
    }

    private var path: String { "\(folder)/offsets" }

    private func syncer() -> Syncer {
        Syncer(policy: .never, loop: loop, disk: disk, log: log, onFailure: { _ in })
    }

    private func open(now: Int64 = 0) throws -> OffsetStore {
        let syncer = syncer()
        return try OffsetStore(path: path, syncer: syncer, log: log, now: now)
    }

    /// What keeping house does, to the end of the writing that follows from it.
    private func expire(_ store: OffsetStore, at now: Int64, hasMembers: (String) -> Bool) {
        store.expireIfDue(at: now, hasMembers: hasMembers)
        compact(store) {}
    }

    /// - Parameter meanwhile: done while the file is being written anew.
    private func compact(_ store: OffsetStore, _ meanwhile: () -> Void) {
        loop.runUntilDone { done in
            store.compactIfDue()
            meanwhile()
            syncer().flush(done)
        }
    }

    private func commit(
        _ store: OffsetStore, _ group: String, _ offset: Int64, partition: Int32 = 0, at time: Int64 = 0
    )
        throws
    {
        let commit = OffsetStore.Commit(offset: offset, leaderEpoch: -1, metadata: "note", time: time)
        let codes = store.commit(group: group, [(OffsetStore.Place(topic: "t", partition: partition), commit)])
        try #require(codes == [.none])
    }

    private func offset(_ store: OffsetStore, _ group: String, partition: Int32 = 0) -> Int64? {
        store.commitsByGroup[group]?[OffsetStore.Place(topic: "t", partition: partition)]?.offset
    }

    @Test func `a file torn at any byte of its last commit knows the one before, and goes on`() throws {
        let store = try open()
        try commit(store, "g", 5)
        let start = try #require(try Folder.contents(of: path)).count
        try commit(store, "g", 9)
        let whole = try #require(try Folder.contents(of: path))
        for cut in start..<whole.count {
            try Folder.replace(path, with: Array(whole[..<cut]))
            let again = try open()
            #expect(offset(again, "g") == 5, "cut at \(cut)")
            try commit(again, "g", 7)
            #expect(offset(try open(), "g") == 7, "cut at \(cut)")
        }
        try Folder.replace(path, with: whole)
        #expect(offset(try open(), "g") == 9)
    }

    @Test func `a byte changed anywhere in the last commit is noticed`() throws {
        let store = try open()
        try commit(store, "g", 5)
        let start = try #require(try Folder.contents(of: path)).count
        try commit(store, "g", 9)
        let whole = try #require(try Folder.contents(of: path))
        for at in start..<whole.count {
            var harmed = whole
            harmed[at] ^= 0x10
            try Folder.replace(path, with: harmed)
            #expect(offset(try open(), "g") == 5, "byte \(at - start)")
        }
    }

    @Test func `a group that is deleted stays deleted, and may begin anew`() throws {
        let store = try open()
        try commit(store, "g", 5)
        try commit(store, "other", 6)
        try store.forget(group: "g")
        #expect(store.groupIDs == ["other"])
        #expect(try open().groupIDs == ["other"])
        try commit(store, "g", 1, partition: 3)
        let again = try open()
        #expect(offset(again, "g") == nil && offset(again, "g", partition: 3) == 1 && offset(again, "other") == 6)
    }

    @Test func `what a group without members committed is forgotten after seven days, and not before`() throws {
        let store = try open()
        try commit(store, "g", 5, partition: 0, at: 0)
        try commit(store, "g", 6, partition: 1, at: Self.day)
        expire(store, at: 7 * Self.day - 1) { _ in false }
        #expect(offset(store, "g") == 5)
        expire(store, at: 7 * Self.day + 600_000) { _ in false }
        for store in [store, try open()] {
            #expect(offset(store, "g") == nil && offset(store, "g", partition: 1) == 6)
        }
        expire(store, at: 9 * Self.day) { _ in false }
        #expect(try open().groupIDs.isEmpty)
    }

    @Test func `a group with members keeps what it committed, and the seven days begin when they have gone`() throws {
        var store = try open()
        try commit(store, "g", 5)
        for day in 1...30 as ClosedRange<Int64> { expire(store, at: day * Self.day) { $0 == "g" } }
        store = try open()
        expire(store, at: 36 * Self.day) { _ in false }
        #expect(offset(store, "g") == 5)
        expire(store, at: 38 * Self.day) { _ in false }
        #expect(offset(store, "g") == nil)
    }

    @Test func `what is committed while the file is written anew is in the new one too`() throws {
        let store = try open()
        try commit(store, "gone", 1)
        try commit(store, "g", 1, at: 7 * Self.day)
        let long = try #require(try Folder.contents(of: path)).count
        store.expireIfDue(at: 7 * Self.day) { _ in false }
        compact(store) {
            for offset in 2...9 as ClosedRange<Int64> { try? commit(store, "g", offset, at: 7 * Self.day) }
            try? commit(store, "other", 4, at: 7 * Self.day)
        }
        try commit(store, "g", 10, at: 7 * Self.day)
        let again = try open()
        #expect(again.groupIDs == ["g", "other"])
        #expect(offset(again, "g") == 10 && offset(again, "other") == 4)
        #expect(again.commitsByGroup == store.commitsByGroup)
        compact(store) {}
        #expect(try #require(try Folder.contents(of: path)).count > long / 2)
    }

    @Test func `a topic that is deleted takes what was committed for it, in every group`() throws {
        let store = try open()
        for group in ["a", "b"] { try commit(store, group, 5) }
        let kept = OffsetStore.Commit(offset: 3, leaderEpoch: -1, metadata: "", time: 0)
        #expect(store.commit(group: "b", [(OffsetStore.Place(topic: "other", partition: 0), kept)]) == [.none])
        store.forget(topic: "t")
        for store in [store, try open()] {
            #expect(store.groupIDs == ["b"])
            #expect(store.commitsByGroup["b"]?.keys.map(\.topic) == ["other"])
        }
        try commit(store, "a", 1)
        #expect(offset(try open(), "a") == 1)
    }

    @Test func `a start forgets what was committed for topics that have gone`() throws {
        let store = try open()
        for group in ["a", "b"] { try commit(store, group, 5) }
        let kept = OffsetStore.Commit(offset: 3, leaderEpoch: -1, metadata: "", time: 0)
        #expect(store.commit(group: "b", [(OffsetStore.Place(topic: "other", partition: 0), kept)]) == [.none])
        let again = try open()
        try again.forgetTopics { $0 == "other" }
        for store in [again, try open()] {
            #expect(store.groupIDs == ["b"])
            #expect(store.commitsByGroup["b"]?.keys.map(\.topic) == ["other"])
        }
    }

    // MARK: limits of all groups together

    private func bounded(commits: Int = 100, metadataBytes: Int = 100) throws -> OffsetStore {
        let room = OffsetStore.Room(commits: commits, metadataBytes: metadataBytes)
        return try OffsetStore(path: path, syncer: syncer(), log: log, room: room, now: 0)
    }

    /// Commits for partitions 0, 1, … with notes of so many bytes.
    private func codes(_ store: OffsetStore, _ group: String, notes: [Int]) -> [ErrorCode] {
        store.commit(
            group: group,
            notes.enumerated().map { partition, byteCount in
                let note = String(repeating: "n", count: byteCount)
                return (
                    OffsetStore.Place(topic: "t", partition: Int32(partition)),
                    OffsetStore.Commit(offset: 1, leaderEpoch: -1, metadata: note, time: 0)
                )
            })
    }

    @Test func `notes beyond what all may have together are refused, and each other commit of the request is taken`()
        throws
    {
        var store = try bounded()
        #expect(
            codes(store, "a", notes: [60, 41, 40, 1, 0]) == [
                .none, .offsetMetadataTooLarge, .none, .offsetMetadataTooLarge, .none,
            ])
        store = try bounded()
        #expect(codes(store, "b", notes: [1, 0]) == [.offsetMetadataTooLarge, .none])
        #expect(codes(store, "a", notes: [60]) == [.none], "as long as the one before")
        #expect(codes(store, "a", notes: [61]) == [.offsetMetadataTooLarge])
        #expect(codes(store, "a", notes: [50]) == [.none])
        #expect(codes(store, "b", notes: [11]) == [.offsetMetadataTooLarge])
        #expect(codes(store, "b", notes: [10]) == [.none])
    }

    @Test func `what is forgotten makes room for notes and commits`() throws {
        let store = try bounded(commits: 3)
        #expect(codes(store, "a", notes: [50, 50]) == [.none, .none])
        try store.forget(group: "a")
        #expect(codes(store, "b", notes: [100, 0, 0, 0]) == [.none, .none, .none, .policyViolation])
        store.forget(topic: "t")
        #expect(codes(store, "c", notes: [100, 0, 0]) == [.none, .none, .none])
        expire(store, at: 8 * Self.day) { _ in false }
        #expect(codes(store, "d", notes: [100, 0, 0]) == [.none, .none, .none])
    }

    @Test func `a group that has committed goes on where no more may be kept`() throws {
        let store = try bounded(commits: 2)
        #expect(codes(store, "a", notes: [0, 0]) == [.none, .none])
        #expect(codes(store, "b", notes: [0]) == [.policyViolation])
        #expect(codes(store, "a", notes: [0, 0]) == [.none, .none])
    }

    @Test func `where the limits are lower than what a file holds, it is kept and does not grow`() throws {
        #expect(codes(try bounded(), "a", notes: [50, 50, 0]) == [.none, .none, .none])
        let store = try bounded(commits: 2, metadataBytes: 60)
        #expect(store.commitsByGroup["a"]?.count == 3)
        #expect(codes(store, "a", notes: [50, 51, 0]) == [.none, .offsetMetadataTooLarge, .none])
        #expect(codes(store, "a", notes: [0, 0, 0, 0]) == [.none, .none, .none, .policyViolation])
    }
}

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
    }

    deinit { try? Folder.remove(folder) }

    private var path: String { "\(folder)/offsets" }

    private func open(now: Int64 = 0) throws -> OffsetStore {
        let syncer = Syncer(policy: .never, loop: loop, disk: disk, log: log, onFailure: { _ in })
        return try OffsetStore(path: path, syncer: syncer, log: log, now: now)
    }

    private func commit(
        _ store: OffsetStore, _ group: String, _ offset: Int64, partition: Int32 = 0, at time: Int64 = 0
    )
        throws
    {
        let commit = OffsetStore.Commit(offset: offset, leaderEpoch: -1, metadata: "note", time: time)
        try store.commit(group: group, [(OffsetStore.Place(topic: "t", partition: partition), commit)])
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
        try store.expireIfDue(at: 7 * Self.day - 1) { _ in false }
        #expect(offset(store, "g") == 5)
        try store.expireIfDue(at: 7 * Self.day + 600_000) { _ in false }
        for store in [store, try open()] {
            #expect(offset(store, "g") == nil && offset(store, "g", partition: 1) == 6)
        }
        try store.expireIfDue(at: 9 * Self.day) { _ in false }
        #expect(try open().groupIDs.isEmpty)
    }

    @Test func `a group with members keeps what it committed, and the seven days begin when they have gone`() throws {
        var store = try open()
        try commit(store, "g", 5)
        for day in 1...30 as ClosedRange<Int64> { try store.expireIfDue(at: day * Self.day) { $0 == "g" } }
        store = try open()
        try store.expireIfDue(at: 36 * Self.day) { _ in false }
        #expect(offset(store, "g") == 5)
        try store.expireIfDue(at: 38 * Self.day) { _ in false }
        #expect(offset(store, "g") == nil)
    }
}

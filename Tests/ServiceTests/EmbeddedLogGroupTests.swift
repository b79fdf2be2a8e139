import Testing

@testable import EmbeddedLog

/// A group through all its states, told the time by the test.
@Suite struct EmbeddedLogGroupTests {
    private var group = Group(id: "g")
    private var now: Int64 = 0
    private var tickets = 0

    private func request(
        _ id: String = "", instance: String? = nil, offers: [String] = ["range"], asksForIDFirst: Bool = false
    ) -> Group.Join {
        Group.Join(
            memberID: id, instanceID: instance, sessionMilliseconds: 6000, rebalanceMilliseconds: 10_000,
            protocolType: "consumer", protocols: offers.map { Group.Offer(name: $0, metadata: Array($0.utf8)) },
            asksForIDFirst: asksForIDFirst)
    }

    /// Joins and returns the ticket; a new member gets `newID`.
    @discardableResult
    private mutating func join(_ request: Group.Join, newID: String = "?") -> Int {
        tickets += 1
        group.join(request, ticket: tickets, newID: newID, at: now)
        return tickets
    }

    @discardableResult
    private mutating func sync(_ id: String, _ assignments: [String: [UInt8]] = [:], instance: String? = nil) -> Int {
        tickets += 1
        group.sync(
            memberID: id, instanceID: instance, generation: group.generation, assignments: assignments,
            ticket: tickets, at: now)
        return tickets
    }

    /// The answer to a ticket, taken away.
    private mutating func answer(_ ticket: Int) -> Group.Reply? {
        guard let at = group.replies.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return group.replies.remove(at: at).reply
    }

    private mutating func joined(_ ticket: Int) -> Group.Joined? {
        guard case .joined(let joined) = answer(ticket) else { return nil }
        return joined
    }

    private mutating func pass(_ milliseconds: Int64) {
        now += milliseconds
        group.expire(at: now)
    }

    private mutating func heartbeat(_ id: String) -> ErrorCode {
        group.heartbeat(memberID: id, instanceID: nil, generation: group.generation, at: now)
    }

    /// Members `a` (the leader), `b`… in a stable group.
    private mutating func settle(_ ids: [String], instances: Bool = false) {
        for id in ids { join(request(instance: instances ? "i-\(id)" : nil), newID: id) }
        pass(Group.firstJoinMilliseconds)
        for id in ids.reversed() {
            sync(
                id, Dictionary(uniqueKeysWithValues: ids.map { ($0, Array($0.utf8)) }),
                instance: instances ? "i-\(id)" : nil)
        }
        group.replies = []
        #expect(group.state == .stable)
    }

    // MARK: tests

    @Test mutating func `the first members are waited for a moment, and the first of them leads`() throws {
        let first = join(request(), newID: "a")
        let second = join(request(), newID: "b")
        #expect(group.state == .preparing && answer(first) == nil)
        pass(Group.firstJoinMilliseconds)
        let leader = try #require(joined(first))
        let follower = try #require(joined(second))
        #expect(leader.leaderID == "a" && leader.members.map(\.id) == ["a", "b"] && leader.generation == 1)
        #expect(follower.leaderID == "a" && follower.members.isEmpty && follower.generation == 1)
        #expect(group.state == .completing)
    }

    @Test mutating func `all get their share when the leader has told it, also those that ask before`() {
        join(request(), newID: "a")
        join(request(), newID: "b")
        pass(Group.firstJoinMilliseconds)
        let early = sync("b")
        #expect(answer(early) == nil)
        let leader = sync("a", ["a": [1], "b": [2]])
        #expect(answer(early) == .synced(.none, assignment: [2]))
        #expect(answer(leader) == .synced(.none, assignment: [1]))
        #expect(group.state == .stable)
        #expect(answer(sync("b")) == .synced(.none, assignment: [2]))
    }

    @Test mutating func `a newcomer waits until the others have come again`() throws {
        settle(["a"])
        let newcomer = join(request(), newID: "b")
        #expect(answer(newcomer) == nil && heartbeat("a") == .rebalanceInProgress)
        let again = join(request("a"))
        #expect(try #require(joined(newcomer)).generation == 2)
        #expect(try #require(joined(again)).members.map(\.id) == ["a", "b"])
    }

    @Test mutating func `who does not come again within the rebalance timeout is left behind`() throws {
        settle(["a", "b"])
        let newcomer = join(request(), newID: "c")
        for _ in 0..<4 {
            pass(2500)
            _ = heartbeat("a")
            _ = heartbeat("b")
        }
        let alone = try #require(joined(newcomer))
        #expect(alone.leaderID == "c" && alone.members.map(\.id) == ["c"])
        #expect(heartbeat("a") == .unknownMemberID)
    }

    @Test mutating func `a member that is not heard of is gone after its session`() {
        settle(["a", "b"])
        pass(5000)
        #expect(heartbeat("a") == .none)
        pass(1000)
        #expect(group.members.map(\.id) == ["a"] && heartbeat("a") == .rebalanceInProgress)
    }

    @Test mutating func `a leader that dies before it has shared out lets the others begin anew`() {
        join(request(), newID: "a")
        join(request(), newID: "b")
        pass(Group.firstJoinMilliseconds)
        let waiting = sync("b")
        pass(6000)
        #expect(answer(waiting) == .synced(.rebalanceInProgress, assignment: []))
        #expect(group.members.map(\.id) == ["b"])
    }

    @Test mutating func `one that has joined and never asks for its share is left behind`() {
        join(request(), newID: "a")
        join(request(), newID: "b")
        pass(Group.firstJoinMilliseconds)
        sync("b")
        for _ in 0..<4 {
            pass(2500)
            _ = heartbeat("a")
        }
        #expect(group.members.map(\.id) == ["b"])
    }

    @Test mutating func `the last one leaving empties the group`() {
        settle(["a"])
        #expect(group.leave(memberID: "nobody", at: now) == .unknownMemberID)
        #expect(group.leave(memberID: "a", at: now) == .none)
        #expect(group.state == .empty && group.isUnused)
    }

    @Test mutating func `nothing moves when a follower asks again, all when the leader does`() throws {
        settle(["a", "b"])
        let again = try #require(joined(join(request("b"))))
        #expect(again.generation == 1 && group.state == .stable)
        join(request("a"))
        #expect(group.state == .preparing)
    }

    @Test mutating func `a follower that says something new about itself moves all`() {
        settle(["a", "b"])
        join(request("b", offers: ["range", "sticky"]))
        #expect(group.state == .preparing)
    }

    @Test mutating func `a new member is told its id first, and its promise ends with its session`() throws {
        settle(["a"])
        let told = try #require(joined(join(request(asksForIDFirst: true), newID: "b")))
        #expect(told.code == .memberIDRequired && told.memberID == "b" && group.state == .stable)
        let ticket = join(request("b", asksForIDFirst: true))
        join(request("a"))
        #expect(try #require(joined(ticket)).code == .none)
        _ = joined(join(request(asksForIDFirst: true), newID: "c"))
        for _ in 0..<3 {
            pass(2500)
            _ = heartbeat("a")
        }
        #expect(try #require(joined(join(request("c")))).code == .unknownMemberID)
    }

    @Test mutating func `a static member comes back as another and has what it had; the one before is fenced`() throws {
        settle(["a", "b"], instances: true)
        let back = try #require(joined(join(request(instance: "i-b"), newID: "b2")))
        #expect(back.memberID == "b2" && back.generation == 1 && back.leaderID == "a" && group.state == .stable)
        #expect(answer(sync("b2", instance: "i-b")) == .synced(.none, assignment: Array("b".utf8)))
        #expect(group.heartbeat(memberID: "b", instanceID: "i-b", generation: 1, at: now) == .fencedInstanceID)
        #expect(try #require(joined(join(request("b", instance: "i-b")))).code == .fencedInstanceID)
        let leader = try #require(joined(join(request(instance: "i-a"), newID: "a2")))
        #expect(leader.leaderID == "a" && leader.members.isEmpty && group.leaderID == "a2")
    }

    @Test mutating func `a static member that is away stays in a rebalance until its session ends`() {
        settle(["a", "b"], instances: true)
        let newcomer = join(request(), newID: "c")
        join(request("a", instance: "i-a"))
        #expect(answer(newcomer) == nil)
        pass(6000)
        #expect(answer(newcomer) != nil && group.members.map(\.id) == ["a", "c"])
    }

    @Test mutating func `static members that are all away keep their generation until their sessions end`() {
        settle(["a", "b"], instances: true)
        let waiting = join(request("a", instance: "i-a"))
        group.forget(ticket: waiting, at: now)
        for _ in 0..<11 {
            now += 1000
            _ = group.heartbeat(memberID: "a", instanceID: "i-a", generation: 1, at: now)
            _ = group.heartbeat(memberID: "b", instanceID: "i-b", generation: 1, at: now)
            group.expire(at: now)
        }
        #expect(group.state == .preparing && group.generation == 1)
        pass(6000)
        #expect(group.state == .empty)
    }

    @Test mutating func `the way that all understand and most like best is taken`() throws {
        let ticket = join(request(offers: ["sticky", "range"]), newID: "a")
        join(request(offers: ["range", "sticky"]), newID: "b")
        join(request(offers: ["range"]), newID: "c")
        pass(Group.firstJoinMilliseconds)
        #expect(try #require(joined(ticket)).protocolName == "range")
        #expect(try #require(joined(join(request(offers: ["sticky"])))).code == .inconsistentGroupProtocol)
    }

    @Test mutating func `commits are taken of members of this generation, or of anyone where nobody is in`() {
        func may(_ id: String, _ generation: Int32) -> ErrorCode {
            group.mayCommit(memberID: id, instanceID: nil, generation: generation, at: now)
        }
        #expect(may("", -1) == .none)
        #expect(may("a", 1) == .unknownMemberID)
        settle(["a", "b"])
        #expect(may("a", 1) == .none)
        #expect(may("a", 0) == .illegalGeneration)
        #expect(may("", -1) == .unknownMemberID)
        join(request("a"))
        #expect(may("b", 1) == .none)
        join(request("b"))
        #expect(may("b", 2) == .rebalanceInProgress)
    }

    @Test mutating func `a client that vanishes while it waits may come back within its session`() {
        settle(["a", "b"])
        let waiting = join(request("a"))
        group.forget(ticket: waiting, at: now)
        join(request("b"))
        #expect(group.state == .preparing)
        join(request("a"))
        #expect(group.state == .completing && group.members.count == 2)
    }
}

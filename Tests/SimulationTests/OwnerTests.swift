@testable import Switchboard
import Testing

@Suite struct `An owner that takes over` {
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))
    private let users = OwnerScene(UsersBook())

    @Test func `begins where nothing was decided with a marker and an opening`() {
        calls.takeOver()
        #expect(calls.owner.isOwning)
        #expect(calls.records.map(\.kind) == [.marker, .opening])
        calls.send(.end(.anna), for: callKey, "u/d/1", .anna)
        #expect(calls.records.last?.ordinal == 1)
        #expect(calls.records.last?.inboxOffset == 0)
    }

    @Test func `passes over what a zombie wrote behind its marker`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        let zombie = calls.records.last!
        calls.takeOver()
        var late = zombie
        late.ordinal += 1
        late.inboxOffset = 77
        late.facts = [.connected]
        calls.log.append((late.encoded(), calls.now))
        calls.takeOver()
        #expect(calls.owner.state(of: callKey)?.sequence == 1)
        #expect(calls.owner.inboxOffset == 0)
        #expect(calls.owner.skippedRecords == 1)
    }

    @Test func `passes over what nobody of ours wrote into the log, and says so once`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        let offset = Int64(calls.log.count)
        for text in ["[]", "nothing"] { calls.log.append((Array(text.utf8), calls.now)) }
        calls.takeOver()
        #expect(calls.owner.state(of: callKey)?.sequence == 1)
        #expect(calls.told.filter { if case .cannotRead = $0 { true } else { false } } == [.cannotRead(offset)])
    }

    @Test func `ends when another has written where its own record should stand`() {
        calls.takeOver()
        calls.log.append((Array("foreign".utf8), calls.now))
        calls.send(.end(.anna), for: callKey, "u/d/1", .anna)
        #expect(calls.endings == ["another owner has written"])
        #expect(calls.performed.isEmpty)
    }

    @Test func `ends when it sees the marker of another, and not at its own`() {
        calls.takeOver()
        func see(_ index: Int) { calls.log[index].bytes.withUnsafeBytes { calls.owner.see($0) } }
        see(0)
        see(1)
        #expect(calls.endings.isEmpty)
        var marker = LogRecord<CallFact>()
        marker.kind = .marker
        marker.incarnation = "another"
        calls.log.append((marker.encoded(), calls.now))
        see(2)
        #expect(calls.endings == ["another owner has begun"])
    }

    @Test func `tells the other's gateway where a device is that went over to another connection`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.send(.joined(.anna), for: callKey)
        calls.send(.accept(.ben), for: callKey, "u/d/2", .ben)
        calls.send(.joined(.ben), for: callKey)
        let elsewhere = Connection(partition: 0, gateway: "g2", number: 9)
        let count = calls.performed.count
        calls.send(
            .deviceUp(.init(user: .ben, device: Device(id: DeviceID("b"), connection: elsewhere))), for: callKey)
        let places = calls.performed.dropFirst(count).compactMap { performed -> Connection? in
            guard case .frame(.one, let entry) = performed.effect else { return nil }
            return entry.note?.inside?.peers.first?.connection
        }
        #expect(places == [elsewhere])
    }

    @Test func `performs again what was not acknowledged, and the same`() {
        calls.takeOver()
        calls.holdsEffects = true
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        let first = calls.performed.map(\.source)
        #expect(!first.isEmpty)
        calls.takeOver()
        #expect(Array(calls.performed.map(\.source).dropFirst(first.count)) == first)
    }

    @Test func `performs again what an ended user owes, though a renewal came between`() {
        users.takeOver(recordsMax: 6)
        users.send(.user(.login(.ben(1))), for: "app/ben")
        users.holdsEffects = true
        // Gone, and forgotten with it; the call that it sat in is told, and that is still under way.
        users.send(.user(.sit(.ben)), for: "app/ben")
        let owed = users.performed.last!.source
        users.send(.user(.unsit(.ben)), for: "app/ben")
        users.send(.user(.left(.ben)), for: "app/ben")
        users.send(.user(.lost(.ben(1))), for: "app/ben")
        for number in 0..<20 {
            users.send(.user(.login(.ben(UInt64(number + 2)))), for: "app/other\(number)")
            users.send(.user(.lost(.ben(UInt64(number + 2)))), for: "app/other\(number)")
        }
        #expect(users.records.filter { $0.kind == .marker }.count > 2)
        let count = users.performed.count
        users.takeOver()
        #expect(users.performed.dropFirst(count).contains { $0.source == owed })
    }

    @Test func `answers a command that was told to try again with its real outcome`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        let long = calls.now + .seconds(-11)
        calls.send(.end(.anna), for: callKey, "u/d/2", .anna, sentAt: long)
        #expect(calls.records.last?.refusal?.reason == .tryAgain)
        calls.takeOver()
        calls.send(.end(.anna), for: callKey, "u/d/2", .anna, sentAt: calls.now)
        #expect(calls.records.last?.kind == .facts)
    }

    @Test func `remembers an ended call as long as its commands may be repeated`() {
        calls.takeOver(recordsMax: 8)
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.send(.end(.anna), for: callKey, "u/d/2", .anna)
        // The next markers stand before anything else lives.
        for number in 0..<20 { calls.send(.accept(.ben), for: "app/other\(number)", "b/d/\(number)", .ben) }
        calls.now = calls.now + .seconds(100)
        for number in 0..<20 { calls.send(.end(.anna), for: "app/more\(number)", "u/d/\(number + 3)", .anna) }
        calls.takeOver()
        calls.send(.end(.anna), for: callKey, "u/d/2", .anna)
        #expect(calls.records.last?.kind == .facts, "it was accepted, and is answered alike")
        #expect(calls.records.last?.facts == [])
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        #expect(calls.records.last?.kind == .facts, "it was not answered before its end, and is refused by that alike")
        #expect(lastAnswer?.code == Refusal.Reason.tooLate.code)
    }

    @Test func `answers a start and an accept alike when they come again after the end`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.send(.joined(.anna), for: callKey)
        calls.send(.accept(.ben), for: callKey, "u/d/2", .ben)
        calls.send(.joined(.ben), for: callKey)
        calls.send(.end(.anna), for: callKey, "u/d/3", .anna)
        // Over connections that nobody has heard of, and by an owner that has it from the log.
        calls.takeOver()
        var (start, accept) = (CallInput.Start.anna, CallInput.Accept.ben)
        for (number, input, type) in [
            (1, CallInput.start(start), "call.start"), (2, .accept(accept), "call.accept"),
        ] {
            let again = Connection(partition: 0, gateway: "g2", number: UInt64(number))
            (start.by.device.connection, accept.by.device.connection) = (again, again)
            let reply = Reply(asker: Asker(connection: again, request: "9"), type: type)
            calls.send(input, for: callKey, "u/d/\(number)", reply)
            #expect(lastAnswer?.re == "9")
            #expect(lastAnswer?.code == 0)
            #expect(lastAnswer?.data.state == UserState.ended.code, "of the call as it is now")
            #expect(calls.records.last?.facts == [], "nothing stands behind the end")
        }
        // The same of a call that is over is late by any other command.
        calls.send(.start(.anna), for: callKey, "u/d/7", .anna)
        #expect(lastAnswer?.code == Refusal.Reason.tooLate.code)
    }

    @Test func `answers a start whose caller could not enter alike when it comes again`() {
        calls.takeOver()
        var start = CallInput.Start.anna
        start.by.asker = Reply.anna.asker
        calls.send(.start(start), for: callKey, "u/d/1", .anna)
        // Sent twice before there is an answer: both wait for it.
        let twice = Reply(asker: Asker(connection: .one, request: "8"), type: "call.start")
        start.by.asker = twice.asker
        calls.send(.start(start), for: callKey, "u/d/1", twice)
        #expect(lastAnswer == nil)
        var refused = CallInput.SeatRefused()
        (refused.user, refused.device) = (CallInput.By.anna.user, CallInput.By.anna.device.id)
        refused.reason = .insideAnotherRoom
        refused.room = RoomID("lobby")
        calls.send(.seatRefused(refused), for: callKey)
        let first = lastAnswer
        #expect(first?.re == "8")
        #expect(first?.code == Refusal.Reason.insideAnotherRoom.code)
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        #expect(lastAnswer?.code == first?.code)
        #expect(lastAnswer?.data.roomId == first?.data.roomId)
    }

    /// The last answer to a request.
    private var lastAnswer: HeardFrame? {
        for performed in calls.performed.reversed() {
            guard case .frame(_, let entry) = performed.effect, let frame = entry.frame,
                let heard = try? HeardFrame(json: frame.bytes), heard.re != nil
            else { continue }
            return heard
        }
        return nil
    }

    @Test func `knows of a forgotten call what the one before knew`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.send(.end(.anna), for: callKey, "u/d/2", .anna)
        calls.now = calls.now + CallSettings().tombstone + .seconds(1)
        calls.send(.end(.anna), for: callKey, "u/d/3", .anna)
        let before = calls.owner.state(of: callKey)
        calls.takeOver()
        #expect(calls.owner.state(of: callKey) == before)
    }

    @Test func `does not take a gateway for dead that it has not listened to`() {
        users.takeOver()
        users.send(.gateway(.beat(incarnation: "g1-1")), for: "/g1")
        users.now = users.now + .seconds(60)
        users.send(.gateway(.beat(incarnation: "g1-1")), for: "/g1")
        users.send(.user(.login(.ben(1))), for: "app/ben")
        users.takeOver()
        users.wait(.seconds(2))
        users.send(.gateway(.beat(incarnation: "g1-1")), for: "/g1")
        users.wait(.seconds(9))
        #expect(!users.records.contains { $0.facts.contains(.gateway(.died(incarnation: "g1-1"))) })
        users.wait(.seconds(20))
        #expect(users.records.contains { $0.facts.contains(.gateway(.died(incarnation: "g1-1"))) })
    }
}

@Suite struct `An owner` {
    private let calls = OwnerScene(CallBook(media: MediaGrants(urls: [])))
    private let users = OwnerScene(UsersBook())

    @Test func `takes over from itself when it has written enough, and goes on`() {
        calls.takeOver(recordsMax: 10)
        for number in 0..<40 { calls.send(.end(.anna), for: "app/c\(number)", "u/d/\(number)", .anna) }
        #expect(calls.endings.isEmpty)
        #expect(calls.records.filter { $0.kind == .marker }.count > 4)
        #expect(calls.records.filter { $0.command != nil }.count == 40)
        calls.takeOver()
        #expect(calls.owner.inboxOffset == 39)
        #expect(calls.owner.liveCount == 40)
    }

    @Test func `fires a deadline only when the inbox was read to the end asked for after it`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        let expiresAt = calls.owner.state(of: callKey)!.expiresAt
        calls.now = expiresAt + .milliseconds(-1)
        calls.put(.accept(.ben), for: callKey, "b/d/1", .ben)
        let inbox = calls.inbox
        calls.inbox.removeLast()
        calls.now = expiresAt + .milliseconds(5)
        calls.holdsTheEnd = true
        calls.tick()
        #expect(calls.asksForTheEnd == 1)
        #expect(calls.owner.state(of: callKey)?.isLive == true)
        // The accept was on its way all the time.
        calls.inbox = inbox
        calls.answerTheEnd()
        #expect(calls.owner.state(of: callKey)?.participant(.ben)?.state == .connecting)
    }

    @Test func `waits longer for what was silent while it could not listen`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.send(.accept(.ben), for: callKey, "b/d/1", .ben)
        calls.now = calls.now + .seconds(35)
        calls.tick(stalledFor: .seconds(35))
        calls.wait(.seconds(4))
        #expect(calls.owner.state(of: callKey)?.isLive == true)
        calls.wait(.seconds(40))
        #expect(calls.owner.state(of: callKey)?.isLive == false)
    }

    @Test func `gives the same command one effect and the same answer`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.send(.end(.anna), for: callKey, "u/d/2", .anna)
        let sequence = calls.owner.state(of: callKey)?.sequence
        calls.send(.end(.anna), for: callKey, "u/d/2", .anna)
        calls.send(.end(.anna), for: callKey, "u/d/3", .anna)
        #expect(calls.owner.state(of: callKey)?.sequence == sequence)
        #expect(calls.records.suffix(2).map(\.kind) == [.facts, .refusal])
    }

    @Test(arguments: [false, true])
    func `answers an accept over a connection it has not heard of with the call`(_ isFirst: Bool) throws {
        calls.takeOver()
        var start = CallInput.Start.anna
        var presence = Presence()
        presence.devices = [CallInput.By.ben.device]
        start.presences = [presence, nil]
        calls.seen = start.presences
        calls.send(.start(start), for: callKey, "u/d/1", .anna)
        if !isFirst { calls.send(.accept(.ben), for: callKey, "u/d/2", .ben) }
        let again = Connection(partition: 0, gateway: "g2", number: 1)
        var accept = CallInput.Accept.ben
        accept.by.device.connection = again
        calls.send(
            .accept(accept), for: callKey, "u/d/2",
            Reply(asker: Asker(connection: again, request: "1"), type: "call.accept"))
        guard case .frame(let connection, let entry)? = calls.performed.last?.effect else {
            Issue.record("the accept is not answered")
            return
        }
        #expect(connection == again)
        let answer = String(decoding: try #require(entry.frame).bytes, as: UTF8.self)
        #expect(answer.contains("\"participants\""))
        #expect(calls.records.last?.facts.first.map { if case .accepted = $0 { true } else { false } } == isFirst)
    }

    @Test func `fires what is due though an input that came later waits for something`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.holdsTheEnd = true
        calls.wait(CallSettings().ringTimeout)
        let end = calls.inbox.count
        calls.holdsLooks = true
        calls.send(.start(.anna), for: "app/other", "u/d/2", .anna)
        #expect(calls.owner.state(of: callKey)?.isLive == true)
        calls.answerTheEnd(end)
        #expect(calls.owner.state(of: callKey)?.endReason == .noAnswer)
    }

    @Test func `fires nothing before an input that came in time is decided`() {
        calls.takeOver()
        calls.send(.start(.anna), for: callKey, "u/d/1", .anna)
        calls.holdsTheEnd = true
        calls.wait(CallSettings().ringTimeout)
        calls.holdsLooks = true
        calls.send(.start(.anna), for: "app/other", "u/d/2", .anna)
        calls.answerTheEnd()
        #expect(calls.owner.state(of: callKey)?.isLive == true)
    }

    @Test func `takes an effect once, however often it is sent`() {
        let mark = SourceMark(ledger: .users, partition: 1, offset: 9, index: 0)
        users.takeOver()
        users.send(.user(.sit(.ben)), for: "app/ben", source: mark)
        users.send(.user(.left(.ben)), for: "app/ben")
        users.takeOver()
        users.send(.user(.sit(.ben)), for: "app/ben", source: mark)
        #expect(users.owner.state(of: "app/ben")?.seat == nil)
    }

    @Test func `passes over what it cannot read`() {
        calls.takeOver()
        calls.inbox.append((callKey, Array("{\"input\":".utf8), calls.now))
        calls.send(.end(.anna), for: callKey, "u/d/1", .anna)
        #expect(calls.records.last?.inboxOffset == 1)
        #expect(calls.endings.isEmpty)
    }

    @Test func `takes a gateway's death for the loss of each of its connections`() {
        users.takeOver()
        for number in 1...3 { users.send(.user(.login(.ben(UInt64(number)))), for: "app/u\(number)") }
        users.send(.user(.login(.ben(9, "g2"))), for: "app/u9")
        users.send(.gatewayDied(incarnation: "g1"), for: "/g1")
        #expect(
            users.owner.entries.filter { !$0.key.hasPrefix("/") && $0.value.state.forgetAt == nil }.map(\.key) == [
                "app/u9"
            ])
        #expect(users.records.suffix(3).map(\.inboxOffset) == [3, 3, 3])
    }
}

private let callKey = "app/0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11"

extension UsersEntry {
    fileprivate var seat: User.Seat? { if case .user(let user) = self { user.seat } else { nil } }
}

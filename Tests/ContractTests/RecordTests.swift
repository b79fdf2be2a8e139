import Switchboard
import Testing

private func read<M: Message>(_ text: String, as _: M.Type = M.self) throws(CodingFailure) -> M {
    try M(json: Array(text.utf8))
}

@Suite struct `A log record` {
    @Test func `of a level above ours shows its level and whose it is, whatever else stands in it`() throws {
        let record: LogRecord<CallFact> = try read(
            #"{"level":99,"incarnation":"5f0c","ordinal":41,"kind":"merger","time":"noon","#
                + #""facts":[{"fact":"teleported"}]}"#)
        #expect(record.level == 99 && record.level > LogRecord<CallFact>.levelRead)
        #expect(record.incarnation == "5f0c" && record.ordinal == 41)
        #expect(record.facts.isEmpty)
    }

    @Test func `of our level is not read where it has a fact that is unknown`() {
        let text =
            #"{"level":1,"incarnation":"5f0c","ordinal":41,"kind":"facts","inboxOffset":7,"time":0,"#
            + #""performedThrough":-1,"replayFrom":0,"key":"a/b","sequence":1,"#
            + #""facts":[{"fact":"connected"},{"fact":"teleported"}]}"#
        #expect(throws: CodingFailure(.unknownValue, path: "facts[1].fact")) {
            try read(text, as: LogRecord<CallFact>.self)
        }
    }

    @Test func `is read with its members in any order`() throws {
        let record: LogRecord<RoomFact> = try read(
            #"{"facts":[{"kind":"call","sessionId":"s","fact":"opened"}],"sequence":3,"key":"a/b","replayFrom":0,"#
                + #""performedThrough":-1,"time":9,"inboxOffset":7,"kind":"facts","ordinal":1,"incarnation":"i","level":1}"#
        )
        var opened = RoomFact.Opened()
        opened.session = SessionID("s")
        #expect(record.facts == [.opened(opened)] && record.sequence == 3 && record.ordinal == 1)
    }

    @Test func `carries every member to where it belongs`() throws {
        let line = try #require(try golden("LogRecord").first { $0.contains(#""kind":"facts""#) })
        let record: LogRecord<CallFact> = try read(line)
        #expect(record.kind == .facts && record.level == 1 && record.incarnation == "5f0c" && record.ordinal == 41)
        #expect(
            record.inboxOffset == 9_007_199_254_740_993 && record.time == Timestamp(milliseconds: 1_700_000_000_123))
        #expect(record.performedThrough == 8 && record.replayFrom == 3 && record.sequence == 4)
        #expect(record.key == "app1/0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11" && record.command == "anna/phone-1/c-1")
        #expect(record.source == SourceMark(ledger: .users, partition: 31, offset: 9_007_199_254_740_993, index: 2))
        let asker = Asker(connection: Connection(partition: 17, gateway: "gw-3f", number: 1), request: "7")
        #expect(record.reply == Reply(asker: asker, type: "call.accept"))
        #expect(record.facts.map(\.name) == [.accepted, .connected])
        #expect(record.refusal == nil && record.marks == [])
    }

    @Test func `of a refusal carries what the answer will say`() throws {
        let line = try #require(try golden("LogRecord").first { $0.contains(#""field":"#) })
        let refusal = try read(line, as: LogRecord<CallFact>.self).refusal
        var expected = Refusal(.insideAnotherRoom, field: "data.callId")
        expected.call = CallID("1c9f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c12")
        expected.room = RoomID("1c9f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c12")
        expected.device = DeviceID("tablet_2")
        expected.end = .cancelled
        expected.users = [UserID("carl")]
        expected.capacity = 16
        expected.count = 17
        #expect(refusal == expected)
    }

    private func golden(_ name: String) throws -> [String] {
        try GoldenFile(name, LogRecord<CallFact>.self).lines()
    }
}

@Suite struct `A started call` {
    @Test func `is read with every member where it belongs`() throws {
        let line = try #require(try GoldenFile("CallFact", CallFact.self).lines().first)
        let connection = Connection(partition: 17, gateway: "gw-3f", number: 1)
        let anna = Profile(name: "Anna Özil", avatarUrl: "https://a.example/1.png")
        var ben = CallFact.Callee()
        ben.user = UserID("ben@work")
        ben.profile = anna
        ben.devices = [
            Device(
                id: DeviceID("tablet_2"), connection: Connection(partition: 17, gateway: "gw-3f", number: 3),
                platform: .android)
        ]
        ben.busy = .busyRinging
        var carl = CallFact.Callee()
        carl.user = UserID("carl")
        var expected = CallFact.Started()
        expected.caller = UserID("anna")
        expected.device = Device(id: DeviceID("phone-1"), connection: connection, platform: .ios)
        expected.profile = anna
        expected.asker = Asker(connection: connection, request: "7")
        expected.appIdentifier = "com.example.app"
        expected.extra = "x"
        expected.takeover = true
        expected.expiresAt = Timestamp(milliseconds: 1_700_000_060_000)
        expected.callees = [ben, carl]
        expected.callerDevices = [Device(id: DeviceID("laptop"), connection: nil, platform: .web)]
        #expect(try read(line) == CallFact.started(expected))
    }
}

/// Words of enums that stand in records, one enum a line; none may be renamed or taken away.
@Suite struct `The words of records` {
    @Test func `are those of the golden list, and no others`() throws {
        let golden = try GoldenFile("Words", Presence.self).lines()
        let ours = [
            words(EndReason.self), words(EndCause.self), words(Refusal.Reason.self), words(UserState.self),
            words(Platform.self), words(RoomKind.self), words(CallType.self), words(MediaType.self),
            words(CallInput.MediaCondition.self), words(LedgerName.self),
        ]
        #expect(ours == golden)
    }

    private func words<Word: CaseIterable & RawRepresentable<String>>(_: Word.Type) -> String {
        let words = Word.allCases.map { "\"\($0.rawValue)\"" }.sorted().joined(separator: ",")
        return "{\"\(String(reflecting: Word.self).replacing("Switchboard.", with: ""))\":[\(words)]}"
    }
}

import Switchboard
import Testing

@Suite struct `A room` {
    private struct Stage {
        var room = Room()
        var now = Timestamp(milliseconds: 1_000_000)

        mutating func send(_ input: RoomInput) -> [RoomFact] {
            let facts = (try? room.handle(input, at: now)) ?? []
            for fact in facts { room.apply(fact, at: now) }
            return facts
        }

        mutating func join(
            _ user: String, seat: Int = 1, _ mediaType: MediaType = .audio, _ kind: RoomKind = .call,
            in session: String = "s1"
        ) -> String {
            var join = RoomInput.Join()
            join.user = UserID(user)
            join.device = Device("\(user)Phone", 1)
            join.seat = seat
            join.kind = kind
            join.mediaType = mediaType
            join.session = SessionID(session)
            return words(send(.join(join)))
        }

        mutating func leave(_ user: String, seat: Int = 1, _ reason: EndReason = .ended) -> String {
            var leave = RoomInput.Leave()
            leave.user = UserID(user)
            leave.seat = seat
            leave.reason = reason
            return words(send(.leave(leave)))
        }

        private func words(_ facts: [RoomFact]) -> String {
            facts.isEmpty ? "–" : facts.map(\.word).joined(separator: " ")
        }
    }

    @Test func `is made by the first join, with its session, and closed by the last leave`() {
        var stage = Stage()
        #expect(stage.join("anna") == "opened joined as 1")
        #expect(stage.room.session == SessionID("s1"))
        #expect(stage.join("ben", in: "s2") == "joined as 2")
        #expect(stage.room.session == SessionID("s1"))
        #expect(stage.leave("anna") == "left ended as 1")
        #expect(stage.room.forgetAt == nil)
        #expect(stage.leave("ben", .connectionError) == "left connectionError as 2 closed")
        #expect(stage.room.session == nil && stage.room.lastSession == SessionID("s1"))
        #expect(stage.room.forgetAt == stage.now)
    }

    @Test func `begins another session when it is entered again, and counts its joins from one`() {
        var stage = Stage()
        _ = stage.join("anna")
        _ = stage.join("ben")
        _ = stage.leave("anna")
        _ = stage.leave("ben")
        #expect(stage.join("anna", seat: 2, in: "s2") == "opened joined as 1")
        #expect(stage.join("ben", seat: 2, in: "s2") == "joined as 2")
        #expect(stage.room.session == SessionID("s2"))
    }

    @Test func `takes the same join once`() {
        var stage = Stage()
        _ = stage.join("anna")
        #expect(stage.join("anna") == "–")
        #expect(stage.room.members.count == 1)
    }

    @Test func `is left once, and by that seat alone`() {
        var stage = Stage()
        #expect(stage.leave("anna") == "–")
        _ = stage.join("anna", seat: 3)
        _ = stage.join("ben")
        #expect(stage.leave("anna", seat: 2) == "–")
        #expect(stage.leave("ben", seat: 3) == "–")
        #expect(stage.leave("anna", seat: 3) == "left ended as 1")
        #expect(stage.leave("anna", seat: 3) == "–")
    }

    @Test func `lets in sixteen who may send video, and thirty-two in all`() {
        var stage = Stage()
        for n in 1...16 { #expect(stage.join("v\(n)", .video).contains("joined")) }
        #expect(stage.join("late", .video) == "refused full")
        for n in 1...16 { #expect(stage.join("a\(n)", .audio).contains("joined")) }
        #expect(stage.join("late", .audio) == "refused full")
        _ = stage.leave("v1")
        #expect(stage.join("late", .video) == "joined as 33")
    }

    @Test func `is of one kind while it lives`() {
        var stage = Stage()
        _ = stage.join("anna")
        #expect(stage.join("ben", .audio, .conference) == "refused roomOfAnotherKind")
        _ = stage.leave("anna")
        #expect(stage.join("ben", .audio, .conference) == "opened joined as 1")
    }

    @Test func `asks for no time`() {
        var stage = Stage()
        _ = stage.join("anna")
        #expect(stage.room.deadlines == Deadlines())
        #expect(stage.send(.timer) == [])
    }
}

extension RoomFact {
    var word: String {
        switch self {
        case .opened: "opened"
        case .joined(let joined): "joined as \(joined.joinID)"
        case .refused(let refused): "refused \(refused.reason)"
        case .left(let left): "left \(left.reason) as \(left.joinID)"
        case .closed: "closed"
        }
    }
}

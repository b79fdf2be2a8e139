import SignalingGateway
import Switchboard
import Testing

@Suite struct `Losses of connections` {
    private var losses = Losses()

    private static func gone(_ number: UInt64, in life: String = "g1") -> UserInput.Gone {
        let connection = Connection(partition: 0, gateway: life, number: number)
        return UserInput.Gone(device: DeviceID("phone"), connection: connection)
    }

    /// What Kafka took, while it has room.
    private mutating func tell(room: Int) -> [Losses.Loss] {
        var taken: [Losses.Loss] = []
        losses.tell { loss in
            guard taken.count < room else { return false }
            taken.append(loss)
            return true
        }
        return taken
    }

    @Test mutating func `that Kafka does not take are told when it does, and once`() {
        for number: UInt64 in 1...3 { losses.add(Self.gone(number), of: "app/anna") }
        #expect(tell(room: 0).isEmpty && losses.count == 3)
        let first = tell(room: 2)
        #expect(first.map(\.gone.connection.number) == [1, 2] && first.map(\.user) == ["app/anna", "app/anna"])
        let rest = tell(room: 10)
        #expect(rest.map(\.gone.connection.number) == [3])
        #expect(tell(room: 10).isEmpty && losses.count == 3)
        for loss in first + rest { losses.settle(loss, true) }
        #expect(losses.count == 0)
    }

    @Test mutating func `that did not arrive are told again`() throws {
        losses.add(Self.gone(1), of: "app/anna")
        let loss = try #require(tell(room: 1).first)
        losses.settle(loss, false)
        #expect(tell(room: 1) == [loss])
        losses.settle(loss, true)
        #expect(tell(room: 1).isEmpty && losses.count == 0)
    }

    @Test mutating func `of one socket in two lives are two`() {
        for life in ["g1", "g2"] { losses.add(Self.gone(1, in: life), of: "app/anna") }
        #expect(tell(room: 10).map(\.gone.connection.gateway) == ["g1", "g2"])
        #expect(losses.count == 2)
    }
}

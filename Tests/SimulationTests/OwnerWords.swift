import Switchboard

extension Reply {
    static let anna = Reply(asker: Asker(connection: .one, request: "7"), type: "call.start")
    static let ben = Reply(asker: Asker(connection: .two, request: "8"), type: "call.accept")
}

extension Connection {
    static let one = Connection(partition: 0, gateway: "g1", number: 1)
    static let two = Connection(partition: 0, gateway: "g1", number: 2)
}

extension UserID { static let ben = UserID("ben") }

extension CallInput.By {
    static let anna = Self(user: UserID("anna"), device: Device(id: DeviceID("a"), connection: .one))
    static let ben = Self(user: .ben, device: Device(id: DeviceID("b"), connection: .two))
}

extension CallInput.Start {
    static var anna: Self {
        var start = Self()
        start.by = .anna
        start.callees = [.ben]
        return start
    }
}

extension CallInput.End {
    static var anna: Self {
        var end = Self()
        end.by = .anna
        return end
    }
}

extension CallInput.Accept {
    static var ben: Self {
        var accept = Self()
        accept.by = .ben
        return accept
    }
}

extension UserInput.Login {
    static func ben(_ number: UInt64, _ gateway: String = "g1") -> Self {
        var login = Self()
        login.device = Device(
            id: DeviceID("b"), connection: Connection(partition: 0, gateway: gateway, number: number))
        return login
    }
}

extension UserInput.Gone {
    static func ben(_ number: UInt64) -> Self {
        Self(device: DeviceID("b"), connection: Connection(partition: 0, gateway: "g1", number: number))
    }
}

extension UserInput.Sit {
    static var ben: Self {
        var sit = Self()
        sit.room = RoomID("lobby")
        sit.device = Device(id: DeviceID("b"), connection: .two)
        return sit
    }
}

extension UserInput.Unsit {
    static var ben: Self {
        var unsit = Self()
        unsit.room = RoomID("lobby")
        unsit.device = DeviceID("b")
        return unsit
    }
}

extension UserInput.LeftRoom {
    static var ben: Self {
        var left = Self()
        left.room = RoomID("lobby")
        left.seat = 1
        return left
    }
}

extension CallInput.Media {
    static var anna: Self {
        var media = Self()
        media.by = .anna
        media.camera = false
        return media
    }
}

extension CallInput.Joined {
    static var anna: Self { Self(CallInput.By.anna, "1") }
    static var ben: Self { Self(CallInput.By.ben, "2") }

    private init(_ by: CallInput.By, _ joinID: String) {
        self.init()
        user = by.user
        device = by.device.id
        self.joinID = JoinID(joinID)
        session = SessionID("s")
    }
}

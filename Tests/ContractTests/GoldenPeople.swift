import Switchboard

/// Who lives in golden files. Their names stand in lines that are never changed.
enum GoldenPeople {
    static let app = AppKey("app")
    static let call = CallID("0b8f2b0e-8a49-4a4e-9f0e-2f1f0a6f5c11")
    static let (anna, ben) = (UserID("anna"), UserID("ben@work"))
    static let phone = device("phone-1", 1, .ios)
    static let tablet = device("tablet_2", 3, .android)
    static let profile = Profile(name: "Anna Özil", avatarUrl: "https://a.example/1.png")
    static let began = Timestamp(milliseconds: 1_700_000_000_000)

    static func device(_ id: String, _ number: UInt64, _ platform: Platform) -> Device {
        Device(id: DeviceID(id), connection: connection(number), platform: platform)
    }

    static func connection(_ number: UInt64) -> Connection {
        Connection(partition: 17, gateway: "gw-3f", number: number)
    }

    static var application: ApplicationInput.Create {
        var create = ApplicationInput.Create()
        create.name = "Fernsprecher"
        (create.development.appKey, create.development.appSecret) = (AppKey("dev"), "not a secret")
        (create.production.appKey, create.production.appSecret) = (AppKey("prod"), "none either")
        (create.signingKey.keyID, create.signingKey.publicKey) = ("k1", "MFkw")
        return create
    }
}

extension Device {
    /// The same device over another connection.
    func over(_ number: UInt64) -> Device {
        Device(id: id, connection: GoldenPeople.connection(number), platform: platform)
    }
}

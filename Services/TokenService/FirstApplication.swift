import Switchboard

/// The application that is there from the first start, so that a fresh installation can be used at once.
enum FirstApplication {
    static let applicationID = "first"
    /// The same for every copy: however many ask at once, one application is made.
    static let command = "token-service/first-application"

    private static let appKeyLength = 18
    private static let appSecretLength = 40

    static func create(signedBy key: SigningKey, named keyID: String) throws(SigningFailure) -> ApplicationInput.Create
    {
        var create = ApplicationInput.Create()
        create.name = "First application"
        create.development = environment()
        create.production = environment()
        create.signingKey.keyID = keyID
        create.signingKey.publicKey = try key.verifyingKey.base64
        return create
    }

    private static func environment() -> Environment {
        var environment = Environment()
        environment.appKey = AppKey(alphanumeric(appKeyLength))
        environment.appSecret = alphanumeric(appSecretLength)
        return environment
    }

    /// Each character with the same chance: bytes beyond the last whole run of the alphabet are thrown away.
    private static func alphanumeric(_ length: Int) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
        let fair = 256 / alphabet.count * alphabet.count
        var text: [UInt8] = []
        while text.count < length {
            text += SecureRandom.bytes(length).filter { Int($0) < fair }.map { alphabet[Int($0) % alphabet.count] }
        }
        return String(decoding: text.prefix(length), as: UTF8.self)
    }

    /// What the operator reads its keys from; the file is replaced as a whole.
    static func write(_ created: ApplicationInput.Create, into folder: String) throws(SystemFailure) {
        var file = FirstApplicationFile()
        file.appKey = created.production.appKey
        file.appSecret = created.production.appSecret
        file.development = created.development
        let bytes = file.encoded() + [UInt8(ascii: "\n")]
        let path = "\(folder)/first-application.json"
        guard try Folder.contents(of: path) != bytes else { return }
        try Folder.replace(path, with: bytes)
    }
}

/// Production's keys on top: what an app server needs.
private struct FirstApplicationFile: Message {
    var applicationID = FirstApplication.applicationID
    var appKey = AppKey()
    var appSecret = ""
    var development = Environment()

    mutating func fields(_ c: inout Coder) throws(CodingFailure) {
        try c("applicationId", &applicationID)
        try c("appKey", &appKey)
        try c("appSecret", &appSecret)
        try c("development", &development)
    }
}

/// Where Redis is, and how patient to be with it.
package struct RedisSettings: Sendable {
    package var host: String
    package var port: UInt16
    package var user: String?
    package var password: Secret?
    package var database: Int
    /// How to speak TLS; nil: bare. The server must prove to be `host`.
    package var tls: TLSFiles?
    /// Shown by `CLIENT LIST`.
    package var name: String

    /// With commands waiting and no answer for so long, the connection is given up; so is an attempt to connect.
    package var timeout: Duration = .seconds(2)
    /// Commands that were sent and not answered; one more is answered with `tooManyWaiting`.
    package var waitingMax = 50_000
    /// Between attempts to connect; doubled after each, and blurred by a quarter so that clients do not come at once.
    package var retryDelayMin: Duration = .milliseconds(50)
    package var retryDelayMax: Duration = .seconds(2)

    /// Of what was told in parts.
    package init(host: String, port: UInt16, database: Int, name: String) {
        self.host = host
        self.port = port
        self.database = database
        self.name = name
    }

    /// - Parameter url: `redis://[[user]:password@]host[:port][/database]`, or `rediss://…` for TLS; user and password
    ///   percent-encoded.
    /// - Throws: `badAddress`, without the password.
    package init(url: String, name: String) throws(RedisFailure) {
        guard let scheme = ["redis://", "rediss://"].first(where: url.hasPrefix) else {
            throw .badAddress("a Redis address starts with redis:// or rediss://")
        }
        if scheme == "rediss://" { tls = TLSFiles() }
        var rest = url.dropFirst(scheme.count)
        database = 0
        if let slash = rest.lastIndex(of: "/") {
            let number = rest[rest.index(after: slash)...]
            rest = rest[..<slash]
            if !number.isEmpty {
                guard let database = Int(number), (0..<databaseCountMax).contains(database) else {
                    throw .badAddress("the database is not a number")
                }
                self.database = database
            }
        }
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            rest = rest[rest.index(after: at)...]
            guard parts.count == 2, let user = percentDecoded(parts[0]), let password = percentDecoded(parts[1]) else {
                throw .badAddress("what stands before @ is not user:password")
            }
            self.user = user.isEmpty ? nil : user
            self.password = password.isEmpty ? nil : Secret(password)
        }
        var host = rest
        port = 6379
        let afterAddress = rest.lastIndex(of: "]") ?? rest.startIndex
        if let colon = rest[afterAddress...].lastIndex(of: ":") {
            guard let port = UInt16(rest[rest.index(after: colon)...]), port > 0 else {
                throw .badAddress("the port is not a number from 1 to 65535")
            }
            self.port = port
            host = rest[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw .badAddress("no host") }
        self.host = String(host)
        self.name = name
    }
}

private let databaseCountMax = 1_000_000

private func percentDecoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.popFirst(), let low = rest.popFirst(),
            let decoded = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
        else { return nil }
        bytes.append(decoded)
    }
    return String(validating: bytes, as: UTF8.self)
}

/// What is asked of a server elsewhere.
package struct HTTPClientRequest: Sendable {
    package var method: String
    /// `http` or `https`, absolute.
    package var url: String
    package var headers: [(String, String)]
    package var body: [UInt8]
    /// From `send` to the end of the answer, waiting for a turn included; the client's own without it.
    package var totalWithin: Duration?
    /// Numeric addresses to connect to instead of those the name stands for; they must be allowed too.
    package var addresses: [String]

    package init(
        method: String = "GET", url: String, headers: [(String, String)] = [], body: [UInt8] = [],
        totalWithin: Duration? = nil, addresses: [String] = []
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.totalWithin = totalWithin
        self.addresses = addresses
    }
}

/// What a server elsewhere answered. Redirects are answers like others.
package struct HTTPClientResponse: Sendable {
    package let status: Int
    /// Names in lower case, in the order they came.
    package let headers: [(name: String, value: String)]
    /// At most `answerBytesMax` bytes.
    package let body: [UInt8]
    /// There was more, which was not read.
    package let isBodyCut: Bool

    package func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name == wanted }?.value
    }
}

/// Why there is no answer.
package struct HTTPClientFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// The request itself cannot be sent: URL, method, headers. Trying again changes nothing.
        case badRequest
        /// `allows` said no to every address there was.
        case addressRefused
        case nameUnknown
        case connectFailed
        case tlsFailed
        case timedOut
        /// The connection ended, or what came was no HTTP.
        case answerBroken
        /// The client has as much to do as it may hold.
        case overloaded
        case closed
    }

    package let kind: Kind
    package let description: String

    /// The same request may do better later.
    package var mayPass: Bool {
        switch kind {
        case .badRequest, .addressRefused: false
        case .nameUnknown, .connectFailed, .tlsFailed, .timedOut, .answerBroken, .overloaded, .closed: true
        }
    }

    init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        description = "\(kind.rawValue): \(reason)"
    }
}

/// What one client bears, and whom it may speak to.
package struct HTTPClientSettings: Sendable {
    /// Requests on their way; the next wait.
    package var concurrentMax = 256
    /// Requests on their way or waiting; the next fail as `overloaded`.
    package var heldMax = 10_000
    package var connectWithin = Duration.seconds(5)
    package var totalWithin = Duration.seconds(15)
    /// Of an answer's body; the rest is not read.
    package var answerBytesMax = 64 << 10
    /// Of an answer's headers; above it the answer is broken.
    package var answerHeadBytesMax = 16 << 10
    /// Connections kept open for later.
    package var keptConnectionsMax = 256
    package var userAgent = "Switchboard"
    /// Certificates to trust, a PEM file; the system's without it.
    package var certificatesFile: String?
    /// Asked with the numeric address before each connection is opened, on the client's thread: what a name stood for a
    /// moment ago cannot get around it. `PublicAddress.isPublic` keeps requests out of one's own network.
    package var allows: @Sendable (String) -> Bool = { _ in true }

    package init() {}
}

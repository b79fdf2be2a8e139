import Switchboard

/// The Server API of webhook endpoints: decode, write, answer when it is known here. On the loop.
final class EndpointDoor {
    private let api: ServerAPI
    private let book: EndpointBook
    private let admin: KafkaAdmin
    private let settings: LedgerSettings
    private let allowsPrivate: Bool

    private static let path = "/v1/callbacks/endpoints"
    private static let endpointsMax = 20
    private static let typesMax = 100
    private static let descriptionBytesMax = 1_024

    init(api: ServerAPI, book: EndpointBook, admin: KafkaAdmin, settings: LedgerSettings, allowsPrivate: Bool) {
        self.api = api
        self.book = book
        self.admin = admin
        self.settings = settings
        self.allowsPrivate = allowsPrivate
    }

    func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let isOne = request.path.hasPrefix(Self.path + "/")
        guard isOne || request.path == Self.path else { return responder.respond(ServerAPI.unknownPath(request)) }
        let id = String(request.path.dropFirst(Self.path.count + 1))
        api.admit(request, responder) { [self] key in
            let app = AppKey(key)
            guard book.isComplete else {
                return responder.respond(ServerAPI.failure(503, Refusal.Reason.tryAgain.code, "starting", to: request))
            }
            switch (request.method, isOne) {
            case ("POST", false): add(app, request, responder)
            case ("GET", false): list(app, responder)
            case ("GET", true): show(app, id, request, responder)
            case ("DELETE", true): remove(app, id, request, responder)
            default:
                responder.respond(ServerAPI.wrongMethod(request, allowed: isOne ? "GET, DELETE" : "GET, POST"))
            }
        }
    }

    private func add(_ app: AppKey, _ request: HTTPRequest, _ responder: HTTPResponder) {
        func refuse(_ flaw: String) {
            responder.respond(ServerAPI.failure(400, Refusal.Reason.malformed.code, flaw, to: request))
        }
        let body: Body
        do throws(CodingFailure) { body = try Body(json: request.body) } catch { return refuse(error.description) }
        if let flaw = body.flaw ?? WebhookTarget.flaw(body.url, allowsPrivate: allowsPrivate) { return refuse(flaw) }
        guard book.endpoints(of: app).count < Self.endpointsMax else {
            return responder.respond(
                ServerAPI.failure(409, Refusal.Reason.full.code, "there are \(Self.endpointsMax) already", to: request))
        }
        let places = (0..<settings.partitions).map { KafkaPartition(Topic.callbacks, $0) }
        admin.endOffsets(of: places) { [self] result in
            guard case .success(let ends) = result else {
                return responder.respond(
                    ServerAPI.failure(503, Refusal.Reason.tryAgain.code, "try again", to: request))
            }
            var endpoint = CallbackEndpoint()
            endpoint.id = SecureRandom.uuid()
            endpoint.app = app
            endpoint.url = body.url
            endpoint.types = body.types
            endpoint.enabled = body.enabled ?? true
            endpoint.description = body.description
            endpoint.secret = WebhookSignature.freshSecret()
            endpoint.starts = places.map { ends[$0] ?? 0 }
            book.write(endpoint) {
                responder.respond(.json(201, Shown(endpoint, secret: endpoint.secret).encoded()))
            }
        }
    }

    private func list(_ app: AppKey, _ responder: HTTPResponder) {
        var page = Page()
        page.items = book.endpoints(of: app).map { Shown($0) }
        responder.respond(.json(200, page.encoded()))
    }

    private func show(_ app: AppKey, _ id: String, _ request: HTTPRequest, _ responder: HTTPResponder) {
        guard let endpoint = book.endpoint(id), endpoint.app == app else {
            return responder.respond(ServerAPI.unknownPath(request))
        }
        responder.respond(.json(200, Shown(endpoint).encoded()))
    }

    private func remove(_ app: AppKey, _ id: String, _ request: HTTPRequest, _ responder: HTTPResponder) {
        guard var endpoint = book.endpoint(id), endpoint.app == app else {
            return responder.respond(ServerAPI.unknownPath(request))
        }
        endpoint.isGone = true
        endpoint.version += 1
        endpoint.secret = ""
        book.write(endpoint) { responder.respond(HTTPResponse(status: 204)) }
    }

    /// What is asked for.
    private struct Body: Message {
        var url = ""
        var types: [String] = []
        var enabled: Bool?
        var description: String?
        var signature: String?
        var identifiers: Opaque?
        var legacy: Opaque?

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("url", &url)
            try c("types", &types, countMax: EndpointDoor.typesMax)
            try c("identifiers", &identifiers)
            try c("legacy", &legacy)
            try c("signature", &signature)
            try c("enabled", &enabled)
            try c("description", &description, max: EndpointDoor.descriptionBytesMax)
        }

        var flaw: String? {
            if types.isEmpty { return "types: missing" }
            if !types.allSatisfy(CallbackEndpoint.isPattern) { return "types: malformed" }
            // Something else than was asked for is worse than nothing.
            if identifiers != nil { return "identifiers: not possible here" }
            if legacy != nil { return "legacy: not possible here" }
            return signature ?? "v1" == "v1" ? nil : "signature: only v1 is possible here"
        }
    }

    /// An endpoint as its owner sees it.
    private struct Shown: Message {
        var endpoint = CallbackEndpoint()
        var secret: String?

        init() {}
        init(_ endpoint: CallbackEndpoint, secret: String? = nil) {
            self.endpoint = endpoint
            self.secret = secret
        }

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            var signature = "v1"
            try c("id", &endpoint.id)
            try c("url", &endpoint.url)
            try c("types", &endpoint.types)
            try c("signature", &signature)
            try c("enabled", &endpoint.enabled)
            try c("description", &endpoint.description)
            try c("secret", &secret)
        }
    }

    private struct Page: Message {
        var items: [Shown] = []
        mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("items", &items) }
    }
}

import Switchboard

/// The Server API of webhook endpoints: decode, write, answer when it is known here. On the loop.
final class EndpointDoor {
    private let api: ServerAPI
    private let webhooks: Webhooks
    private let admin: KafkaAdmin
    private let settings: LedgerSettings
    private let allowsPrivate: Bool

    private static let path = "/v1/callbacks/endpoints"
    private static let endpointsMax = 20
    /// Both secrets sign for so long after a rotation.
    private static let secretsOverlap: Duration = .seconds(86_400)
    static let typesMax = 100
    static let typeBytesMax = 64
    static let descriptionBytesMax = 1_024

    private var book: EndpointBook { webhooks.book }

    init(api: ServerAPI, webhooks: Webhooks, admin: KafkaAdmin, settings: LedgerSettings, allowsPrivate: Bool) {
        self.api = api
        self.webhooks = webhooks
        self.admin = admin
        self.settings = settings
        self.allowsPrivate = allowsPrivate
    }

    func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard let place = Place(request.path) else { return responder.respond(ServerAPI.unknownPath(request)) }
        api.admit(request, responder) { [self] key in
            let app = AppKey(key)
            guard book.isComplete else {
                return responder.respond(ServerAPI.failure(503, Refusal.Reason.tryAgain.code, "starting", to: request))
            }
            guard case .one(let id, let part) = place else {
                switch request.method {
                case "POST": return add(app, request, responder)
                case "GET": return list(app, responder)
                default: return responder.respond(ServerAPI.wrongMethod(request, allowed: "GET, POST"))
                }
            }
            guard let endpoint = book.endpoint(id), endpoint.app == app else {
                return responder.respond(ServerAPI.unknownPath(request))
            }
            switch (part, request.method) {
            case (.itself, "GET"): responder.respond(.json(200, Shown(endpoint).encoded()))
            case (.itself, "PATCH"): change(endpoint, request, responder)
            case (.itself, "DELETE"): remove(endpoint, request, responder)
            case (.test, "POST"): test(endpoint, responder)
            case (.rotation, "POST"): rotate(endpoint, request, responder)
            case (.itself, _): responder.respond(ServerAPI.wrongMethod(request, allowed: "GET, PATCH, DELETE"))
            case (.test, _), (.rotation, _): responder.respond(ServerAPI.wrongMethod(request, allowed: "POST"))
            }
        }
    }

    /// What a path under the endpoints' stands for.
    private enum Place {
        case all
        case one(String, Part)

        enum Part: String {
            case itself = ""
            case test = "/test"
            case rotation = "/secret/rotate"
        }

        init?(_ path: String) {
            if path == EndpointDoor.path {
                self = .all
                return
            }
            guard path.hasPrefix(EndpointDoor.path + "/") else { return nil }
            let rest = path.dropFirst(EndpointDoor.path.count + 1)
            let id = rest.prefix { $0 != "/" }
            guard !id.isEmpty, let part = Part(rawValue: String(rest.dropFirst(id.count))) else { return nil }
            self = .one(String(id), part)
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
        askStarts(request, responder) { [self] starts in
            var endpoint = CallbackEndpoint()
            endpoint.id = SecureRandom.uuid()
            endpoint.app = app
            endpoint.url = body.url
            endpoint.types = body.types
            endpoint.enabled = body.enabled ?? true
            endpoint.description = body.description
            endpoint.secret = WebhookSignature.freshSecret()
            endpoint.starts = starts
            write(endpoint, request, responder) { .json(201, Shown(endpoint, secret: endpoint.secret).encoded()) }
        }
    }

    private func list(_ app: AppKey, _ responder: HTTPResponder) {
        var page = Page()
        page.items = book.endpoints(of: app).map { Shown($0) }
        responder.respond(.json(200, page.encoded()))
    }

    private func change(_ known: CallbackEndpoint, _ request: HTTPRequest, _ responder: HTTPResponder) {
        func refuse(_ flaw: String) {
            responder.respond(ServerAPI.failure(400, Refusal.Reason.malformed.code, flaw, to: request))
        }
        let change: Change
        do throws(CodingFailure) {
            change = try Change(json: request.body)
        } catch {
            return refuse(error.description)
        }
        var endpoint = known
        if let url = change.url {
            if let flaw = WebhookTarget.flaw(url, allowsPrivate: allowsPrivate) { return refuse(flaw) }
            endpoint.url = url
        }
        if let types = change.types {
            guard !types.isEmpty, types.allSatisfy(CallbackEndpoint.isPattern) else {
                return refuse("types: malformed")
            }
            endpoint.types = types
        }
        endpoint.description = change.description ?? known.description
        endpoint.enabled = change.enabled ?? known.enabled
        guard endpoint.enabled, !known.enabled else {
            return write(endpoint, request, responder) { .json(200, Shown(endpoint).encoded()) }
        }
        // It gets what comes from now on.
        askStarts(request, responder) { [self] starts in
            endpoint.starts = starts
            write(endpoint, request, responder) { .json(200, Shown(endpoint).encoded()) }
        }
    }

    private func rotate(_ known: CallbackEndpoint, _ request: HTTPRequest, _ responder: HTTPResponder) {
        var endpoint = known
        endpoint.secretBefore = known.secret
        endpoint.secretBeforeUntil = Timestamp(milliseconds: WallClock.milliseconds) + Self.secretsOverlap
        endpoint.secret = WebhookSignature.freshSecret()
        write(endpoint, request, responder) { .json(200, Shown(endpoint, secret: endpoint.secret).encoded()) }
    }

    /// One attempt, whether the endpoint is enabled or not; nothing follows from it.
    private func test(_ endpoint: CallbackEndpoint, _ responder: HTTPResponder) {
        let event = CallbackFold.test(endpoint, at: Timestamp(milliseconds: WallClock.milliseconds))
        webhooks.send(endpoint, id: event.id, body: event.body, isDelayed: false) { outcome in
            var tried = Tried()
            tried.webhookId = event.id
            switch outcome {
            case .arrived: tried.delivered = true
            case .gone: tried.status = "410"
            case .failed(let status, _): tried.status = status
            }
            responder.respond(.json(200, tried.encoded()))
        }
    }

    private func remove(_ known: CallbackEndpoint, _ request: HTTPRequest, _ responder: HTTPResponder) {
        var endpoint = known
        endpoint.isGone = true
        endpoint.secret = ""
        endpoint.secretBefore = nil
        write(endpoint, request, responder) { HTTPResponse(status: 204) }
    }

    /// Where the topic ends now.
    private func askStarts(
        _ request: HTTPRequest, _ responder: HTTPResponder, then: @escaping (_ starts: [Int64]) -> Void
    ) {
        let places = (0..<settings.partitions).map { KafkaPartition(Topic.callbacks, $0) }
        admin.endOffsets(of: places) { result in
            guard case .success(let ends) = result else {
                return responder.respond(
                    ServerAPI.failure(503, Refusal.Reason.tryAgain.code, "try again", to: request))
            }
            then(places.map { ends[$0] ?? 0 })
        }
    }

    /// Answers when it is known here that it was written, and that no other came first.
    private func write(
        _ endpoint: CallbackEndpoint, _ request: HTTPRequest, _ responder: HTTPResponder,
        _ answer: @escaping () -> HTTPResponse
    ) {
        book.write(endpoint) { isFirst in
            responder.respond(
                isFirst
                    ? answer()
                    : ServerAPI.failure(503, Refusal.Reason.tryAgain.code, "changed by another meanwhile", to: request))
        }
    }
}

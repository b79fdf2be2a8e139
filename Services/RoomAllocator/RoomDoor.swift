import Switchboard

/// The Server API of rooms and sessions: `/v1/rooms`, `/v1/rooms/{id}`, `/v1/sessions/{id}`.
final class RoomDoor {
    /// Items of one page.
    static let pageMax = 100

    private let api: ServerAPI
    private let settings: LedgerSettings
    private let view: ViewDoor<RoomFact>

    init(api: ServerAPI, world: LedgerWorld, view: LogView<RoomFact>, loop: EventLoop) {
        self.api = api
        settings = world.settings
        self.view = ViewDoor(world: world, view: view, loop: loop)
    }

    func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let parts = request.path.split(separator: "/").map(String.init)
        let isKnown =
            parts.count >= 2 && parts[0] == "v1"
            && (parts[1] == "rooms" && parts.count <= 3 || parts[1] == "sessions" && parts.count == 3)
        guard isKnown else { return responder.respond(ServerAPI.unknownPath(request)) }
        guard request.method == "GET" else { return responder.respond(ServerAPI.wrongMethod(request, allowed: "GET")) }
        api.admit(request, responder) { [self] app in
            let app = AppKey(app)
            if parts[1] == "sessions" {
                session(app, parts[2], request, responder)
            } else if parts.count == 3 {
                room(app, parts[2], request, responder)
            } else {
                rooms(app, request, responder)
            }
        }
    }

    private func session(_ app: AppKey, _ id: String, _ request: HTTPRequest, _ responder: HTTPResponder) {
        view.ask(
            everywhere, request, responder, { database in try SessionView.session(app, id, in: database)?.encoded() },
            { found in found.map { .json(200, $0) } ?? Self.notFound(request) })
    }

    private func room(_ app: AppKey, _ id: String, _ request: HTTPRequest, _ responder: HTTPResponder) {
        let key = RecordKey.of(app, RoomID(id))
        let place = KafkaPartition(LedgerName.rooms.log, settings.partition(of: key, in: .rooms))
        view.ask(
            [place], request, responder,
            { database in try SessionView.rooms(app, id, in: database).first?.encoded() },
            { found in found.map { .json(200, $0) } ?? Self.notFound(request) })
    }

    private func rooms(_ app: AppKey, _ request: HTTPRequest, _ responder: HTTPResponder) {
        view.ask(
            everywhere, request, responder,
            { database in
                var page = RoomPage()
                page.items = try SessionView.rooms(app, nil, in: database)
                return page.encoded()
            },
            { body in .json(200, body) })
    }

    /// A session does not say in which partition its room is.
    private var everywhere: [KafkaPartition] {
        (0..<settings.partitions).map { KafkaPartition(LedgerName.rooms.log, $0) }
    }

    private static func notFound(_ request: HTTPRequest) -> HTTPResponse {
        ServerAPI.failure(404, Refusal.Reason.unknownCall.code, "no such room or session", to: request)
    }
}

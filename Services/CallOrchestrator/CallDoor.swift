import Switchboard

/// The Server API of calls: `/v1/calls`, `/v1/calls/{id}` and its timeline, from a view that has caught up with what
/// its topics held when the question came.
final class CallDoor {
    /// Items of one page.
    static let pageMax = 100

    private let api: ServerAPI
    private let settings: LedgerSettings
    private let view: ViewDoor<CallFact>

    init(api: ServerAPI, world: LedgerWorld, view: LogView<CallFact>, loop: EventLoop) {
        self.api = api
        settings = world.settings
        self.view = ViewDoor(world: world, view: view, loop: loop)
    }

    func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let parts = request.path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        guard parts.count >= 2, parts[0] == "v1", parts[1] == "calls", parts.count <= 4 else {
            return responder.respond(ServerAPI.unknownPath(request))
        }
        guard request.method == "GET" else { return responder.respond(ServerAPI.wrongMethod(request, allowed: "GET")) }
        api.admit(request, responder) { [self] app in
            let app = AppKey(app)
            switch parts.count {
            case 2: list(app, request, responder)
            case 3: show(app, CallID(parts[2]), request, responder) { story in CallBody(story.call).encoded() }
            default:
                guard parts[3] == "timeline" else { return responder.respond(ServerAPI.unknownPath(request)) }
                show(app, CallID(parts[2]), request, responder) { story in
                    var page = CallTimeline.Page()
                    page.items = story.items
                    return page.encoded()
                }
            }
        }
    }

    private func show(
        _ app: AppKey, _ call: CallID, _ request: HTTPRequest, _ responder: HTTPResponder,
        _ body: @escaping @Sendable (CallView.Story) -> [UInt8]
    ) {
        let key = RecordKey.of(app, call)
        let place = KafkaPartition(LedgerName.calls.log, settings.partition(of: key, in: .calls))
        view.ask(
            [place], request, responder, { database in try CallView.story(of: key, in: database).map(body) },
            { found in
                guard let found else {
                    return ServerAPI.failure(404, Refusal.Reason.unknownCall.code, "no such call", to: request)
                }
                return .json(200, found)
            })
    }

    private func list(_ app: AppKey, _ request: HTTPRequest, _ responder: HTTPResponder) {
        let state = request.query["state"]
        guard state == nil || ["ringing", "ongoing", "ended"].contains(state) else {
            return responder.respond(
                ServerAPI.failure(400, Refusal.Reason.malformed.code, "state: ringing, ongoing or ended", to: request))
        }
        let user = request.query["userId"]
        let places = (0..<settings.partitions).map { KafkaPartition(LedgerName.calls.log, $0) }
        view.ask(
            places, request, responder,
            { database in
                let isOver = state.map { $0 == "ended" }
                var page = CallPage()
                for key in try CallView.keys(of: app, user: user, isOver: isOver, in: database) {
                    guard let story = try CallView.story(of: key, in: database) else { continue }
                    let body = CallBody(story.call)
                    if state == nil || body.state == state { page.items.append(body) }
                }
                return page.encoded()
            },
            { body in .json(200, body) })
    }
}

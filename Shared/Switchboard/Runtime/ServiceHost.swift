internal import Glibc

/// What every service's `Main` does alike: settings, one loop on the main thread, log, metrics, health, an HTTP server
/// with the operator's door before the service's own, and a stop in order.
///
///     ServiceHost.run(service: "token-service", Configuration.init) { host, configuration in
///         let door = Door(…)                       // made on the loop
///         host.health.set("topics", false)         // what must hold before it is ready
///         host.onRequest = { request, responder in door.answer(request, responder) }
///         host.onStop("ledger") { done in ledger.stop(done) }
///         host.keep(door)
///     }
///
/// On its loop alone.
package final class ServiceHost {
    package let service: String
    package let settings: ServiceSettings
    package let loop: EventLoop
    package let log: Log
    package let metrics: Metrics
    package let health: Health
    private let shutdown: Shutdown
    package let server: HTTPServer
    /// The port that is listened to.
    package private(set) var port = 0

    /// The service's own door; until it is set, whoever asks is told to try again.
    package var onRequest: (HTTPRequest, HTTPResponder) -> Void
    /// What WebSockets are closed with when the door closes.
    package var webSocketCode: UInt16 = 1001

    private var kept: [AnyObject] = []
    private var goodbye: (limit: Duration, body: Shutdown.Step)?
    private var steps: [(name: StaticString, body: Shutdown.Step)] = []
    private var hasFailed = false

    /// For requests that are in flight when the door closes.
    private static let doorLimit: Duration = .seconds(2)
    private static let failureExitCode: Int32 = 1

    // MARK: running

    /// Runs the process to its end: returns when it has been stopped.
    /// - Parameters:
    ///   - configuration: reads what only this service is told; a flaw in it ends the process with code 2.
    ///   - make: makes the service, on the loop; what it throws ends the process with code 1.
    package static func run<Configuration>(
        service: String, limits: HTTPLimits = .init(), _ configuration: (inout Options) -> Configuration,
        _ make: (ServiceHost, Configuration) throws -> Void
    ) {
        Shutdown.holdSignals()
        var options = Options()
        let settings = ServiceSettings(&options, service: service)
        let own = configuration(&options)
        options.finish()
        ProcessScheduling.batch()
        Folder.raiseDescriptorLimit()
        let loop = EventLoop(name: service)
        let log = Log(service: service, level: settings.logLevel, with: ["instance": settings.instance])
        var host: ServiceHost?
        withoutActuallyEscaping(make) { make in
            // The loop is run below by this very thread, while all that is named here is there.
            nonisolated(unsafe) let begin = {
                do {
                    let made = try ServiceHost(service, settings, limits, loop, log)
                    host = made
                    try make(made, own)
                    made.open()
                } catch {
                    log.error("cannot start", ["cause": "\(error)"])
                    exit(failureExitCode)
                }
            }
            loop.execute { begin() }
            loop.run()
        }
        if host?.hasFailed ?? true { exit(failureExitCode) }
    }

    private init(
        _ service: String, _ settings: ServiceSettings, _ limits: HTTPLimits, _ loop: EventLoop, _ log: Log
    ) throws {
        self.service = service
        self.settings = settings
        self.loop = loop
        self.log = log
        metrics = Metrics()
        metrics.addProcess()
        health = Health(conditions: ["door"])
        shutdown = Shutdown(loop: loop, log: log, health: health)
        try Folder.make(settings.data)

        let operations = OperationsDoor(health: health, metrics: metrics)
        let requests = metrics.counter("switchboard_http_requests_total", help: "Requests at the service's own door.")
        let door = Door()
        onRequest = { _, responder in responder.respond(.problem(503, detail: "starting", code: 50300)) }
        server = HTTPServer(loop: loop, limits: limits) { request, responder in
            if let answer = operations.answer(request) { return responder.respond(answer) }
            requests.add()
            guard let host = door.host else { return responder.respond(.problem(503, code: 50300)) }
            host.onRequest(request, responder)
        }
        door.host = self
        // Open from the start, so that whoever waits for it can ask what is missing.
        port = try server.listen(on: settings.listen.host, port: settings.listen.port)
        try Folder.replace("\(settings.data)/port", with: Array("\(port)\n".utf8))
    }

    private final class Door {
        weak var host: ServiceHost?
    }

    private func open() {
        if let (limit, body) = exchange(&goodbye, with: nil) { shutdown.step("goodbye", within: limit, body) }
        shutdown.step("door") { [self] done in
            server.stop(within: Self.doorLimit, webSocketCode: webSocketCode, then: done)
        }
        for step in exchange(&steps, with: []) { shutdown.step(step.name, step.body) }
        shutdown.listen()
        health.set("door", true)
        log.notice("started", ["listen": "\(settings.listen.host):\(port)"])
    }

    // MARK: for the service

    /// Keeps what the service is made of for as long as the process lives.
    package func keep(_ parts: AnyObject...) { kept += parts }

    /// What comes before the door closes: telling connected clients to go elsewhere.
    package func beforeDoorCloses(within limit: Duration, _ body: @escaping Shutdown.Step) { goodbye = (limit, body) }

    /// Adds a stop step behind the closing of the door; steps run in the order added.
    package func onStop(_ name: StaticString, _ body: @escaping Shutdown.Step) { steps.append((name, body)) }

    /// A log has a record that only a newer program understands. What can go on without it does, but nobody is to be sent
    /// here any more: until another program takes its place the process is not ready.
    /// - Parameter closesDoor: whether requests are answered 503 from now on.
    package func isOutdated(_ reason: String, closesDoor: Bool = false) {
        log.error("a newer program is needed here", ["cause": reason])
        health.set("level", false)
        guard closesDoor else { return }
        onRequest = { _, responder in responder.respond(.problem(503, detail: "outdated", code: 50300)) }
    }

    /// What the process cannot go on without has failed for good: another start may help, going on does not. Ends the
    /// process with code 1: in order where it was at work, at once where it never was and has nothing to let go of.
    package func fail(_ reason: String) {
        log.error("cannot go on", ["cause": reason])
        guard health.wasReady else { _exit(Self.failureExitCode) }
        hasFailed = true
        shutdown.begin()
    }
}

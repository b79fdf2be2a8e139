internal import Glibc

/// The frame of a service: one deciding loop on the main thread, a door for operators and clients, figures, readiness,
/// and a good end. What the service does is added in `build`.
///
/// ```
/// Shutdown.holdSignals()
/// var options = Options()
/// let settings = ServiceSettings(&options, service: "room-allocator")
/// options.finish()
/// ServiceProcess.run(settings, needs: ["topics", "producer"]) { process in … }
/// ```
package final class ServiceProcess {
    package let settings: ServiceSettings
    package let loop: EventLoop
    package let log: Log
    package let metrics = Metrics()
    package let health: Health
    package let shutdown: Shutdown
    package private(set) var server: HTTPServer!

    /// Answers what is not for operators. On the loop.
    package var answer: (HTTPRequest, HTTPResponder) -> Void = { _, responder in responder.respond(.problem(404)) }
    /// What WebSockets are closed with when the process stops.
    package var webSocketCloseCode: UInt16 = 1001

    /// How long what is in flight may take once the doors close.
    package static let doorsLimit = Duration.seconds(2)
    private static let failureExitCode: Int32 = 1

    /// Runs until the process is told to stop; then everything has been stopped in order and `main` may return.
    ///
    /// - Parameters:
    ///   - needs: the conditions of readiness; `build` says later of each that it holds, by `health.set`.
    ///   - build: makes what lives on the loop, on the loop. The doors open when it returns; what it throws ends the
    ///     process with 1.
    package static func run(
        _ settings: ServiceSettings, needs: [String] = [], _ build: @escaping @Sendable (ServiceProcess) throws -> Void
    ) {
        let loop = EventLoop(name: settings.service)
        loop.execute {
            let process = ServiceProcess(settings, loop, needs)
            do {
                process.addDoors()
                try build(process)
                try process.open()
            } catch {
                process.log.error("cannot start", ["cause": "\(error)"])
                exit(failureExitCode)
            }
            process.shutdown.step("end") { done in
                // What the service made lives until here.
                withExtendedLifetime(process) { done() }
            }
        }
        loop.run()
    }

    private init(_ settings: ServiceSettings, _ loop: EventLoop, _ needs: [String]) {
        self.settings = settings
        self.loop = loop
        log = Log(service: settings.service, level: settings.logLevel, with: ["instance": settings.instance])
        health = Health(conditions: needs)
        shutdown = Shutdown(loop: loop, log: log, health: health)
        metrics.addProcess()
        server = nil
    }

    private func addDoors() {
        let door = OperationsDoor(health: health, metrics: metrics)
        server = HTTPServer(loop: loop) { [unowned self] request, responder in
            if let response = door.answer(request) {
                responder.respond(response)
            } else {
                answer(request, responder)
            }
        }
        shutdown.step("doors") { [unowned self] done in
            server.stop(within: Self.doorsLimit, webSocketCode: webSocketCloseCode, then: done)
        }
    }

    private func open() throws(NetworkFailure) {
        let port = try server.listen(on: settings.listen.host, port: settings.listen.port)
        shutdown.listen()
        log.notice("started", ["listen": "\(settings.listen.host):\(port)"])
    }
}

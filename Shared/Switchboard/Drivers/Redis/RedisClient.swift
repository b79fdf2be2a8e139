/// One pipelined connection to Redis on a loop, made again whenever it ends. Used on its loop only.
///
/// Commands of one turn leave in one write and are answered in their order. Each callback is called exactly once, on the
/// loop, never inside `send`. While there is no connection commands fail at once: what must be written again is written
/// when `onConnected` says so.
package final class RedisClient {
    package let settings: RedisSettings
    let loop: EventLoop

    /// Each time the connection stands and has been greeted (AUTH, SELECT), before anything else is sent.
    package var onConnected: (() -> Void)?
    /// Each time a connection or an attempt to connect ended, with the reason; the next attempt follows by itself.
    package var onDisconnected: ((RedisFailure) -> Void)?

    /// True from greeting to end.
    package internal(set) var isConnected = false
    /// Commands that were sent and whose answers are outstanding, also those whose deadline has passed.
    package var waitingCount: Int { connection?.waitingCount ?? 0 }

    /// From the attempt to its end.
    var connection: RedisConnection?
    /// Made once, at the first attempt that needs it.
    var tls: TLSClientContext?
    var isClosed = false
    var attempt = 0
    var retryDelay: Duration
    var retryTimer: LoopTimer?
    var attemptTimer: LoopTimer?
    var watchTimer: LoopTimer?
    var answeredCount = 0
    var answeredAtLook = 0
    var quietLooks = 0

    private let deadlines: RedisDeadlines

    /// Connects at once. On the loop.
    package init(loop: EventLoop, settings: RedisSettings) {
        loop.checkIsolated()
        self.loop = loop
        self.settings = settings
        retryDelay = settings.retryDelayMin
        deadlines = RedisDeadlines(loop: loop)
        connect()
        watchTimer = loop.every(settings.timeout / looksPerTimeout) { [weak self] in self?.look() }
    }

    deinit { letGo() }

    /// Ends the connection and all that waits, for good.
    package func close() {
        isClosed = true
        watchTimer = nil
        retryTimer = nil
        letGo()
    }

    /// - Parameter patience: how long this caller waits; then the callback gets `tooLate`, and the answer is dropped.
    package func send(
        _ arguments: [RedisArgument], within patience: Duration? = nil,
        _ reply: @escaping (Result<RedisReply, RedisFailure>) -> Void
    ) {
        let command = RedisCommand(reply)
        guard isConnected else { return finishLater(command, .notConnected) }
        guard waitingCount < settings.waitingMax else { return finishLater(command, .tooManyWaiting) }
        guard pass(command, arguments) else { return finishLater(command, .notConnected) }
        if let patience { deadlines.add(command, within: patience) }
    }

    package func send(
        _ words: [String], within patience: Duration? = nil,
        _ reply: @escaping (Result<RedisReply, RedisFailure>) -> Void
    ) {
        send(words.map(RedisArgument.text), within: patience, reply)
    }

    /// By its sum; where Redis does not know the script (a restart, a flush), once more with its text. That second
    /// sending comes behind what was sent meanwhile.
    package func run(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument] = [], within patience: Duration? = nil,
        _ reply: @escaping (Result<RedisReply, RedisFailure>) -> Void
    ) {
        let rest = [.number(Int64(keys.count))] + keys.map(RedisArgument.text) + arguments
        let start = patience.map { _ in ContinuousClock.now }
        send([.text("EVALSHA"), .text(script.sha1)] + rest, within: patience) { [weak self] result in
            guard case .failure(.refused(let words)) = result, words.hasPrefix("NOSCRIPT"), let self else {
                return reply(result)
            }
            let left = start.flatMap { start in patience.map { $0 - start.duration(to: .now) } }
            if let left, left <= .zero { return reply(.failure(.tooLate)) }
            send([.text("EVAL"), .text(script.source)] + rest, within: left, reply)
        }
    }

    private func finishLater(_ command: RedisCommand, _ failure: RedisFailure) {
        loop.atEndOfTurn { command.finish(.failure(failure)) }
    }

    /// Gives a command to the connection, which calls back once, also when it ends.
    /// - Returns: false when there is none that takes more.
    func pass(_ command: RedisCommand, _ arguments: [RedisArgument]) -> Bool {
        connection?.send(command, arguments) ?? false
    }
}

/// How often within the timeout the watch looks whether answers still come.
let looksPerTimeout = 4

internal import CHiredis

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
    package internal(set) var waitingCount = 0

    /// Owned by hiredis from `redisAsyncConnect` until it is freed; nil as soon as we have let go of it.
    var context: UnsafeMutablePointer<redisAsyncContext>?
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
    private var scratch: [UInt8] = []

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

    /// Gives a command to hiredis, which calls back once, also when the connection ends.
    /// - Returns: false when the connection is about to end and takes no more.
    func pass(_ command: RedisCommand, _ arguments: [RedisArgument]) -> Bool {
        guard let context else { return false }
        scratch.removeAll(keepingCapacity: true)
        appendCommand(arguments, to: &scratch)
        let held = Unmanaged.passRetained(command)
        let status = scratch.withUnsafeBytes { bytes in
            redisAsyncFormattedCommand(
                context, redisAnswered, held.toOpaque(), bytes.baseAddress!.assumingMemoryBound(to: CChar.self),
                bytes.count)
        }
        if scratch.capacity > scratchKeptMax { scratch = [] }
        guard status == REDIS_OK else {
            held.release()
            return false
        }
        waitingCount += 1
        return true
    }

    func answered() {
        waitingCount -= 1
        answeredCount += 1
    }
}

/// How often within the timeout the watch looks whether answers still come.
let looksPerTimeout = 4

/// Bytes of the buffer that are kept from one command to the next.
private let scratchKeptMax = 262_144

private func redisAnswered(
    _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
    _ command: UnsafeMutableRawPointer?
) {
    let command = Unmanaged<RedisCommand>.fromOpaque(command!).takeRetainedValue()
    if let client = RedisClient.of(context) { client.answered() }
    guard let reply = reply?.assumingMemoryBound(to: redisReply.self).pointee else {
        return command.finish(.failure(.disconnected(cause(context))))
    }
    guard command.isWaiting else { return }
    switch RedisReply(reply) {
    case .error(let words): command.finish(.failure(.refused(words)))
    case let good: command.finish(.success(good))
    }
}

/// hiredis' words about what went wrong.
func cause(_ context: UnsafePointer<redisAsyncContext>?) -> String {
    guard let context, context.pointee.err != 0, let words = context.pointee.errstr else { return "given up" }
    return String(cString: words)
}

private func cause(_ context: UnsafeMutablePointer<redisAsyncContext>?) -> String {
    cause(context.map { UnsafePointer($0) })
}

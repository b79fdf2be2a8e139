/// Poisonous inputs: one that ends the process that decides it must not end every owner in turn.
///
/// Two owners that began and left no decision are a reason to suspect what they may have met. The next decides such
/// inputs one by one, and writes into the log which it is about to try. Whoever finds two trials of an input and no
/// decision behind them logs it as failed, and goes on. Two, since an owner may end for another reason just then, and
/// news that is passed over is lost.
extension PartitionOwner {
    /// - Returns: how the input is to be treated; nil for an ordinary one.
    func caution(for offset: Int64, at time: Timestamp) -> Caution? {
        if suspicion.isGuilty(offset) { return .fail }
        guard limits.levelAllowed >= Record.Kind.trying.level, suspicion.trialsLeft > 0, time <= suspicion.until else {
            return nil
        }
        suspicion.trialsLeft -= 1
        return .tryAlone
    }

    enum Caution {
        /// Not even decoded before the log says that it is tried.
        case tryAlone
        case fail
    }

    /// Makes the head ready to be decided; not at once where it is suspected.
    func isReady(_ item: Pending) -> Bool {
        guard item.caution == .tryAlone else { return item.isLookedUp }
        guard inFlight.isEmpty else { return false }
        if trial != item.offset {
            trial = item.offset
            var log = header(.trying)
            log.trying = item.offset
            ports.tell(partition, .tries(item.offset))
            remember(log, effects: Effects())
            return false
        }
        item.caution = nil
        if let record = try? InboxRecord<Input>(json: item.bytes) { look(item, record) } else { item.isLookedUp = true }
        item.bytes = []
        return item.isLookedUp
    }

    /// Logs an input as failed that was tried and never decided. Who asked is told so: the same again would fail again.
    func fail(_ item: Pending) {
        inboxOffset = item.offset
        lastTime = max(lastTime, item.time)
        ports.tell(partition, .fails(item.offset))
        var envelope = InboxEnvelope()
        if !suspicion.isBlind, let read = try? InboxEnvelope(json: item.bytes) { envelope = read }
        suspicion.sawFailure()
        take(envelope.source)
        var record = InboxRecord<Input>()
        record.command = envelope.command
        record.reply = envelope.reply
        record.source = envelope.source
        rememberRefusal(Refusal(.malformed), record, item.key, at: item.time, always: true)
    }
}

/// What an owner does that somebody should see.
package enum OwnerNews: Hashable, Sendable {
    /// An input that may have ended others is decided next.
    case tries(Int64)
    /// An input has ended others, and is passed over.
    case fails(Int64)
    /// What stands at this offset of the log cannot be read: nobody of ours has written it. Told of the first one.
    case cannotRead(Int64)
    /// The input at this offset was appended by a clock that is so far ahead of ours. Told of the first one.
    case isAhead(Int64, by: Duration)
}

/// What the log says of owners that decided nothing. Carried from opening to opening, so that it is known wherever the
/// reading began.
struct Suspicion {
    /// Owners in a row that began and left no decision.
    private(set) var barren = 0
    /// The input that was tried last, if it was not decided since, and how often.
    private(set) var tried: Int64?
    private(set) var tries = 0
    /// An owner has begun already that was to log it as failed: not even its envelope is looked into.
    private(set) var isBlind = false
    /// What came later has ended nobody.
    private(set) var until = Timestamp()
    var trialsLeft = 0

    /// The last owner has left no decision so far.
    private var isWaiting = false
    private var markedAt = Timestamp()

    private static let ownersMax = 2
    private static let triesMax = 2
    /// What a turn may hold, so that whatever was under way when an owner ended is tried.
    private static let trialsMax = 1_000

    /// - Parameter renews: its owner ruled already, and lives.
    mutating func sawMarker(at time: Timestamp, renews: Bool) {
        barren = isWaiting && !renews ? barren + 1 : 0
        isWaiting = !renews
        if renews { tried = nil }
        markedAt = time
    }

    mutating func sawOpening(barren: Int, tried: Int64, tries: Int) {
        self.barren = barren
        guard tried >= 0 else { return }
        self.tried = tried
        self.tries = tries
        isBlind = tries >= Self.triesMax
    }

    mutating func sawTrial(of offset: Int64) {
        tries = tried == offset ? tries + 1 : 1
        tried = offset
        isBlind = false
    }

    func isGuilty(_ offset: Int64) -> Bool { tried == offset && tries >= Self.triesMax }

    mutating func sawFailure() { tried = nil }

    /// - Parameter offset: the last input that is decided with it.
    mutating func sawDecision(of offset: Int64) {
        barren = 0
        isWaiting = false
        if let known = tried, offset >= known { tried = nil }
    }

    /// The reading is over, and this owner's turn.
    mutating func begin() {
        barren = isWaiting ? barren + 1 : 0
        guard barren >= Self.ownersMax else { return }
        until = markedAt + LedgerLimit.clockSkewMax
        trialsLeft = Self.trialsMax
    }
}

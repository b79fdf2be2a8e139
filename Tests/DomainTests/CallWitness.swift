import Switchboard

/// Watches one call and says what is wrong, by the rules that always hold. Knows of the call only its facts and what
/// they told.
struct CallWitness {
    private(set) var faults: [String] = []
    private(set) var facts: [(fact: CallFact, at: Timestamp)] = []

    private struct Chain {
        var connection: Connection?
        /// The sequence that the device has last seen over that connection.
        var last = 0
        var hasRung = false
        /// Its end: told once where it is reached, and again, the same, only if it was not.
        var verdict: Told.Event?
        var hasHeardEnd = false
    }

    private var chains: [DeviceID: Chain] = [:]
    /// The highest connection that the user's machine named for a device.
    private var newest: [DeviceID: UInt64] = [:]
    private var accepts = 0
    private var ends = 0

    /// Of news, before it is decided. A call that nobody has started is told none.
    mutating func hear(_ input: CallInput, in call: Call) {
        guard call.phase != .unknown else { return }
        switch input {
        case .deviceUp(let news): note(news.device)
        case .devices(let news): news.devices.forEach { note($0) }
        case .start, .ringing, .accept, .end, .sync, .media, .mediaReset, .mediaReport, .deviceDown: break
        case .loggedOut, .moves, .seatRefused, .joined, .timer: break
        }
    }

    private mutating func note(_ device: Device) {
        newest[device.id] = max(newest[device.id] ?? 0, device.connection?.number ?? 0)
    }

    mutating func see(_ fact: CallFact, in call: Call, at now: Timestamp) {
        facts.append((fact, at: now))
        let count = facts.count
        check(call.sequence == count, "the sequence is \(call.sequence) after \(count) facts")
        if ends > 0 { check(fact.isReturn, "\(fact.name) after the end") }
        if case .accepted = fact { accepts += 1 }
        if case .ended = fact { ends += 1 }
        if case .endedBeforeStart = fact { ends += 1 }
        check(accepts <= 1, "accepted twice")

        let events = call.told.filter { !$0.isAnswerAlone }
        check(Set(events.map(\.device)).count == events.count, "two events to one device by \(fact.name)")
        for told in events { see(told, call, at: now) }
        handSnapshot(by: fact, in: call)
    }

    private mutating func see(_ told: Told, _ call: Call, at now: Timestamp) {
        var chain = chains[told.device] ?? Chain()
        switch told.event {
        case .ended:
            check(!chain.hasHeardEnd, "\(told.line) again")
            check(chain.verdict == nil || chain.verdict == told.event, "\(told.line) and otherwise before")
            check(chain.verdict == nil || told.connection != nil, "\(told.line) again, and to nobody")
            chain.hasHeardEnd = told.connection != nil
            chain.verdict = told.event
        case .received:
            chain.hasRung = true
            check(now < call.expiresAt, "\(told.line) past the ring time")
        case .snapshot, .connected, .userState, .userConnection, .media, .startAnswered: break
        case .startOver, .startRefused: break
        }
        if chain.verdict != told.event { check(chain.verdict == nil, "\(told.line) after its end") }
        if let connection = told.connection {
            check(connection.number >= newest[told.device] ?? 0, "\(told.line) over an old connection")
            if connection != chain.connection {
                chain.connection = connection
                chain.last = 0
            }
            if !told.carriesSnapshot || told.previous != 0 {
                check(told.previous == chain.last, "\(told.line): \(told.previous) before it, not \(chain.last)")
            }
            chain.last = call.sequence
        }
        chains[told.device] = chain
    }

    /// An answer that carries a snapshot sets what its device has last seen.
    private mutating func handSnapshot(by fact: CallFact, in call: Call) {
        let device: Device
        switch fact {
        case .synced(let back):
            // It waits for its answer, as before.
            if back.asker != nil { return }
            device = back.device
        case .accepted(let accepted): device = accepted.device
        case .started(let started):
            chains[started.device.id] = Chain(connection: started.device.connection)
            return
        case .lost(let at):
            chains[at.device]?.connection = nil
            return
        default: return
        }
        let chain = chains[device.id] ?? Chain(connection: device.connection)
        guard chain.connection == nil || chain.connection == device.connection else { return }
        let line = call.participants.lazy.compactMap { $0.line(device.id) }.first
        guard line?.device.connection == device.connection else { return }
        chains[device.id] = chain
        chains[device.id]?.connection = device.connection
        chains[device.id]?.last = call.sequence
    }

    mutating func seeEnd(of call: Call) {
        let count = ends
        check(count == 1, "ended \(count) times")
        for (device, chain) in chains where chain.hasRung {
            check(chain.verdict != nil, "\(device) rang and was told no end")
        }
        for member in call.participants {
            check(member.state.isOver || member.state == .error, "\(member.user) is still \(member.state)")
            check(member.reason != nil, "\(member.user) has no reason")
            for line in member.lines { check(line.isOver, "\(line.device.id) is not over") }
        }
    }

    mutating func check(_ holds: Bool, _ fault: @autoclosure () -> String) {
        if !holds { faults.append(fault()) }
    }
}

extension CallFact {
    /// A device is back, and told what it missed.
    var isReturn: Bool { if case .returned = self { true } else { false } }
}

extension Told {
    /// The answer to a request that leaves the device without the call; no event of it.
    var isAnswerAlone: Bool {
        switch event {
        case .startOver, .startRefused: true
        case .received, .snapshot, .connected, .ended, .userState, .userConnection, .media, .startAnswered: false
        }
    }

    /// Sets what the device has last seen, whatever that was.
    var carriesSnapshot: Bool {
        switch event {
        case .received, .snapshot, .startAnswered: true
        case .connected, .ended, .userState, .userConnection, .media, .startOver, .startRefused: false
        }
    }
}

import Switchboard
import Testing

/// Over thousands of random sequences of inputs, each decided by its seed.
@Suite struct `Whatever comes, a call` {
    private static let seeds: ClosedRange<UInt64> = 1...2_000
    private static let inputsPerSeed = 70

    @Test(arguments: 0..<4)
    func `keeps the rules that always hold`(_ quarter: UInt64) {
        var seen: Set<CallFact.Name> = []
        for seed in Self.seeds where seed % 4 == quarter {
            let witness = run(seed)
            #expect(witness.faults.isEmpty, "seed \(seed)")
            if !witness.faults.isEmpty { return }
            seen.formUnion(witness.facts.map(\.fact.name))
        }
        let missing = Set(CallFact.Name.allCases).subtracting(seen)
        #expect(missing.isEmpty, "these never happened, so nothing is shown of them")
    }

    private func run(_ seed: UInt64) -> CallWitness {
        var world = CallWorld(seed: seed)
        var witness = CallWitness()
        var call = CallMoment.unknown.stage.call
        var now = CallMoment.unknown.stage.now

        for _ in 0..<Self.inputsPerSeed {
            now = now + world.pause()
            checkDeadlines(of: call, at: now, &witness)
            let input = world.input(for: call, at: now)
            witness.hear(input, in: call)
            step(&call, input, at: now, &witness)
        }
        // Nobody comes any more: time alone ends every call, in a few steps.
        var steps = 0
        while call.isLive, steps < 6, let due = call.deadlines.earliest {
            now = max(now, due)
            step(&call, .timer(silenceCounts: true), at: now, &witness)
            steps += 1
        }
        if call.phase != .unknown {
            witness.check(!call.isLive, "time does not end it")
            witness.seeEnd(of: call)
        }
        checkReplay(of: call, &witness)
        return witness
    }

    private func step(_ call: inout Call, _ input: CallInput, at now: Timestamp, _ witness: inout CallWitness) {
        let before = call
        let facts: [CallFact]
        do {
            facts = try call.handle(input, at: now)
        } catch {
            checkRefusal(error, of: input, by: call, at: now, &witness)
            return
        }
        witness.check(call == before, "deciding changed the state")
        witness.check((try? call.handle(input, at: now)) == facts, "the same input was decided otherwise")
        for fact in facts {
            call.apply(fact, at: now)
            witness.see(fact, in: call, at: now)
        }
        checkNews(input, before: before, after: call, &witness)
        witness.check((call.forgetAt != nil) == (call.endReason != nil), "remembered or forgotten wrongly")
    }

    /// An accept before the end of the ring time is refused for nothing but another accept.
    private func checkRefusal(
        _ refusal: Refusal, of input: CallInput, by call: Call, at now: Timestamp, _ witness: inout CallWitness
    ) {
        guard case .accept(let accept) = input, call.isLive, accept.by.user == .ben, now < call.expiresAt else {
            return
        }
        witness.check(call.isAnswered, "an accept in time was refused: \(refusal.reason)")
    }

    /// A device's own reconnect never changes a call.
    private func checkNews(_ input: CallInput, before: Call, after: Call, _ witness: inout CallWitness) {
        guard case .deviceUp = input else { return }
        witness.check(before.phase == after.phase, "a reconnect ended the call")
        witness.check(before.participants.map(\.state) == after.participants.map(\.state), "a reconnect moved a user")
        witness.check(before.participants.map(\.joinID) == after.participants.map(\.joinID), "a reconnect entered anew")
    }

    /// At a deadline something is due, and before all deadlines nothing is.
    private func checkDeadlines(of call: Call, at now: Timestamp, _ witness: inout CallWitness) {
        let deadlines = call.deadlines
        for (due, silenceCounts) in [(deadlines.plain, false), (deadlines.silence, true)] {
            guard let due else { continue }
            let facts = try? call.handle(.timer(silenceCounts: silenceCounts), at: due)
            witness.check(facts?.isEmpty == false, "nothing happens at the deadline \(due)")
        }
        guard let earliest = deadlines.earliest else { return }
        let before = try? call.handle(.timer(silenceCounts: true), at: earliest + .milliseconds(-1))
        witness.check(before == [], "something happens before the first deadline")
    }

    /// The same facts, read from what they were written as, give the same call.
    private func checkReplay(of call: Call, _ witness: inout CallWitness) {
        var replayed = Call(id: call.id)
        for (fact, at) in witness.facts {
            guard let read = try? CallFact(json: fact.encoded()) else {
                witness.check(false, "\(fact.name) cannot be read again")
                return
            }
            witness.check(read == fact, "\(fact.name) is another when read again")
            replayed.apply(read, at: at)
        }
        witness.check(replayed == call, "replayed to another state")
    }
}

extension Deadlines {
    var earliest: Timestamp? { [plain, silence].compactMap { $0 }.min() }
}

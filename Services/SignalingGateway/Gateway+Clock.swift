import Switchboard

/// A gateway whose clock is off serves nobody: its connections are sent elsewhere, and new ones are answered 503.
extension Gateway {
    /// Once a beat: what was heard since the last one counts, and where it leaves a doubt all inboxes of users are asked.
    func checkClock() {
        if let verdict = clockCheck.judge() { heed(verdict) }
        askForTheTime()
    }

    /// A beat or a probe is acknowledged.
    func heard(_ appended: Timestamp, in partition: Int32, sent: Timestamp) {
        let verdict = clockCheck.heard(partition, sent: sent, appended: appended, acknowledged: clock())
        if let verdict { heed(verdict) }
    }

    /// Of those whose answer is awaited from before none is asked again.
    func askForTheTime() {
        let sent = clock()
        for partition in clockCheck.toAsk() {
            let isTaken = outbox.probe(partition) { [weak self] appended in
                self?.clockCheck.hasAnswered(partition)
                if let appended { self?.heard(appended, in: partition, sent: sent) }
            }
            if !isTaken { clockCheck.hasAnswered(partition) }
        }
    }

    private func heed(_ verdict: ClockCheck.Verdict) {
        switch verdict {
        case .agrees:
            counters.withdrawn.set(0)
            log.info("the clock agrees with the brokers'")
        case .isOff(let skew):
            counters.withdrawn.set(1)
            log.error("the clock is off the brokers', and nobody is served here", ["milliseconds": skew.milliseconds])
            for session in sessions.values {
                session.connection.close(code: CloseCode.goingAway, reason: "another gateway")
            }
        }
        onClock?(verdict == .agrees)
    }

    var mayServe: Bool { leaving == nil && !isOutdated && clockCheck.verdict == .agrees }
}

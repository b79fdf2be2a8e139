internal import Glibc

/// What the log has let go of goes from the tables too, so that an old view shows what one shows that is filled now.
extension LogView {
    /// Rows that go in one transaction, of each table: queries wait meanwhile.
    private static var rowsAtOnce: Int { 200 }
    private static var ageAgain: Duration { .seconds(60) }
    /// Where there is more to do.
    private static var ageOn: Duration { .milliseconds(20) }

    /// Now, and again and again.
    func ageOut() {
        guard let database else { return }
        do {
            var most = 0
            try database.transaction {
                if let retention = settings.retention(of: ledger) {
                    most = try filling.letting.ageOut(database, now + (.zero - retention), Self.rowsAtOnce)
                }
                if let plain = filling.plain {
                    most = max(
                        most, try plain.letting.ageOut(database, now + (.zero - plain.retention), Self.rowsAtOnce))
                }
            }
            let again = most < Self.rowsAtOnce ? Self.ageAgain : Self.ageOn
            aging = loop.schedule(after: again) { [unowned self] in ageOut() }
        } catch {
            fail("\(name): \(error)")
        }
    }

    private var now: Timestamp {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Timestamp(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
    }

    /// A stored position is no longer in the log: what lies between is lost to the tables, so they begin again with what
    /// the log has. Until they are there, who asks waits.
    func refill(because partition: Int32) {
        guard let database, let follower else { return }
        tell(ledger.log, partition)
        let partitions = follower.followed
        for partition in partitions { follower.stop(partition) }
        batch = []
        stored = [:]
        do {
            try database.transaction {
                try filling.letting.clear(database)
                try database.run("DELETE FROM positions WHERE topic = \(ledger.log)")
            }
            for partition in partitions { follower.follow(partition) }
        } catch {
            fail("\(name): \(error)")
        }
    }

    func refillPlain(because partition: Int32) {
        guard let database, let plain = filling.plain, let reader = plainReader else { return }
        tell(plain.topic, partition)
        plainBatch = []
        do {
            try database.transaction {
                try plain.letting.clear(database)
                try database.run("DELETE FROM positions WHERE topic = \(plain.topic)")
            }
            for partition in plainNext.keys {
                reader.remove(KafkaTopicID(0), partition)
                plainNext[partition] = 0
                reader.add(KafkaTopicID(0), partition, at: .beginning)
            }
        } catch {
            fail("\(name): \(error)")
        }
    }

    private func tell(_ topic: String, _ partition: Int32) {
        log.warning(
            "a view stands where its topic has nothing any more, and is filled again",
            ["view": name, "topic": topic, "partition": Int(partition)])
    }
}

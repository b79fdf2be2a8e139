/// What a ledger says of itself in `/metrics`.
package enum LedgerMetrics {
    /// Names the partitions that this copy decides, and counts its decisions. On the ledger's loop.
    package static func count<B: Book>(_ ledger: Ledger<B>, partitions: Int32, in metrics: Metrics) {
        let name = ledger.name.rawValue
        let owned = (0..<partitions).map { partition in
            metrics.gauge(
                "switchboard_ledger_owned", help: "1 for each partition that this copy decides",
                labels: ["ledger": name, "partition": "\(partition)"])
        }
        let takeovers = metrics.counter(
            "switchboard_ledger_takeovers_total", help: "Partitions that this copy began to decide",
            labels: ["ledger": name])
        ledger.onOwnership = { partition, owns in
            owned[Int(partition)].set(owns ? 1 : 0)
            if owns { takeovers.add() }
        }
        ledger.live = metrics.gauge(
            "switchboard_ledger_live", help: "Aggregates in memory", labels: ["ledger": name])
        ledger.decided = metrics.counter(
            "switchboard_ledger_decisions_total", help: "Records written, snapshots among them",
            labels: ["ledger": name])
        ledger.carried = metrics.counter(
            "switchboard_ledger_snapshots_total", help: "Snapshot records written", labels: ["ledger": name])
        ledger.failed = metrics.counter(
            "switchboard_ledger_failed_inputs_total",
            help: "Inputs logged as failed: they ended those who decided them",
            labels: ["ledger": name])
        ledger.replayAge = metrics.gauge(
            "switchboard_ledger_replay_seconds",
            help:
                "Age of the oldest record that a takeover here would have to read; an alarm at half the log's retention",
            labels: ["ledger": name])
        ledger.withdrawn = metrics.gauge(
            "switchboard_ledger_withdrawn", help: "1 while this copy has left its group, since it must not decide",
            labels: ["ledger": name])
        ledger.world.oversized = metrics.counter(
            "switchboard_ledger_oversized_effects_total",
            help: "Effects that no topic took for their size, and that were let go")
        ledger.world.tornDeliveries = metrics.counter(
            "switchboard_deliveries_torn_total",
            help: "How often frames were let go because a partition of gateway.deliveries took none")
        ledger.lostInputs = metrics.counter(
            "switchboard_ledger_lost_inputs_total", help: "Inputs that the inbox let go of before they were decided",
            labels: ["ledger": name])
    }
}

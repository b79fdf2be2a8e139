import Foundation
import Testing

/// Whole calls, each run decided by its seed. `SIMULATION_SEED` runs one, `SIMULATION_SEEDS` says how many.
@Suite struct `Whatever the world does` {
    private static let environment = ProcessInfo.processInfo.environment
    private static let seeds = environment["SIMULATION_SEEDS"].flatMap(UInt64.init) ?? 300
    private static let only = environment["SIMULATION_SEED"].flatMap(UInt64.init)
    private static let lanes: UInt64 = 2

    @Test(arguments: 0..<lanes)
    func `calls keep their rules through crashes, zombies and losses`(_ lane: UInt64) {
        var snapshots = 0
        var readings = 0
        for seed in Self.chosen where seed % Self.lanes == lane {
            guard let audit = run(seed, hasFaults: true) else { return }
            snapshots += audit.snapshots
            readings += audit.readingsFromSnapshots
        }
        guard Self.only == nil else { return }
        #expect(snapshots > 10 * Self.seeds / Self.lanes, "hardly anything was carried forward")
        #expect(readings > Self.seeds / Self.lanes, "hardly anybody began at a snapshot")
    }

    @Test(arguments: 0..<lanes)
    func `without faults every call that both want connects`(_ lane: UInt64) {
        for seed in Self.chosen.prefix(Int(Self.seeds / 3)) where seed % Self.lanes == lane {
            guard run(seed, hasFaults: false) != nil else { return }
        }
    }

    private static var chosen: [UInt64] { only.map { [$0] } ?? Array(1...seeds) }

    /// - Returns: what was seen; nil where something was wrong.
    private func run(_ seed: UInt64, hasFaults: Bool) -> Audit? {
        let world = World(seed: seed, hasFaults: hasFaults)
        let faults = world.run()
        #expect(faults.isEmpty, "SIMULATION_SEED=\(seed)\n\(world.clockwork.history.joined(separator: "\n"))")
        return faults.isEmpty ? world.audit : nil
    }
}

@Suite struct `A fault that is planted` {
    private static let seedsMax: UInt64 = 60

    @Test(arguments: PlantedFault.allCases)
    func `is seen`(_ fault: PlantedFault) {
        let seen = (1...Self.seedsMax).contains { seed in
            World(seed: seed, hasFaults: true, planted: fault).run().contains { $0.contains(fault.complaint) }
        }
        #expect(seen, "nobody complains of \(fault): “…\(fault.complaint)…”")
    }
}

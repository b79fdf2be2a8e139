import Support
import Switchboard
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct KafkaReaderTests {
    private func written(_ count: Int, by kind: KafkaBroker.Kind, lazy: Bool = false) async throws -> KafkaScene {
        let scene = KafkaScene(try await KafkaBrokers.shared(kind).bootstrap)
        let topic = try await scene.makeTopic("read")
        try await scene.startProducer([topic])
        try await until("producer ready") { await scene.isProducerReady }
        try await scene.produce(0..<count)
        #expect(await scene.flush(within: .seconds(20)))
        try await scene.startReader([topic], lazy: lazy)
        try await until("reader ready") { await scene.isReaderReady }
        return scene
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A reader begins where it is told, gives all in order, and tells the end`(kind: KafkaBroker.Kind) async throws
    {
        let scene = try await written(5000, by: kind)
        await scene.read(from: .offset(1200))
        try await until("the end") { await scene.ends > 0 }
        #expect(await scene.records.map(\.offset) == (1200..<5000).map(Int64.init))
        #expect(await scene.records.map(\.value) == (1200..<5000).map(String.init))
        #expect(await scene.position() == 5000)
        #expect(await scene.recordsInTurnMax <= 1000)
        #expect(await scene.turnEnds >= 4)
        #expect(await scene.failures.isEmpty)
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `From the end only what comes afterwards is read`(kind: KafkaBroker.Kind) async throws {
        let scene = try await written(10, by: kind)
        await scene.read(from: .end)
        #expect(await scene.position() == nil)
        try await until("the end") { await scene.ends > 0 }
        #expect(await scene.position() == 10)
        try await scene.produce(10..<12)
        try await until("two more") { await scene.records.count == 2 }
        #expect(await scene.records.map(\.value) == ["10", "11"])
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Removed and added elsewhere, nothing of before comes`(kind: KafkaBroker.Kind) async throws {
        let scene = try await written(20_000, by: kind)
        await scene.read(from: .beginning)
        try await until("some records") { await scene.records.count > 500 }
        await scene.stopReading()
        await scene.forgetRecords()
        await scene.read(from: .offset(19_000))
        try await until("the end") { await scene.ends > 0 }
        #expect(await scene.records.map(\.offset) == (19_000..<20_000).map(Int64.init))
        await scene.stopReading()
        await scene.forgetRecords()
        await scene.read(from: .offset(100))
        try await until("all") { await scene.records.count >= 19_900 }
        #expect(await scene.records.map(\.offset) == (100..<20_000).map(Int64.init))
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Paused and resumed many times under load, nothing is skipped or doubled`(kind: KafkaBroker.Kind) async throws
    {
        let scene = try await written(0, by: kind)
        await scene.read(from: .beginning)
        for round in 0..<40 {
            try await scene.produce(round * 250..<(round + 1) * 250)
            await scene.pause()
            let seen = await scene.records.count
            try await Task.sleep(for: .milliseconds(5))
            #expect(await scene.records.count == seen)
            await scene.resume()
            try await Task.sleep(for: .milliseconds(Int64.random(in: 0...10)))
        }
        try await until("all") { await scene.records.count >= 10_000 }
        #expect(await scene.records.map(\.offset) == (0..<10_000).map(Int64.init))
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `Removed while it was paused and added again, it is read until it is paused again`(
        kind: KafkaBroker.Kind
    ) async throws {
        let scene = try await written(10, by: kind)
        await scene.read(from: .beginning)
        for _ in 0..<3 {
            try await until("all") { await scene.records.count == 10 }
            await scene.pause()
            await scene.stopReading()
            await scene.forgetRecords()
            await scene.read(from: .offset(0))
        }
        try await until("all again") { await scene.records.count == 10 }
        await scene.pause()
        try await scene.produce(10..<20)
        #expect(await scene.flush(within: .seconds(20)))
        #expect(await scene.records.count == 10)
        await scene.resume()
        try await until("the rest") { await scene.records.count == 20 }
        #expect(await scene.records.map(\.offset) == (0..<20).map(Int64.init))
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `An offset that is not there is the owner's to hear, and it may go on elsewhere`(kind: KafkaBroker.Kind)
        async throws
    {
        let scene = try await written(10, by: kind)
        await scene.read(from: .offset(5000))
        try await until("a failure") { await !scene.failures.isEmpty }
        #expect(await scene.failures.map(\.isOffsetOutOfRange) == [true])
        #expect(await scene.records.isEmpty)
        await scene.stopReading()
        await scene.read(from: .offset(8))
        try await until("two records") { await scene.records.count == 2 }
        await scene.close()
    }

    @Test(arguments: KafkaBroker.Kind.present)
    func `A lazy reader gets the same, in fewer turns`(kind: KafkaBroker.Kind) async throws {
        var turns: [Bool: Int] = [:]
        for lazy in [false, true] {
            let scene = try await written(0, by: kind, lazy: lazy)
            await scene.read(from: .beginning)
            for number in 0..<200 {
                try await scene.produce(number..<number + 1)
                try await Task.sleep(for: .milliseconds(2))
            }
            try await until("all") { await scene.records.count == 200 }
            #expect(await scene.records.map(\.offset) == (0..<200).map(Int64.init))
            turns[lazy] = await scene.turnEnds
            await scene.close()
        }
        #expect(turns[true]! * 3 < turns[false]!)
    }
}

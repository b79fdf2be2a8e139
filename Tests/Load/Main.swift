import Glibc
import Switchboard

/// `switchboard-load calls PLAN.json` puts the load of a plan on a server and prints one line of JSON per measurement;
/// `Deploy/Local/bench` starts servers, writes plans and makes the table. `log` and `replay` are parts of
/// `Deploy/Local/bench-log`, `group` and `copy` of the conformance suite (`Tests/Broker/cases_driver.py`), the other words of
/// `Deploy/Local/bench-drivers`.
@main
struct Main {
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        let words = Array(CommandLine.arguments.dropFirst())
        let numbers = words.dropFirst().compactMap { Int($0) }
        switch (words.first ?? "", words.count) {
        case ("calls", 2): runCalls(planAt: words[1])
        case ("serve", 2) where numbers.count == 1: serve(port: numbers[0])
        case ("replay", 4) where numbers.count == 3 && numbers[2] > 0:
            replay(calls: numbers[0], port: numbers[1], partitions: numbers[2])
        case ("plain", 2): measurePlainly(in: words[1])
        case ("log", 6) where numbers.count >= 2 && LogLoad.Kind(rawValue: words[1]) != nil:
            log(words, rate: Int(words[4]) ?? 0, count: Int(words[5]) ?? 0)
        case ("group", 4): member(bootstrap: words[1], topic: words[2], group: words[3])
        case ("copy", 5) where numbers.count == 1:
            copy(bootstrap: words[1], from: words[2], to: words[3], count: numbers[0])
        case (let word, 3) where numbers.count == 2 && DriverLoad.Kind(rawValue: word) != nil:
            drive(DriverLoad.Kind(rawValue: word) ?? .echo, port: numbers[0], pid: numbers[1])
        default:
            Console.complain(
                "usage: switchboard-load calls PLAN.json | serve PORT | plain FOLDER | echo|idle|posts|redis PORT PID"
                    + " | log topics|produce|consume|dial|relay BOOTSTRAP TOPIC RATE COUNT"
                    + " | replay CALLS PORT PARTITIONS | group BOOTSTRAP TOPIC GROUP | copy BOOTSTRAP FROM TO COUNT")
            exit(2)
        }
    }

    private static func runCalls(planAt path: String) {
        let plan: LoadPlan
        do {
            let file = try File(path: path)
            var bytes: [UInt8] = []
            try file.read(into: &bytes, at: 0, count: file.size())
            plan = try LoadPlan(json: bytes)
        } catch {
            Console.complain("\(path): \(error)")
            exit(2)
        }
        let loop = EventLoop(name: "load")
        loop.execute { Held.session = CallSession(plan: plan, loop: loop) }
        loop.run()
    }
}

extension Main {
    private static func serve(port: Int) {
        let loop = EventLoop(name: "serve")
        loop.execute {
            do {
                Held.server = try DriverServer(port: port, loop: loop)
            } catch {
                Console.complain("\(error)")
                exit(1)
            }
        }
        loop.run()
    }

    private static func drive(_ kind: DriverLoad.Kind, port: Int, pid: Int) {
        let loop = EventLoop(name: "load")
        loop.execute {
            let load = DriverLoad(kind, port: port, pid: pid, loop: loop)
            Held.load = load
            load.start()
        }
        loop.run()
    }

    private static func log(_ words: [String], rate: Int, count: Int) {
        ProcessScheduling.batch()
        let plan = LogLoad.Plan(
            kind: LogLoad.Kind(rawValue: words[1]) ?? .produce, bootstrap: words[2], topic: words[3], rate: rate,
            count: count)
        let loop = EventLoop(name: "load")
        loop.execute {
            let load = LogLoad(plan, loop: loop)
            Held.log = load
            do {
                try load.begin()
            } catch {
                Console.complain("\(error)")
                exit(1)
            }
        }
        loop.run()
    }

    private static func member(bootstrap: String, topic: String, group: String) {
        runOnLoop { loop throws(KafkaFailure) in
            Held.group = try LogGroup(bootstrap: bootstrap, topic: topic, group: group, loop: loop)
        }
    }

    private static func copy(bootstrap: String, from topic: String, to copy: String, count: Int) {
        runOnLoop { loop throws(KafkaFailure) in
            Held.copy = try LogCopy(bootstrap: bootstrap, from: topic, to: copy, count: count, loop: loop)
        }
    }

    private static func runOnLoop(_ begin: @escaping @Sendable (EventLoop) throws(KafkaFailure) -> Void) {
        let loop = EventLoop(name: "load")
        loop.execute {
            do {
                try begin(loop)
            } catch {
                Console.complain("\(error)")
                exit(1)
            }
        }
        loop.run()
    }

    private static func replay(calls: Int, port: Int, partitions: Int) {
        let loop = EventLoop(name: "replay")
        loop.execute {
            let load = ReplayLoad(calls: calls, port: port, partitions: partitions, loop: loop)
            Held.replay = load
            load.run()
        }
        loop.run()
    }

    private static func measurePlainly(in folder: String) {
        do {
            try PlainMeasures.run(in: folder)
        } catch {
            Console.complain("\(error)")
            exit(1)
        }
    }
}

/// What lives on the loop until the process ends.
private enum Held {
    nonisolated(unsafe) static var session: CallSession?
    nonisolated(unsafe) static var server: DriverServer?
    nonisolated(unsafe) static var load: DriverLoad?
    nonisolated(unsafe) static var log: LogLoad?
    nonisolated(unsafe) static var replay: ReplayLoad?
    nonisolated(unsafe) static var group: LogGroup?
    nonisolated(unsafe) static var copy: LogCopy?
}

/// Standard output for measurements, standard error for people.
enum Console {
    static func report(_ measurement: some Message) { put(measurement.encoded() + [0x0A], to: 1) }

    /// A word on a line of its own, for who started this process.
    static func announce(_ word: String) { put(Array("\(word)\n".utf8), to: 1) }

    static func complain(_ text: String) { put(Array("\(text)\n".utf8), to: 2) }

    private static func put(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

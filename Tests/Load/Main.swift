import Glibc
import Switchboard

/// `switchboard-load calls PLAN.json` puts the load of a plan on a server and prints one line of JSON per measurement;
/// `Deploy/Local/bench` starts servers, writes plans and makes the table. The other words are parts of
/// `Deploy/Local/bench-drivers`.
@main
struct Main {
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        let words = CommandLine.arguments.dropFirst()
        switch (words.first, words.dropFirst().first) {
        case ("calls", let path?): runCalls(planAt: path)
        default:
            Console.complain("usage: switchboard-load calls PLAN.json")
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

/// What lives on the loop until the process ends.
private enum Held {
    nonisolated(unsafe) static var session: CallSession?
}

/// Standard output for measurements, standard error for people.
enum Console {
    static func report(_ measurement: some Message) { put(measurement.encoded() + [0x0A], to: 1) }

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

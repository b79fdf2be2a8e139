import Switchboard
import Testing

@Suite("Settings")
struct RuntimeOptionsTests {
    @Test("Settings are read, and what is not set has its default")
    func reads() {
        var options = Options(environment: [
            "SWITCHBOARD_DATA": "/tmp/x", "SWITCHBOARD_PARTITIONS": "4", "SWITCHBOARD_PAUSE": "2m",
            "SWITCHBOARD_LISTEN": "[::1]:8081", "SWITCHBOARD_DEMO": "1", "SWITCHBOARD_LOG_LEVEL": "debug",
            "PATH": "/bin",
        ])
        let data = options.text("SWITCHBOARD_DATA")
        let partitions = options.int("SWITCHBOARD_PARTITIONS", default: 8, in: 1...256)
        let pause = options.duration("SWITCHBOARD_PAUSE", default: .seconds(1), in: .seconds(1)...(.seconds(600)))
        let wait = options.duration("SWITCHBOARD_WAIT", default: .milliseconds(20), in: .zero...(.seconds(1)))
        let listen = options.address("SWITCHBOARD_LISTEN")
        let demo = options.flag("SWITCHBOARD_DEMO")
        let level = options.choice("SWITCHBOARD_LOG_LEVEL", default: LogLevel.info)
        #expect(data == "/tmp/x")
        #expect(partitions == 4)
        #expect(pause == .seconds(120))
        #expect(wait == .milliseconds(20))
        #expect(listen.host == "::1" && listen.port == 8081)
        #expect(demo)
        #expect(level == .debug)
        options.refuseUnknown()
        #expect(options.problems == [])
    }

    @Test("All problems are told at once, each with its name")
    func problems() {
        var options = Options(environment: [
            "SWITCHBOARD_PARTITIONS": "0", "SWITCHBOARD_RINGS": "many", "SWITCHBOARD_PAUSE": "10",
            "SWITCHBOARD_LISTEN": "localhost", "SWITCHBOARD_DEMO": "perhaps", "SWITCHBOARD_LOG_LEVEL": "loud",
            "SWITCHBOARD_PARTITION": "8", "SWITCHBOARD_REDIS": "redis://127.0.0.1:1", "SWITCHBOARD_KEY": "",
        ])
        _ = options.text("SWITCHBOARD_KEY")
        _ = options.int("SWITCHBOARD_PARTITIONS", default: 8, in: 1...256)
        _ = options.int("SWITCHBOARD_RINGS", in: 1...256)
        _ = options.duration("SWITCHBOARD_PAUSE", default: .seconds(1), in: .seconds(1)...(.seconds(600)))
        _ = options.address("SWITCHBOARD_LISTEN")
        _ = options.flag("SWITCHBOARD_DEMO")
        _ = options.choice("SWITCHBOARD_LOG_LEVEL", default: LogLevel.info)
        options.refuseUnknown()
        #expect(
            options.problems == [
                "SWITCHBOARD_KEY: is required",
                "SWITCHBOARD_PARTITIONS: '0' must be between 1 and 256",
                "SWITCHBOARD_RINGS: 'many' is not a whole number",
                "SWITCHBOARD_PAUSE: '10' is not a time such as 250ms or 10s",
                "SWITCHBOARD_LISTEN: 'localhost' is not host:port",
                "SWITCHBOARD_DEMO: 'perhaps' is neither on nor off",
                "SWITCHBOARD_LOG_LEVEL: 'loud' must be one of debug, info, notice, warning, error",
                "SWITCHBOARD_PARTITION: there is no such setting",
            ])
    }

    @Test(
        "Times and addresses that are not quite right are refused",
        arguments: ["-1s", "1.5s", "s", "", "99999999999999999999ms", "9223372036854775807h", "1 s", "+1ss"])
    func badTimes(_ text: String) {
        var options = Options(environment: ["SWITCHBOARD_PAUSE": text.isEmpty ? " " : text])
        _ = options.duration("SWITCHBOARD_PAUSE", default: .seconds(1), in: .zero...(.seconds(3600)))
        #expect(options.problems.count == 1)
    }

    @Test(
        "An address needs a host and a port below 65536",
        arguments: ["", ":80", "a:", "a:b", "a:65536", "a:-1", "::1:80", "a:+1", "a:٣"])
    func badAddresses(_ text: String) {
        var options = Options(environment: ["SWITCHBOARD_LISTEN": text.isEmpty ? " " : text])
        _ = options.address("SWITCHBOARD_LISTEN")
        #expect(options.problems.count == 1)
    }

    @Test("A secret is shown by nothing, not even by what is wrong with it")
    func secrets() {
        var options = Options(environment: ["SWITCHBOARD_A": "hush-hush", "SWITCHBOARD_B": "hush"])
        let good = options.secret("SWITCHBOARD_A", bytesMin: 8)
        _ = options.secret("SWITCHBOARD_B", bytesMin: 8)
        _ = options.secret("SWITCHBOARD_C", bytesMin: 8)
        let none = options.secret("SWITCHBOARD_D", bytesMin: 8, isRequired: false)
        #expect(good.reveal() == "hush-hush" && none.isEmpty)
        #expect(options.problems == ["SWITCHBOARD_B: must have at least 8 bytes", "SWITCHBOARD_C: is required"])
        #expect(!"\(options.table()) \(good)".contains("hush"))
    }

    @Test("The manual's table names unit, default and range")
    func table() {
        var options = Options(environment: [:])
        _ = options.int("SWITCHBOARD_PARTITIONS", default: 8, in: 1...256, help: "Partitions of each topic.")
        _ = options.duration("SWITCHBOARD_PAUSE", default: .seconds(90), in: .milliseconds(250)...(.seconds(7200)))
        _ = options.text("SWITCHBOARD_DATA", help: "Folder of its own.")
        #expect(
            options.table() == """
                | setting | what | default | range | |
                |---|---|---|---|---|
                | `SWITCHBOARD_PARTITIONS` | number | `8` | 1…256 | Partitions of each topic. |
                | `SWITCHBOARD_PAUSE` | time (ms, s, m, h) | `90s` | 250ms…2h |  |
                | `SWITCHBOARD_DATA` | text | required |  | Folder of its own. |
                """)
    }
}

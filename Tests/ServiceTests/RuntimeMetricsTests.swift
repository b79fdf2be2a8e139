import Switchboard
import Testing

@Suite("Figures and readiness")
struct RuntimeMetricsTests {
    @Test("Counters, gauges and histograms are shown as Prometheus reads them")
    func rendering() {
        let metrics = Metrics()
        let frames = metrics.counter("frames_total", help: "Frames.", labels: ["type": "call.start"])
        frames.add()
        frames.add(2)
        metrics.counter("frames_total", help: "Frames.", labels: ["type": "a\"b\\c\nd"]).add(5)
        let open = metrics.gauge("connections", help: "Open now.\nAll.")
        open.add(4)
        open.add(-1)
        metrics.gauge("lag", help: "Lag.") { 1.5 }
        let ring = metrics.histogram("ring_seconds", help: "Dial to ring.", bounds: [0.01, 0.1, 1])
        ring.record(.milliseconds(5))
        ring.record(.milliseconds(10))
        ring.record(.milliseconds(50))
        ring.record(.seconds(3))
        #expect(
            metrics.render() == #"""
                # HELP frames_total Frames.
                # TYPE frames_total counter
                frames_total{type="call.start"} 3
                frames_total{type="a\"b\\c\nd"} 5
                # HELP connections Open now.\nAll.
                # TYPE connections gauge
                connections 3
                # HELP lag Lag.
                # TYPE lag gauge
                lag 1.5
                # HELP ring_seconds Dial to ring.
                # TYPE ring_seconds histogram
                ring_seconds_bucket{le="0.01"} 2
                ring_seconds_bucket{le="0.1"} 3
                ring_seconds_bucket{le="1.0"} 3
                ring_seconds_bucket{le="+Inf"} 4
                ring_seconds_sum 3.065
                ring_seconds_count 4

                """#)
    }

    @Test("The same name and labels give the same counter, and counting from many tasks loses nothing")
    func sameCounter() async {
        let metrics = Metrics()
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 { metrics.counter("hits_total", help: "", labels: ["a": "b"]).add() }
                }
            }
        }
        #expect(metrics.counter("hits_total", help: "", labels: ["a": "b"]).value == 8000)
        #expect(metrics.counter("hits_total", help: "", labels: ["a": "c"]).value == 0)
    }

    @Test("A process knows its own processor time, memory and descriptors")
    func process() {
        let metrics = Metrics()
        metrics.addProcess()
        for line in metrics.render().split(separator: "\n") where !line.hasPrefix("#") {
            let value = Double(line.split(separator: " ")[1]) ?? 0
            #expect(value > 0, "\(line)")
        }
    }

    @Test("A process is ready when every condition holds, and never again once it stops")
    func readiness() {
        let health = Health(conditions: ["topics", "producer"])
        #expect(health.missing == ["topics", "producer"])
        health.set("topics", true)
        #expect(!health.isReady)
        #expect(health.report == "not ready\nproducer\n")
        health.set("producer", true)
        #expect(health.isReady && health.report == "ready\n")
        health.set("topics", false)
        #expect(health.missing == ["topics"])
        health.set("topics", true)
        health.stop()
        #expect(health.report == "not ready\nstopping\n")
    }

    @Test("Operators ask at /healthz, /readyz and /metrics, and other paths are not theirs")
    func operations() throws {
        let health = Health(conditions: ["topics"])
        let metrics = Metrics()
        metrics.counter("calls_total", help: "Calls.").add(2)
        let door = OperationsDoor(health: health, metrics: metrics)
        func ask(_ path: String, _ method: String = "GET") -> (Int, String)? {
            door.answer(HTTPRequest(method: method, target: path, path: path)).map {
                ($0.status, String(decoding: $0.body, as: UTF8.self))
            }
        }
        #expect(try #require(ask("/healthz")) == (200, "alive\n"))
        #expect(try #require(ask("/readyz")) == (503, "not ready\ntopics\n"))
        health.set("topics", true)
        #expect(try #require(ask("/readyz")) == (200, "ready\n"))
        #expect(try #require(ask("/metrics")).1.hasSuffix("calls_total 2\n"))
        #expect(try #require(ask("/healthz", "POST")).0 == 405)
        #expect(ask("/healthz/") == nil)
        #expect(ask("/v1/rooms") == nil)
    }
}

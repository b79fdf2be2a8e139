import CallbackDispatcher
import Foundation
import Support
import Switchboard
import Testing

/// What an endpoint's answers lead to, door to door: a real dispatcher, real HTTP, a schedule in short.
@Suite("A webhook", .serialized)
struct DispatcherDeliveryTests {
    private static let shortly = ["SWITCHBOARD_WEBHOOK_RETRIES": "100ms,100ms,100ms,100ms,100ms,100ms,100ms,100ms"]

    @Test("Is tried nine times, with the schedule's waits in between, and then is failed")
    func schedule() async throws {
        let waits = [100, 200, 300, 400, 500, 600, 700, 800]
        let text = waits.map { "\($0)ms" }.joined(separator: ",")
        let stage = try await DeliveryStage(["SWITCHBOARD_WEBHOOK_RETRIES": text]) { _ in .status(500) }
        _ = try await stage.add()
        try await stage.write(1)
        try await eventually("it is given up") {
            try await stage.metric("switchboard_webhooks_given_up_total") == 1
        }
        let hits = await stage.sink.hits
        #expect(hits.count == 9)
        #expect(Set(hits.map(\.id)).count == 1 && Set(hits.map(\.body)).count == 1)
        for (index, wait) in waits.enumerated() where index + 1 < hits.count {
            let gap = hits[index].at.duration(to: hits[index + 1].at)
            #expect(gap >= .milliseconds(Int64(wait) * 8 / 10 - 20), "after attempt \(index + 1): \(gap)")
            #expect(gap <= .milliseconds(Int64(wait) * 12 / 10 + 700), "after attempt \(index + 1): \(gap)")
        }
        await stage.close()
    }

    @Test("Has the published schedule where nothing else is set")
    func publishedSchedule() {
        let schedule = RetrySchedule(waits: RetrySchedule.waitsDefault, first: nil)
        let seconds = [5, 30, 300, 1800, 7200, 18_000, 36_000, 86_400].map(Double.init)
        for (index, wait) in seconds.enumerated() {
            for _ in 0..<100 {
                let delay = schedule.delay(afterAttempt: index + 1, asked: nil).map { $0 / .seconds(1) } ?? 0
                #expect((wait * 0.8 - 0.01...wait * 1.2 + 0.01).contains(delay))
            }
        }
        #expect(schedule.delay(afterAttempt: 9, asked: nil) == nil)
        #expect(schedule.delay(afterAttempt: 1, asked: .seconds(600)) == .seconds(600))
        #expect(schedule.delay(afterAttempt: 1, asked: .seconds(1 << 30)) == .seconds(86_400))
    }

    @Test("Reads Retry-After in seconds and as a date")
    func retryAfter() {
        let now = Timestamp(milliseconds: 784_111_770_000)
        #expect(RetryAfter.wait("7", at: now) == .seconds(7))
        #expect(RetryAfter.wait("Sun, 06 Nov 1994 08:49:37 GMT", at: now) == .seconds(7))
        #expect(RetryAfter.wait("Sun, 06 Nov 1994 08:49:29 GMT", at: now) == .zero)
        #expect(RetryAfter.wait("Thu, 29 Feb 1996 00:00:00 GMT", at: now) == .seconds(825_552_000 - 784_111_770))
        for wrong in ["", "-1", "soon", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nix 1994 08:49:37 GMT"] {
            #expect(RetryAfter.wait(wrong, at: now) == nil, "\(wrong)")
        }
    }

    @Test("Answered 410 disables the endpoint, which others are told of, and which its owner can enable again")
    func gone() async throws {
        let isGone = Toggle(true)
        let stage = try await DeliveryStage(Self.shortly) { hit in
            .status(hit.path == "/hook" && isGone.value ? 410 : 204)
        }
        let endpoint = try await stage.add()
        _ = try await stage.add(["callback.*"], path: "/watcher")
        try await stage.write(1)
        try await eventually("others are told") { await stage.sink.hits.contains { $0.path == "/watcher" } }
        let told = try #require(await stage.sink.hits.first { $0.path == "/watcher" })
        #expect(told.type == "callback.endpoint.disabled" && told.subject == "endpoints/\(endpoint.id)")
        #expect(told.body.contains(#""cause":"gone""#))
        #expect(try await stage.isEnabled(endpoint) == false)
        isGone.set(false)
        let enabled = try await stage.dispatcher.asks(
            "PATCH", "/v1/callbacks/endpoints/\(endpoint.id)", body: #"{"enabled":true}"#)
        #expect(enabled.status == 200, "\(enabled.body)")
        try await stage.write(2)
        try await eventually("it gets what comes now") {
            await stage.sink.hits.contains { $0.subject == stage.subject(2) }
        }
        let hits = await stage.sink.hits
        #expect(hits.count { $0.subject == stage.subject(1) } == 1)
        #expect(hits.count { $0.path == "/watcher" } == 1)
        await stage.close()
    }

    @Test("Answered 429 leaves the endpoint alone for as long as it asks", arguments: [true, false])
    func tooMany(_ isDate: Bool) async throws {
        let stage = try await DeliveryStage(Self.shortly) { hit in
            guard hit.earlier == 0, hit.subject.hasSuffix("1") else { return .status(200) }
            let date = DateFormatter()
            date.locale = Locale(identifier: "en_US_POSIX")
            date.timeZone = TimeZone(identifier: "GMT")
            date.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
            return .status(429, [("Retry-After", isDate ? date.string(from: Date(timeIntervalSinceNow: 3)) : "2")])
        }
        _ = try await stage.add()
        try await stage.write(1)
        try await eventually("it came") { await !stage.sink.hits.isEmpty }
        try await stage.write(2)
        try await eventually("both are taken") {
            try await stage.metric("switchboard_webhooks_delivered_total") == 2
        }
        let hits = await stage.sink.hits
        #expect(hits.count == 3)
        for hit in hits.dropFirst() { #expect(hits[0].at.duration(to: hit.at) >= .milliseconds(1900)) }
        await stage.close()
    }

    @Test("Is not carried after a redirect, waited for without end, or read without end")
    func otherAnswers() async throws {
        let stage = try await DeliveryStage(Self.shortly.merging(["SWITCHBOARD_WEBHOOK_ANSWER_WITHIN": "300ms"]) { $1 })
        {
            hit in
            switch hit.earlier {
            case 0: .status(302, [("Location", "/elsewhere")])
            case 1: .never
            default: .status(200, bytes: 4 << 20)
            }
        }
        _ = try await stage.add()
        try await stage.write(1)
        try await eventually("it is taken") { try await stage.metric("switchboard_webhooks_delivered_total") == 1 }
        let hits = await stage.sink.hits
        #expect(hits.map(\.path) == ["/hook", "/hook", "/hook"])
        #expect(try await stage.metric("switchboard_webhook_failures_total") == 2)
        await stage.close()
    }

    @Test("Waits for the one before of its subject for a time, then goes ahead and says so; other subjects never wait")
    func order() async throws {
        let settings = ["SWITCHBOARD_WEBHOOK_RETRIES": "20s", "SWITCHBOARD_WEBHOOK_ORDER_HELD": "800ms"]
        let stage = try await DeliveryStage(settings) { hit in
            .status(hit.type == "call.started" && hit.subject.hasSuffix("1") ? 500 : 200)
        }
        _ = try await stage.add()
        try await stage.write(1)
        try await eventually("the first failed") { await stage.sink.hits.count == 1 }
        let first = try #require(await stage.sink.hits.first)
        // Behind the time of the first one's failure, so that it is the later event that starts to wait no more.
        try await stage.write(2, facts: 2)
        try await eventually("the other subject went by") { await stage.sink.hits.count == 3 }
        #expect(await stage.sink.hits.dropFirst().allSatisfy { $0.subject == stage.subject(2) && !$0.isDelayed })
        try await stage.scene.write(
            DispatcherLogs.records(
                [(key: RecordKey.of(DispatcherLogs.app, DispatcherLogs.call(1)), fact: DispatcherLogs.facts()[1])],
                incarnation: "later"), to: .calls, 0)
        try await eventually("the next goes ahead", within: .seconds(10)) { await stage.sink.hits.count == 4 }
        let next = try #require(await stage.sink.hits.last)
        #expect(next.subject == stage.subject(1) && next.type == "call.member.joined" && next.isDelayed)
        #expect(first.at.duration(to: next.at) >= .milliseconds(790))
        try await stage.scene.write(
            DispatcherLogs.records(
                [(key: RecordKey.of(DispatcherLogs.app, DispatcherLogs.call(1)), fact: DispatcherLogs.facts()[2])],
                incarnation: "last"), to: .calls, 0)
        try await eventually("the one after goes too", within: .seconds(10)) { await stage.sink.hits.count == 5 }
        #expect(await stage.sink.hits.last?.isDelayed == true)
        await stage.close()
    }

    @Test("Beyond the subjects that may be blocked, waits in the topic until there is room")
    func heldMax() async throws {
        let isDown = Toggle(true)
        let settings = [
            "SWITCHBOARD_WEBHOOK_HELD_MAX": "4",
            "SWITCHBOARD_WEBHOOK_RETRIES": "1s,500ms,500ms,500ms,500ms,500ms,500ms,500ms",
        ]
        let stage = try await DeliveryStage(settings) { _ in .status(isDown.value ? 500 : 200) }
        _ = try await stage.add()
        for call in 1...12 { try await stage.write(call) }
        try await eventually("twelve attempts") { await stage.sink.hits.count >= 12 }
        #expect(Set(await stage.sink.hits.map(\.subject)).count == 4)
        isDown.set(false)
        try await eventually("all are taken") { try await stage.metric("switchboard_webhooks_delivered_total") == 12 }
        #expect(Set(await stage.sink.hits.map(\.subject)).count == 12)
        await stage.close()
    }

    @Test("That nothing was answered for too long disables the endpoint")
    func failing() async throws {
        let stage = try await DeliveryStage(
            Self.shortly.merging(["SWITCHBOARD_WEBHOOK_DISABLED_AFTER": "500ms"]) { $1 }
        ) {
            .status($0.path == "/hook" ? 503 : 200)
        }
        let endpoint = try await stage.add()
        _ = try await stage.add(["callback.endpoint.disabled"], path: "/watcher")
        try await stage.write(1)
        try await eventually("others are told") { await stage.sink.hits.contains { $0.path == "/watcher" } }
        #expect(await stage.sink.hits.last { $0.path == "/watcher" }?.body.contains(#""cause":"failing""#) == true)
        #expect(try await stage.isEnabled(endpoint) == false)
        await stage.close()
    }

    @Test("Goes to no address inside, by whatever name")
    func innerAddress() async throws {
        let stage = try await DeliveryStage(Self.shortly, allowsPrivate: false) { _ in .status(200) }
        // A spelling that the door does not know as an address; it is judged when it is connected to.
        _ = try await stage.add(host: "0x7f.1")
        try await stage.write(1)
        try await eventually("it is given up") {
            try await stage.metric("switchboard_webhooks_given_up_total") == 1
        }
        #expect(await stage.sink.hits.isEmpty)
        #expect(stage.dispatcher.said.contains("addressRefused"))
        await stage.close()
    }

    @Test("Is sent, once, of events that were written when Kafka's client had given up")
    func renderedOn() async throws {
        let stage = try await DeliveryStage { _ in .status(200) }
        _ = try await stage.add()
        try await stage.write(1, facts: 3)
        try await eventually("the first are taken") { await stage.sink.hits.count == 3 }
        try Intruder(broker: stage.broker).takeTurns(in: Topic.callbacks, 0)
        try await stage.write(2, facts: 3)
        try await eventually("the next are taken") { await stage.sink.hits.count >= 6 }
        #expect(stage.dispatcher.said.contains("a partition is begun again"))
        try await stage.write(3)
        try await eventually("it goes on") { await stage.sink.hits.contains { $0.subject == stage.subject(3) } }
        let hits = await stage.sink.hits
        #expect(hits.map(\.subject) == [1, 1, 1, 2, 2, 2, 3].map { stage.subject($0) })
        #expect(Set(hits.map(\.id)).count == 7)
        // Whoever reads the topic here may be behind the sink.
        try await eventually("the topic has the same") {
            await stage.scene.events.map(\.id).filter { !$0.isEmpty } == hits.map(\.id)
        }
        #expect(!stage.dispatcher.said.contains(#""level":"error""#))
        await stage.close()
    }

    @Test("Is remembered as taken by a dispatcher whose client had given up")
    func rememberedOn() async throws {
        let stage = try await DeliveryStage { _ in .status(200) }
        let endpoint = try await stage.add()
        func isRemembered(_ count: Int64) async throws {
            try await eventually("\(count) are remembered") { await stage.scene.cursors[endpoint.id] == count }
        }
        try await stage.write(1)
        try await isRemembered(1)
        try Intruder(broker: stage.broker).takeTurns(in: Topic.callbackDeliveries, 0)
        try await stage.write(2)
        try await eventually("its client gives up") {
            stage.dispatcher.said.contains("a partition is begun again")
        }
        try await isRemembered(2)
        try await stage.write(3)
        try await isRemembered(3)
        #expect(!stage.dispatcher.said.contains(#""level":"error""#))
        stage.dispatcher.kill()
        let sent = await stage.sink.hits.map(\.subject)
        #expect(Set(sent) == Set([1, 2, 3].map { stage.subject($0) }))
        try stage.dispatcher.start()
        try await stage.write(4)
        try await eventually("it goes on") { await stage.sink.hits.contains { $0.subject == stage.subject(4) } }
        #expect(await stage.sink.hits.map(\.subject) == sent + [stage.subject(4)])
        await stage.close()
    }
}

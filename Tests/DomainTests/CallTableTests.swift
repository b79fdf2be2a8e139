import Switchboard
import Testing

/// Every input of interest at every moment of a call. An outcome names the facts, or the refusal behind `!`; `–` is
/// nothing.
@Suite struct `At every moment a call` {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var input: CallInput
        var outcomes: [String]

        init(_ name: String, _ input: CallInput, _ outcomes: String) {
            testDescription = name
            self.input = input
            self.outcomes = outcomes.split(separator: ",").map { $0.trimmingPrefix { $0 == " " } }.map(String.init)
        }
    }

    @Test(arguments: commands + answers + media + news + rooms)
    func `decides`(_ row: Row) {
        #expect(row.outcomes.count == CallMoment.allCases.count)
        for (moment, outcome) in zip(CallMoment.allCases, row.outcomes) {
            var stage = moment.stage
            #expect(stage.send(row.input) == outcome, "\(moment)")
        }
    }

    // The columns: unknown, endedEarly, dialing, invited, ringing, connecting, onCall, over.

    static let commands = [
        Row(
            "start from the caller's phone", .start(.anna),
            "started, !tooLate, synced, synced, synced, synced, synced, !tooLate"),
        Row(
            "start from the caller's tablet", .start(.init(by: .annaTablet)),
            "started, !tooLate, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !tooLate"),
        Row(
            "start from a stranger", .start(.init(by: .carl)),
            "started, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall"),
        Row(
            "end from the caller's phone", .end(.anna),
            "endedBeforeStart, !notInside, cancelled ended, cancelled ended, cancelled ended, left ended, left ended, "
                + "!notInside"),
        Row(
            "end from the caller's tablet", .end(.init(by: .annaTablet)),
            "endedBeforeStart, !notInside, !notInside, !notInside, !notInside, !notInside, !notInside, !notInside"),
        Row(
            "end from the callee's phone", .end(.ben),
            "endedBeforeStart, !notInside, declined ended, declined ended, declined ended, left ended, left ended, "
                + "!notInside"),
        Row(
            "end from the callee's tablet", .end(.init(by: .benTablet)),
            "endedBeforeStart, !notInside, declined ended, declined ended, declined ended, !notInside, !notInside, "
                + "!notInside"),
        Row(
            "busy from the callee's phone", .end(.init(by: .ben, .busyWaiting)),
            "endedBeforeStart, !notInside, busied ended, busied ended, busied ended, left ended, left ended, !notInside"
        ),
        Row(
            "end from a stranger", .end(.init(by: .carl)),
            "endedBeforeStart, !notInside, !notInside, !notInside, !notInside, !notInside, !notInside, !notInside"),
        Row(
            "sync from the caller's phone", .sync(.anna),
            "!unknownCall, !unknownCall, synced, synced, synced, synced, synced, –"),
        Row(
            "sync from the callee's phone", .sync(.ben),
            "!unknownCall, !unknownCall, synced, synced, synced, synced, synced, –"),
        Row(
            "sync from the callee's tablet", .sync(.benTablet),
            "!unknownCall, !unknownCall, synced, synced, synced, –, –, –"),
        Row(
            "sync from a stranger", .sync(.carl),
            "!unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, "
                + "!unknownCall"),
    ]

    static let answers = [
        Row(
            "ringing from the callee's phone", .ringing(.ben),
            "!unknownCall, !unknownCall, ringing, ringing, –, !notInside, !notInside, !notInside"),
        Row(
            "ringing from the callee's tablet", .ringing(.benTablet),
            "!unknownCall, !unknownCall, ringing, ringing, ringing, !notInside, !notInside, !notInside"),
        Row(
            "ringing from a device that was not rung", .ringing(.benLaptop),
            "!unknownCall, !unknownCall, rung ringing, rung ringing, rung ringing, !notInside, !notInside, !notInside"),
        Row(
            "ringing from the caller", .ringing(.anna),
            "!unknownCall, !unknownCall, !notInside, !notInside, !notInside, !notInside, !notInside, !notInside"),
        Row(
            "accept from the callee's phone", .accept(.ben),
            "!unknownCall, !unknownCall, accepted, accepted, accepted, synced, synced, !tooLate"),
        Row(
            "accept from the callee's tablet", .accept(.init(by: .benTablet)),
            "!unknownCall, !unknownCall, accepted, accepted, accepted, !tooLate, !tooLate, !tooLate"),
        Row(
            "accept from a device that was not rung", .accept(.init(by: .benLaptop)),
            "!unknownCall, !unknownCall, accepted, accepted, accepted, !tooLate, !tooLate, !tooLate"),
        Row(
            "accept from the caller", .accept(.init(by: .anna)),
            "!unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, "
                + "!unknownCall"),
        Row(
            "accept from a stranger", .accept(.init(by: .carl)),
            "!unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, !unknownCall, "
                + "!unknownCall"),
    ]

    static let media = [
        Row(
            "camera off at the caller", .media(.init(by: .anna, camera: false)),
            "!notInside, !notInside, mediaChanged, mediaChanged, mediaChanged, mediaChanged, mediaChanged, !notInside"),
        Row(
            "camera on at the caller, where it is on", .media(.init(by: .anna, camera: true)),
            "!notInside, !notInside, –, –, –, –, –, !notInside"),
        Row(
            "camera off at the callee's phone", .media(.init(by: .ben, camera: false)),
            "!notInside, !notInside, !notInside, !notInside, !notInside, mediaChanged, mediaChanged, !notInside"),
        Row(
            "camera off at the callee's tablet", .media(.init(by: .benTablet, camera: false)),
            "!notInside, !notInside, !notInside, !notInside, !notInside, !notInside, !notInside, !notInside"),
        Row(
            "media reset by the caller", .mediaReset(.anna),
            "!notInside, !notInside, !notInside, rejoined, rejoined, rejoined, rejoined, !notInside"),
        Row(
            "media reset by the callee's phone", .mediaReset(.ben),
            "!notInside, !notInside, !notInside, !notInside, !notInside, !notInside, rejoined, !notInside"),
        Row(
            "media failed at the caller", .mediaReport(.init(by: .anna, .failed)),
            "!notInside, !notInside, mediaReported, mediaReported, mediaReported, mediaReported, mediaReported, "
                + "!notInside"),
        Row(
            "media disconnected at the caller", .mediaReport(.init(by: .anna, .disconnected)),
            "!notInside, !notInside, –, –, –, –, –, !notInside"),
        Row(
            "media connected at the callee, where it is", .mediaReport(.init(by: .ben, .connected)),
            "!notInside, !notInside, !notInside, !notInside, !notInside, –, –, !notInside"),
    ]

    static let news = [
        Row(
            "the caller's phone is back", .deviceUp(.init(user: .anna, device: .annaPhone.over(9))),
            "–, –, returned, returned, returned, returned, returned, –"),
        Row(
            "the caller's phone is there, as it was", .deviceUp(.init(user: .anna, device: .annaPhone)),
            "–, –, –, –, –, –, –, –"),
        Row(
            "the caller's tablet is there", .deviceUp(.init(user: .anna, device: .annaTablet.over(9))),
            "–, –, –, –, –, –, –, –"),
        Row(
            "the callee's phone is back", .deviceUp(.init(user: .ben, device: .benPhone.over(9))),
            "–, –, rung, rung, rung, returned, returned, –"),
        Row(
            "the callee's phone is there, as it was", .deviceUp(.init(user: .ben, device: .benPhone)),
            "–, –, –, –, –, –, –, –"),
        Row(
            "the callee's tablet is back", .deviceUp(.init(user: .ben, device: .benTablet.over(9))),
            "–, –, rung, rung, rung, –, –, –"),
        Row(
            "the callee's laptop is there", .deviceUp(.init(user: .ben, device: .benLaptop)),
            "–, –, rung, rung, rung, –, –, –"),
        Row(
            "a stranger's phone is there", .deviceUp(.init(user: .carl, device: .carlPhone)),
            "–, –, –, –, –, –, –, –"),
        Row(
            "the caller's phone is gone", .deviceDown(.init(user: .anna, device: .annaPhone)),
            "–, –, lost, lost, lost, lost, lost, –"),
        Row(
            "an old connection of the caller's phone is gone",
            .deviceDown(.init(user: .anna, device: .annaPhone.over(99))), "–, –, –, –, –, –, –, –"),
        Row(
            "the caller's tablet is gone", .deviceDown(.init(user: .anna, device: .annaTablet)),
            "–, –, –, –, –, –, –, –"),
        Row(
            "the callee's phone is gone", .deviceDown(.init(user: .ben, device: .benPhone)),
            "–, –, lost, lost, lost, lost, lost, –"),
        Row(
            "the callee's user knows of another device", .devices(.init(.ben, [.benPhone, .benLaptop])),
            "–, –, rung, rung, rung, –, –, –"),
        Row(
            "the callee's user knows of no other device", .devices(.init(.ben, [.benPhone, .benTablet])),
            "–, –, –, –, –, –, –, –"),
        Row(
            "the caller's phone logs out", .loggedOut(.init(user: .anna, device: .annaPhone)),
            "–, –, cancelled ended, cancelled ended, cancelled ended, left ended, left ended, –"),
        Row(
            "the callee's phone logs out", .loggedOut(.init(user: .ben, device: .benPhone)),
            "–, –, –, –, –, left ended, left ended, –"),
        Row(
            "the callee's tablet logs out", .loggedOut(.init(user: .ben, device: .benTablet)),
            "–, –, –, –, –, –, –, –"),
        Row(
            "a moment passes", .timer(silenceCounts: true), "–, –, –, –, –, –, –, –"),
    ]

    static let rooms = [
        Row(
            "the caller's phone moves", .moves(.init(.anna, .annaPhone, .ended)),
            "–, –, cancelled ended, cancelled ended, cancelled ended, left ended, left ended, –"),
        Row(
            "the callee's phone moves", .moves(.init(.ben, .benPhone, .ended)),
            "–, –, –, –, –, left ended, left ended, –"),
        Row(
            "the caller's seat is refused", .seatRefused(.init(.anna, .annaPhone)),
            "–, –, startRefused ended, –, –, –, –, –"),
        Row(
            "the callee's seat is refused", .seatRefused(.init(.ben, .benPhone)),
            "–, –, –, –, –, left ended, –, –"),
        Row("the caller's phone is inside", .joined(.anna), "–, –, entered, –, –, –, –, –"),
        Row("the callee's phone is inside", .joined(.ben), "–, –, –, –, –, entered connected, –, –"),
        Row(
            "the callee's tablet is inside", .joined(.init(.ben, .benTablet, 2)), "–, –, –, –, –, –, –, –"),
    ]
}

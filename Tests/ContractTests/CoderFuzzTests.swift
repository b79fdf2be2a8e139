import Switchboard
import Testing

/// SplitMix64: the same seed always gives the same run.
private struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

@Suite struct `Whatever bytes come` {
    static let interesting = Array(#"{}[]",:\u0eE+-.1 null true\ud83d\ude00"#.utf8) + [0, 0x1f, 0x7f, 0x80, 0xc3, 0xff]

    /// Flips, cuts, doubles and splices bytes of a good message.
    private static func mutate(_ bytes: inout [UInt8], _ dice: inout Dice) {
        for _ in 0..<Int.random(in: 1...4, using: &dice) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &dice)
            switch Int.random(in: 0..<5, using: &dice) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &dice)
            case 1: bytes[place] = interesting.randomElement(using: &dice)!
            case 2: bytes.insert(interesting.randomElement(using: &dice)!, at: place)
            case 3: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...9, using: &dice)))
            default:
                let from = Int.random(in: 0..<bytes.count, using: &dice)
                bytes.insert(contentsOf: bytes[from..<min(bytes.count, from + 12)], at: place)
            }
        }
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `what is read is written to something that reads the same`(seed: UInt64) throws {
        var dice = Dice(state: seed)
        let good = Everything.full.encoded()
        var accepted = 0
        for _ in 0..<3_000 {
            var bytes = good
            Self.mutate(&bytes, &dice)
            guard let message = try? Everything(json: bytes) else { continue }
            accepted += 1
            #expect(try Everything(json: message.encoded()) == message)
        }
        #expect(accepted > 50, "mutations are too wild to reach far")
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `the order of members does not matter`(seed: UInt64) throws {
        var dice = Dice(state: seed)
        var members: [String] = []
        for i in 0..<6 { members.append("\"later\(i)\":{\"x\":[\(i)]}") }
        members += [
            #""id":"i""#, #""type":"audio""#, #""app":"a""#, #""call":"c""#, #""room":"r""#, #""time":1"#, #""seq":2"#,
            #""group":true"#, #""caller":{"region":"e","device":"d","user":"u"}"#,
            #""callee":{"user":"u2","device":"d2"}"#, #""count":3"#,
        ]
        let expected = try Typical(json: Array("{\(members.joined(separator: ","))}".utf8))
        for _ in 0..<200 {
            members.shuffle(using: &dice)
            #expect(try Typical(json: Array("{\(members.joined(separator: ","))}".utf8)) == expected)
        }
    }

    @Test func `every place in a string may need an escape`() throws {
        for count in 0..<40 {
            for place in 0...count {
                for odd in ["\"", "\\", "\n", "\u{1f}", "\u{7f}", "ü", "😀", ""] {
                    let text = String(repeating: "x", count: place) + odd + String(repeating: "y", count: count - place)
                    var message = Frame.End()
                    message.reason = text
                    #expect(try Frame.End(json: message.encoded()).reason == text)
                }
            }
        }
    }

    @Test func `every integer and every cut is held`() throws {
        for number: Int64 in [0, 1, -1, 9, 10, 99, 100, .max, .min, .max - 1, .min + 1, 1 << 53 + 1, 999, 1000] {
            var member = Member()
            member.seq = number
            #expect(try Member(json: member.encoded()).seq == number)
        }
        for power in 0..<64 {
            for number in [UInt64(1) << power, UInt64(1) << power - 1, .max - UInt64(1) << power] {
                var everything = Everything.full
                everything.unsigned = number
                #expect(String(decoding: everything.encoded(), as: UTF8.self).contains("\"unsigned\":\(number),"))
            }
        }
        let whole = Everything.full.encoded()
        for count in 0..<whole.count {
            #expect(throws: CodingFailure.self) { try Everything(json: Array(whole[..<count])) }
        }
    }
}

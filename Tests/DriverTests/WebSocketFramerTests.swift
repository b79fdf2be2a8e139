import Switchboard
import Testing

/// What a framer said, in a form that can be compared.
enum Heard: Equatable {
    case text([UInt8])
    case binary, pong
    case ping([UInt8])
    case close(UInt16?)
    case violation(UInt16)
}

/// Reads `bytes` as they would come from a socket in the given pieces.
func hear(_ bytes: [UInt8], pieces: [Int]? = nil, role: WebSocketRole = .server, max: Int = 64 << 10) -> [Heard] {
    var framer = WebSocketFramer(role: role, messageBytesMax: max)
    var heard: [Heard] = []
    var kept: [UInt8] = []
    var start = 0
    var sizes = (pieces ?? [bytes.count])[...]
    while start < bytes.count {
        let end = min(bytes.count, start + Swift.max(1, sizes.popFirst() ?? 1))
        kept += bytes[start..<end]
        start = end
        var offset = 0
        do {
            try kept.withUnsafeMutableBytes { buffer in
                while let event = try framer.next(in: buffer, at: &offset) {
                    switch event {
                    case .text(let text): heard.append(.text(Array(text)))
                    case .assembledText(let text): heard.append(.text(text))
                    case .binary: heard.append(.binary)
                    case .ping(let payload): heard.append(.ping(Array(payload)))
                    case .pong: heard.append(.pong)
                    case .close(let code): heard.append(.close(code))
                    }
                }
            }
        } catch {
            return heard + [.violation((error as? WebSocketViolation)?.code ?? 0)]
        }
        kept.removeFirst(offset)
    }
    return heard
}

func frame(
    _ opcode: UInt8, _ payload: [UInt8] = [], final: Bool = true, mask: UInt32? = 0x1234_5678, reserved: UInt8 = 0
) -> [UInt8] {
    var out: [UInt8] = []
    let kind = WebSocketOpcode(rawValue: opcode) ?? .text
    payload.withUnsafeBytes { WebSocketFrames.append(kind, $0, isFinal: final, mask: mask, to: &out) }
    out[0] = out[0] & 0xF0 | opcode | reserved
    return out
}

@Suite struct WebSocketFramerTests {
    private let hello = Array("hello".utf8)

    @Test func aMaskedTextIsHeard() {
        // The example of RFC 6455, 5.7.
        #expect(
            hear([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]) == [.text(Array("Hello".utf8))])
        #expect(hear([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], role: .client) == [.text(Array("Hello".utf8))])
    }

    @Test(arguments: [0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536])
    func everyLengthComesBack(_ length: Int) {
        let text = (0..<length).map { UInt8(32 + $0 % 90) }
        #expect(hear(frame(1, text)) == [.text(text)])
        #expect(hear(frame(1, text, mask: nil), role: .client) == [.text(text)])
    }

    @Test func controlFramesComeBetweenFragments() {
        let bytes =
            frame(1, Array("he".utf8), final: false) + frame(9, [1]) + frame(0, Array("ll".utf8), final: false)
            + frame(10) + frame(0, Array("o".utf8)) + frame(8, [0x03, 0xE8])
        #expect(hear(bytes) == [.ping([1]), .pong, .text(hello), .close(1000)])
    }

    @Test func binaryIsHeardAsSuchWholeAndInFragments() {
        #expect(hear(frame(2, [0xFF])) == [.binary])
        #expect(hear(frame(2, [0xFF], final: false) + frame(0, [0xFE]) + frame(1, hello)) == [.binary, .text(hello)])
    }

    @Test(arguments: [UInt8(0x40), 0x20, 0x10, 0x70])
    func reservedBitsAreRefused(_ bits: UInt8) {
        #expect(hear(frame(1, [65], reserved: bits)) == [.violation(1002)])
    }

    @Test(arguments: [UInt8(3), 4, 5, 6, 7, 11, 12, 13, 14, 15])
    func unknownOpcodesAreRefused(_ opcode: UInt8) {
        #expect(hear(frame(opcode, [65])) == [.violation(1002)])
    }

    @Test func theWrongMaskingIsRefused() {
        #expect(hear(frame(1, hello, mask: nil)) == [.violation(1002)])
        #expect(hear(frame(1, hello), role: .client) == [.violation(1002)])
    }

    @Test func lengthsThatCouldBeShorterAreRefused() {
        #expect(hear([0x81, 0x80 | 126, 0, 125]) == [.violation(1002)])
        #expect(hear([0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]) == [.violation(1002)])
        #expect(hear([0x81, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0]) == [.violation(1002)])
    }

    @Test(arguments: [UInt8(8), 9, 10])
    func controlFramesAreShortAndWhole(_ opcode: UInt8) {
        #expect(hear(frame(opcode, [UInt8](repeating: 65, count: 126))) == [.violation(1002)])
        #expect(hear(frame(opcode, [], final: false)) == [.violation(1002)])
    }

    @Test func fragmentsOutOfPlaceAreRefused() {
        #expect(hear(frame(0, hello)) == [.violation(1002)])
        #expect(hear(frame(1, hello, final: false) + frame(1, hello)) == [.violation(1002)])
        #expect(hear(frame(1, hello, final: false) + frame(2, hello)) == [.violation(1002)])
        #expect(hear(frame(1, hello) + frame(0, hello)) == [.text(hello), .violation(1002)])
    }

    @Test func aCloseOfOneByteIsRefused() {
        #expect(hear(frame(8, [3])) == [.violation(1002)])
        #expect(hear(frame(8)) == [.close(nil)])
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535])
    func closeCodesNobodyMaySendAreRefused(_ code: Int) {
        #expect(hear(frame(8, [UInt8(code >> 8), UInt8(code & 255)])) == [.violation(1002)])
    }

    @Test(arguments: [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4413, 4999])
    func closeCodesOneMaySendAreHeard(_ code: Int) {
        #expect(hear(frame(8, [UInt8(code >> 8), UInt8(code & 255)] + hello)) == [.close(UInt16(code))])
    }

    @Test(
        arguments: [
            [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xE2, 0x82], [0xFF],
            [0xF8, 0x88, 0x80],
        ] as [[UInt8]])
    func textThatIsNotUTF8IsRefused(_ bytes: [UInt8]) {
        #expect(hear(frame(1, bytes)) == [.violation(1007)])
        #expect(hear(frame(1, bytes, final: false) + frame(0)) == [.violation(1007)])
        #expect(hear(frame(8, [0x03, 0xE8] + bytes)) == [.violation(1007)])
    }

    @Test func aCharacterMayBeCutByFragments() {
        let euro = Array("€".utf8)
        #expect(
            hear(frame(1, [euro[0]], final: false) + frame(0, [euro[1]], final: false) + frame(0, [euro[2]])) == [
                .text(euro)
            ])
    }

    @Test func aMessageAboveTheLimitIsRefusedBeforeItIsThere() {
        let head = Array(frame(1, [UInt8](repeating: 65, count: 101)).prefix(2))
        #expect(hear(head, max: 100) == [.violation(1009)])
        #expect(hear(frame(1, [UInt8](repeating: 65, count: 100)), max: 100).count == 1)
        let half = [UInt8](repeating: 65, count: 60)
        #expect(hear(frame(1, half, final: false) + frame(0, half), max: 100) == [.violation(1009)])
        #expect(hear(frame(2, half, final: false) + frame(0, half), max: 100) == [.violation(1009)])
    }

    @Test func aLongReasonIsCutAtACharacter() {
        var out: [UInt8] = []
        WebSocketFrames.appendClose(1000, String(repeating: "€", count: 100), mask: 1, to: &out)
        #expect(hear(out) == [.close(1000)])
        #expect(out.count == 2 + 4 + 2 + 123)
    }

    @Test(arguments: 0..<200)
    func howTheBytesAreCutChangesNothing(_ seed: Int) {
        var dice = SeededDice(seed: UInt64(seed))
        let bytes = (0..<Int.random(in: 1...8, using: &dice)).flatMap { _ in randomFrame(&dice) }
        let whole = hear(bytes, max: 5000)
        #expect(hear(bytes, pieces: [], max: 5000) == whole)
        let pieces = (0..<bytes.count).map { _ in Int.random(in: 1...40, using: &dice) }
        #expect(hear(bytes, pieces: pieces, max: 5000) == whole)
    }

    @Test(arguments: 0..<50)
    func mutatedFramesNeverCrashAndAreHeardTheSameInPieces(_ seed: Int) {
        var dice = SeededDice(seed: UInt64(seed) + 1000)
        for _ in 0..<100 {
            var bytes = (0..<Int.random(in: 1...4, using: &dice)).flatMap { _ in randomFrame(&dice) }
            for _ in 0..<Int.random(in: 1...4, using: &dice) {
                let at = Int.random(in: 0..<min(bytes.count, 24), using: &dice)
                bytes[at] = UInt8.random(in: 0...255, using: &dice)
            }
            let cut = Int.random(in: 0...bytes.count, using: &dice)
            let whole = hear(bytes, max: 5000)
            let halved = hear(bytes, pieces: [cut, bytes.count], max: 5000)
            #expect(halved == whole)
        }
    }

    private func randomFrame(_ dice: inout SeededDice) -> [UInt8] {
        let opcode = [UInt8(0), 1, 1, 1, 2, 8, 9, 10].randomElement(using: &dice)!
        let length = [0, 1, 5, 125, 126, 300, 4000].randomElement(using: &dice)!
        let payload = (0..<(opcode >= 8 ? min(length, 125) : length)).map { _ in
            UInt8.random(in: 32...126, using: &dice)
        }
        return frame(
            opcode, payload, final: opcode >= 8 || Bool.random(using: &dice),
            mask: UInt32.random(in: 0...UInt32.max, using: &dice))
    }
}

/// The same numbers for the same seed (SplitMix64).
struct SeededDice: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

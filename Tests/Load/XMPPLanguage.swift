import Glibc
import Switchboard

/// XMPP over WebSocket (RFC 7395): one stanza a frame. A call is six messages from one full JID to the other, which the
/// server relays and does not understand. Login by SASL PLAIN, then a resource and a presence.
final class XMPPLanguage: Language {
    let target = "/ws"
    let subprotocol = "xmpp"
    let comesBack = false
    weak var listener: (any CallListener)?
    var onGoAway: ((Line, Int) -> Void)?

    private static let domain = "localhost"
    private static let resource = "load"

    /// The first letter of a message's body; the rest is the call.
    private enum Word: UInt8 {
        case invite = 0x49
        case ringing = 0x52
        case accept = 0x41
        case description = 0x44
        case hangUp = 0x48
        case acknowledged = 0x4B

        var letter: String { String(UnicodeScalar(rawValue)) }
    }

    func greet(_ line: Line) {
        line.step = 0
        open(line)
    }

    func start(_ call: CallUnderway, of pair: Pair) { say(.invite, call, to: pair.callee, on: pair.caller) }

    /// The server pings by itself.
    func keepAlive(_ line: Line) {}

    func remind(_ line: Line, at now: UInt64) {}

    func leave(_ line: Line) { send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>", line) }

    // MARK: hearing

    func hear(_ text: UnsafeRawBufferPointer, on line: Line) {
        if !line.isReady { return greeting(String(decoding: text, as: UTF8.self), line) }
        guard let body = find("<body>", in: text), body + 1 < text.count, let word = Word(rawValue: text[body]) else {
            if find("type='error'", in: text) != nil { listener?.failed(line.pair, "error stanza") }
            return
        }
        guard let pair = line.pair, let call = pair.call, isAbout(call, text, at: body + 1) else { return }
        switch word {
        case .invite:
            say(.ringing, call, to: pair.caller, on: line)
            say(.accept, call, to: pair.caller, on: line)
        case .ringing: listener?.rang(pair)
        case .accept:
            listener?.connected(pair)
            say(.description, call, to: pair.callee, on: line, SessionDescription.text)
        case .description: say(.hangUp, call, to: pair.caller, on: line)
        case .hangUp:
            say(.acknowledged, call, to: pair.callee, on: line)
            listener?.over(pair, for: line)
        case .acknowledged: listener?.over(pair, for: line)
        }
    }

    private func greeting(_ text: String, _ line: Line) {
        if text.hasPrefix("<open") { return }
        switch line.step {
        case 0 where text.hasPrefix("<stream:features"):
            line.step = 1
            let secret = Base64.encode(Array("\0\(line.user)\0\(line.secret)".utf8))
            send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>\(secret)</auth>", line)
        case 1 where text.hasPrefix("<success"):
            line.step = 2
            open(line)
        case 2 where text.hasPrefix("<stream:features"):
            line.step = 3
            send(
                "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                    + "<resource>\(Self.resource)</resource></bind></iq>", line)
        case 3 where text.hasPrefix("<iq") && text.contains("<jid>"):
            send("<presence xmlns='jabber:client'/>", line)
            line.endGreeting(nil)
        default: line.endGreeting("step \(line.step): \(text.prefix(120))")
        }
    }

    // MARK: saying

    private func open(_ line: Line) {
        send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='\(Self.domain)' version='1.0'/>", line)
    }

    private func say(_ word: Word, _ call: CallUnderway, to other: Line, on line: Line, _ rest: String = "") {
        send(
            "<message xmlns='jabber:client' type='chat' to='\(other.user)@\(Self.domain)/\(Self.resource)'><body>"
                + "\(word.letter)\(call.id) \(rest)</body></message>", line)
    }

    private func send(_ text: String, _ line: Line) { line.send(Array(text.utf8)) }

    private func isAbout(_ call: CallUnderway, _ text: UnsafeRawBufferPointer, at start: Int) -> Bool {
        let id = call.id.utf8
        return start + id.count <= text.count && text[start..<start + id.count].elementsEqual(id)
    }

    /// Where the text behind `mark` begins.
    private func find(_ mark: StaticString, in text: UnsafeRawBufferPointer) -> Int? {
        let length = mark.utf8CodeUnitCount
        guard let base = text.baseAddress, text.count >= length else { return nil }
        for at in 0...text.count - length where text[at] == mark.utf8Start[0] {
            if memcmp(base + at, mark.utf8Start, length) == 0 { return at + length }
        }
        return nil
    }
}

/// A name that is a type of its own, so that a CallID is never taken for a UserID.
///
/// Construction does not check: what comes from outside is checked at the door (`isWellFormed`).
package protocol Identifier: Hashable, Sendable, Comparable, CustomStringConvertible {
    var text: String { get }
    init(_ text: String)
    /// Whether the text keeps the length and the alphabet that clients and app servers were promised.
    var isWellFormed: Bool { get }
}

extension Identifier {
    package init() { self.init("") }
    package var description: String { text }
    package static func < (a: Self, b: Self) -> Bool { a.text < b.text }

    fileprivate func isMade(upTo lengthMax: Int, of allowed: (UInt8) -> Bool) -> Bool {
        let bytes = text.utf8
        return !bytes.isEmpty && bytes.count <= lengthMax && bytes.allSatisfy(allowed)
    }
}

/// Names one environment of one application; part of every key, so that tenants never meet.
package struct AppKey: Identifier {
    package let text: String
    package init(_ text: String) { self.text = text }
    package var isWellFormed: Bool { isMade(upTo: 64, of: isAlphanumeric) }
}

/// Given by the app server. At most 64 bytes of letters, digits and `. _ - @`.
package struct UserID: Identifier {
    package let text: String
    package init(_ text: String) { self.text = text }
    package var isWellFormed: Bool {
        isMade(upTo: 64) { isAlphanumeric($0) || $0 == 0x2e || $0 == 0x5f || $0 == 0x2d || $0 == 0x40 }
    }
}

/// Chosen by the client and kept: the same DeviceID is the same device. At most 64 bytes of `[A-Za-z0-9_-]`.
package struct DeviceID: Identifier {
    package let text: String
    package init(_ text: String) { self.text = text }
    package var isWellFormed: Bool { isMade(upTo: 64) { isAlphanumeric($0) || $0 == 0x5f || $0 == 0x2d } }
}

/// Unique at any moment in one environment, and reusable. At most 64 bytes of letters, digits and `+ = - _`.
package struct RoomID: Identifier {
    package let text: String
    package init(_ text: String) { self.text = text }
    package var isWellFormed: Bool {
        isMade(upTo: 64) { isAlphanumeric($0) || $0 == 0x2b || $0 == 0x3d || $0 == 0x2d || $0 == 0x5f }
    }
}

/// A lower-case UUID, never used twice; also the RoomID of the call's room.
package struct CallID: Identifier {
    package let text: String
    package init(_ text: String) { self.text = text }
    package var room: RoomID { RoomID(text) }
    package var isWellFormed: Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.indices.allSatisfy { i in
            if i == 8 || i == 13 || i == 18 || i == 23 { return bytes[i] == 0x2d }
            return (0x30...0x39).contains(bytes[i]) || (0x61...0x66).contains(bytes[i])
        }
    }
}

/// One life of a room: from the first join until all have left or were found offline.
package struct SessionID: Identifier {
    package let text: String
    package init(_ text: String) { self.text = text }
    package var isWellFormed: Bool { isMade(upTo: 64) { isAlphanumeric($0) || $0 == 0x2d || $0 == 0x5f } }
}

/// One entering of a device into a room; new at join, take-over and media reset.
package struct JoinID: Identifier {
    package let text: String
    package init(_ text: String) { self.text = text }
    package var isWellFormed: Bool { isMade(upTo: 64) { isAlphanumeric($0) || $0 == 0x2d } }
}

private func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
}

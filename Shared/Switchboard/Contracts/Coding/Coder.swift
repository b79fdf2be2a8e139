/// Reads or writes one JSON object by visiting its members; one concrete type that knows its direction, so that a
/// message spells its members once.
///
/// Each key is visited once per object. Reading may visit the members of an object a second time, on a new value, so
/// that `fields` must depend on nothing else. A payload may visit its own members on the coder of its surrounding object:
///
///     try c("type", &kind)
///     try payload.fields(&c)
///
/// Reading takes members in any order, fastest in the written one; it follows RFC 8259 strictly, refuses a key that an
/// object has twice, and skips unknown members after checking their form. Writing cannot fail: a member that throws
/// then is a bug. After a failure the coder must not be used further.
package struct Coder: ~Copyable {
    package let isReading: Bool

    /// The message that is read, or the buffer that is written; owned in the second case only.
    var base: UnsafeMutableRawPointer
    var position = 0
    /// The count of bytes to read, or the capacity of the buffer.
    var end: Int

    let limits: CodingLimits
    var depth = 0
    var object = OpenObject()
    /// Members that were passed over while another was looked for; those of the open object last.
    var passed: [PassedMember] = []
    /// How often a member was taken for missing because another came next, and whether the last object had it after all.
    var guesses = 0
    var isGuessWrong = false
    /// No more guesses.
    var isExact = false

    /// The bytes must outlive the coder.
    init(reading bytes: UnsafeRawBufferPointer, limits: CodingLimits) {
        isReading = true
        base = UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!)
        end = bytes.count
        self.limits = limits
    }

    init(writing capacity: Int) {
        isReading = false
        base = .allocate(byteCount: capacity, alignment: 1)
        end = capacity
        limits = .standard
    }

    deinit {
        if !isReading { base.deallocate() }
    }
}

extension Message {
    // For what other modules write and read most: they do not see these bodies.
    @specialized(where Self == InboxRecord<CallInput>)
    @specialized(where Self == InboxRecord<UsersEntry.Input>)
    @specialized(where Self == CallbackEvent)
    package func encoded() -> [UInt8] {
        var coder = Coder(writing: encodedCapacityFirst)
        coder.writeMessage(self)
        return Array(coder.written)
    }

    /// Appends.
    package func encode(into bytes: inout [UInt8]) {
        var coder = Coder(writing: encodedCapacityFirst)
        coder.writeMessage(self)
        bytes.append(contentsOf: coder.written)
    }

    /// - Throws: what is wrong with the first member that is wrong.
    @specialized(where Self == ClientRequest)
    @specialized(where Self == DeliveryRecord)
    package init(json bytes: UnsafeRawBufferPointer, limits: CodingLimits = .standard) throws(CodingFailure) {
        guard bytes.count <= limits.bytes else { throw CodingFailure(.tooLarge) }
        var coder = Coder(reading: bytes, limits: limits)
        coder.skipSpace()
        self = try coder.readMessage()
        try coder.expectEnd()
    }

    package init(json bytes: [UInt8], limits: CodingLimits = .standard) throws(CodingFailure) {
        self = try bytes.withUnsafeBufferPointer { (buffer) throws(CodingFailure) -> Self in
            try Self(json: UnsafeRawBufferPointer(buffer), limits: limits)
        }
    }
}

/// Most messages fit, so that the buffer seldom grows.
private let encodedCapacityFirst = 768

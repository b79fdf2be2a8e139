/// The object whose members are being visited. While it is open, the coder's position is at the quote of the next key.
struct OpenObject {
    /// Behind the opening brace.
    var start = 0
    var isClosed = true
    /// Where this object's own begin among the members passed over, and how many of them nobody asked for yet.
    var passedFirst = 0
    var passedUnread = 0
    /// Where to look first: members that were passed over are mostly asked for in their order.
    var passedNext = 0
    /// The marks of keys that were taken for missing.
    var guessedMissing: UInt64 = 0
    /// Where to go on after a member that was passed over has been read.
    var resume: Int?
}

/// A member that another was looked for behind. The key's extent is that of the bytes between its quotes.
struct PassedMember {
    var key: StringExtent
    var value: Int
    var isRead = false
}

extension Coder {
    /// Reads it twice where a guess of `seekIfThere` was wrong, or may have led to the failure; the second time without
    /// guesses, also in the objects inside.
    mutating func readMessage<M: Message>() throws(CodingFailure) -> M {
        if isExact { return try readObject() }
        let (start, depthBefore, passedBefore, guessesBefore) = (position, depth, passed.count, guesses)
        let outer = object
        do throws(CodingFailure) {
            let message: M = try readObject()
            if !isGuessWrong { return message }
        } catch {
            if guesses == guessesBefore { throw error }
        }
        (position, depth, object) = (start, depthBefore, outer)
        passed.removeSubrange(passedBefore...)
        isGuessWrong = false
        isExact = true
        defer { isExact = false }
        return try readObject()
    }

    private mutating func readObject<M: Message>() throws(CodingFailure) -> M {
        let outer = try enterObject()
        var message = M()
        try message.fields(&self)
        if !object.isClosed || object.passedUnread > 0 { try skipUnknownMembers() }
        returnTo(outer)
        return message
    }

    /// Opens the object at the position.
    /// - Returns: the surrounding object, for `returnTo`.
    mutating func enterObject() throws(CodingFailure) -> OpenObject {
        guard byte == Mark.brace else { throw mismatch() }
        try descend()
        let outer = object
        position += 1
        object = OpenObject(start: position, isClosed: false, passedFirst: passed.count)
        object.passedNext = passed.count
        skipSpace()
        if byte == Mark.braceClosing {
            close()
        } else if byte != Mark.quote {
            throw CodingFailure(.malformed)
        }
        return outer
    }

    mutating func returnTo(_ outer: OpenObject) {
        depth -= 1
        object = outer
    }

    private mutating func close() {
        position += 1
        object.isClosed = true
    }

    /// Puts the position at the value of `key`. `endMember` must follow when the value has been read.
    /// - Returns: whether the object has the member.
    @inline(__always)
    mutating func seek(_ key: StaticString) throws(CodingFailure) -> Bool {
        if !object.isClosed && isNext(key) {
            position += key.utf8CodeUnitCount + 2
            try passColon()
            return true
        }
        return try seekFurther(key)
    }

    /// Like `seek`, for a member that may be missing: where another member comes next, it is taken for missing without
    /// looking through the rest, because whoever writes in order has left it out. That is found out at the object's end.
    @inline(__always)
    mutating func seekIfThere(_ key: StaticString) throws(CodingFailure) -> Bool {
        if !object.isClosed && isNext(key) {
            position += key.utf8CodeUnitCount + 2
            try passColon()
            return true
        }
        if object.isClosed && object.passedUnread == 0 { return false }
        if isExact || object.passedUnread > 0 { return try seekFurther(key) }
        object.guessedMissing |= mark(UnsafeRawPointer(key.utf8Start), key.utf8CodeUnitCount)
        guesses += 1
        return false
    }

    /// One bit for a key; other keys may have the same.
    @inline(__always)
    private func mark(_ key: UnsafeRawPointer, _ count: Int) -> UInt64 {
        guard count > 0 else { return 1 }
        let first = Int(key.load(as: UInt8.self))
        let last = Int(key.load(fromByteOffset: count - 1, as: UInt8.self))
        return 1 << UInt64((count &* 7 &+ first &* 5 &+ last) & 63)
    }

    private func isGuessedMissing(_ key: StringExtent) -> Bool {
        key.hasEscapes || object.guessedMissing & mark(base + key.start, key.count) != 0
    }

    /// Goes to the next key, or closes the object.
    @inline(__always)
    mutating func endMember() throws(CodingFailure) {
        if object.resume == nil, end - position > 1, load(position) == Mark.comma, load(position + 1) == Mark.quote {
            position += 1
        } else {
            try endMemberSlowly()
        }
    }

    @inline(never)
    private mutating func endMemberSlowly() throws(CodingFailure) {
        if let resume = object.resume {
            object.resume = nil
            position = resume
            return
        }
        skipSpace()
        switch byte {
        case Mark.comma:
            position += 1
            skipSpace()
            guard byte == Mark.quote else { throw CodingFailure(.malformed) }
        case Mark.braceClosing: close()
        default: throw CodingFailure(.malformed)
        }
    }

    @inline(__always)
    mutating func passColon() throws(CodingFailure) {
        if end - position > 1, load(position) == Mark.colon, load(position + 1) > 0x20 {
            position += 1
        } else {
            try passColonSlowly()
        }
    }

    @inline(never)
    private mutating func passColonSlowly() throws(CodingFailure) {
        skipSpace()
        guard byte == Mark.colon else { throw CodingFailure(.malformed) }
        position += 1
        skipSpace()
    }

    // MARK: members in another order

    @inline(never)
    private mutating func seekFurther(_ key: StaticString) throws(CodingFailure) -> Bool {
        if object.passedUnread > 0, let found = indexOfPassed(key) {
            passed[found].isRead = true
            object.passedUnread -= 1
            object.passedNext = found + 1
            object.resume = position
            position = passed[found].value
            return true
        }
        while !object.isClosed {
            let found = try scanString()
            try passColon()
            if names(found, key) { return true }
            try pass(found)
        }
        return false
    }

    /// Remembers the member whose value is at the position, and goes to the next.
    private mutating func pass(_ key: StringExtent) throws(CodingFailure) {
        passed.append(PassedMember(key: key, value: position))
        object.passedUnread += 1
        do throws(CodingFailure) {
            try skipValue()
            try endMember()
        } catch {
            throw error.under(shown(unescaped(key)))
        }
    }

    private func shown(_ key: [UInt8]) -> String { String(decoding: key.prefix(keyShownMax), as: UTF8.self) }

    private func indexOfPassed(_ key: StaticString) -> Int? {
        for i in object.passedNext..<passed.count where !passed[i].isRead && names(passed[i].key, key) { return i }
        for i in object.passedFirst..<object.passedNext where !passed[i].isRead && names(passed[i].key, key) {
            return i
        }
        return nil
    }

    private func names(_ found: StringExtent, _ key: StaticString) -> Bool {
        if found.hasEscapes {
            return unescaped(found).elementsEqual(
                UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
        }
        return found.count == key.utf8CodeUnitCount
            && isEqual(base + found.start, UnsafeRawPointer(key.utf8Start), found.count)
    }

    /// Whether the next key is spelled exactly so; one with escapes is left to the search.
    @inline(__always)
    private func isNext(_ key: StaticString) -> Bool {
        let count = key.utf8CodeUnitCount
        guard end - position > count + 1 else { return false }
        let start = base + (position + 1)
        return start.load(fromByteOffset: count, as: UInt8.self) == Mark.quote
            && isEqual(start, UnsafeRawPointer(key.utf8Start), count)
    }

    // MARK: members nobody asked for

    /// Checks what is left of the object. A member that stands twice is always among those nobody asked for, as each
    /// key is asked for once; only then are all keys compared.
    @inline(never)
    private mutating func skipUnknownMembers() throws(CodingFailure) {
        try passTheRest()
        if object.guessedMissing != 0 {
            isGuessWrong = passed[object.passedFirst...].contains { !$0.isRead && isGuessedMissing($0.key) }
            if isGuessWrong { return }
        }
        let behind = position
        if object.passedUnread > 0 { try refuseDoubleKeys() }
        position = behind
        passed.removeSubrange(object.passedFirst...)
    }

    mutating func passTheRest() throws(CodingFailure) {
        while !object.isClosed {
            let key = try scanString()
            try passColon()
            try pass(key)
        }
    }

    private mutating func refuseDoubleKeys() throws(CodingFailure) {
        var keys: Set<[UInt8]> = []
        position = object.start
        object.isClosed = false
        skipSpace()
        while !object.isClosed {
            let key = try scanString()
            let bytes = unescaped(key)
            guard keys.insert(bytes).inserted else {
                throw CodingFailure(.duplicateKey, path: shown(bytes))
            }
            try passColon()
            try skipValue()
            try endMember()
        }
    }
}

/// Bytes of a key from outside that a failure shows.
private let keyShownMax = 64

/// For short keys: by words, of which the last overlaps the one before.
@inline(__always)
private func isEqual(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
    if count >= 8 {
        var i = 0
        while i + 8 < count {
            guard isSame(a, b, i, UInt64.self) else { return false }
            i += 8
        }
        return isSame(a, b, count - 8, UInt64.self)
    }
    if count >= 4 { return isSame(a, b, 0, UInt32.self) && isSame(a, b, count - 4, UInt32.self) }
    if count >= 2 { return isSame(a, b, 0, UInt16.self) && isSame(a, b, count - 2, UInt16.self) }
    return count == 0 || isSame(a, b, 0, UInt8.self)
}

@inline(__always)
private func isSame<Word: FixedWidthInteger & BitwiseCopyable>(
    _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ offset: Int, _: Word.Type
) -> Bool {
    a.loadUnaligned(fromByteOffset: offset, as: Word.self) == b.loadUnaligned(fromByteOffset: offset, as: Word.self)
}

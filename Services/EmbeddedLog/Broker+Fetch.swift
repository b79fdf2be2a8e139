import Switchboard

/// What a Fetch asks for.
struct FetchRequest {
    struct Part {
        var number: Int32
        var leaderEpoch: Int32
        var offset: Int64
        var bytesMax: Int
        /// Resolved once; nil where there is no such partition.
        var partition: PartitionLog?
    }

    var waitMilliseconds: Int32
    var bytesMin: Int
    var bytesMax: Int
    var sessionID: Int32 = 0
    var topics: [TopicParts<Part>]

    /// Each request names all it wants: sessions that would spare that are not kept (their id is always 0).
    init(_ reader: inout WireReader, version: Int16) throws(WireFailure) {
        _ = try reader.int32()
        waitMilliseconds = try reader.int32()
        bytesMin = Int(try reader.int32())
        bytesMax = version >= 3 ? Int(try reader.int32()) : Limits.fetchBytes
        if version >= 4 { _ = try reader.int8() }
        if version >= 7 {
            sessionID = try reader.int32()
            _ = try reader.int32()
        }
        topics = try reader.distinctParts(bytesMin: 16) { reader, number throws(WireFailure) in
            let leaderEpoch = version >= 9 ? try reader.int32() : -1
            let offset = try reader.int64()
            if version >= 5 { _ = try reader.int64() }
            let bytesMax = Int(try reader.int32())
            return Part(number: number, leaderEpoch: leaderEpoch, offset: offset, bytesMax: bytesMax)
        }
        if version >= 7 {
            for _ in 0..<(try reader.count(itemBytesMin: 6)) {
                _ = try reader.string()
                _ = try reader.int32s()
            }
        }
        if version >= 11 { _ = try reader.string() }
        try reader.end()
    }

    var partCount: Int { topics.reduce(0) { $0 + $1.parts.count } }

    /// Why a part cannot be read, if it cannot.
    static func problem(_ part: Part) -> ErrorCode? {
        guard let partition = part.partition, !partition.isDeleted else { return .unknownTopicOrPartition }
        if part.leaderEpoch > 0 { return .unknownLeaderEpoch }
        if part.offset < partition.startOffset || part.offset > partition.endOffset { return .offsetOutOfRange }
        return nil
    }
}

/// Readers: a Fetch waits until `fetch.min.bytes` are there, and a Produce wakes it at once.
extension Broker {
    func fetch(_ exchange: Exchange) throws(WireFailure) {
        var reader = exchange.takeBody()
        var request = try FetchRequest(&reader, version: exchange.version)
        for topic in request.topics.indices {
            let known = topics.all[request.topics[topic].name]
            for part in request.topics[topic].parts.indices {
                request.topics[topic].parts[part].partition = known?.partition(request.topics[topic].parts[part].number)
            }
        }
        let wait = min(max(request.waitMilliseconds, 0), Limits.fetchWaitMilliseconds)
        let missing = min(request.bytesMin, Limits.fetchBytes) - (unsentBytesLeft > 0 ? available(request) : 0)
        if missing <= 0 || wait == 0 || exchange.version < 4 || request.sessionID != 0 {
            return answer(exchange, request, mayWait: false)
        }
        guard partsWaiting + request.partCount <= Limits.partsWaiting else {
            let peer = exchange.connection?.peer
            log.warning(
                "closed a connection: too much is waited for", ["peer": peer ?? "", "partitions": partsWaiting])
            exchange.connection?.close()
            return
        }
        let pending = PendingFetch(
            exchange, request, bytesMissing: missing,
            onDue: { [unowned self] in due($0) })
        fetches[ObjectIdentifier(pending)] = pending
        partsWaiting += pending.partCount
        forEachPartition(of: pending) { $0.waiting[ObjectIdentifier(pending)] = pending }
        exchange.onAbandoned = { [unowned self] in forget(pending) }
        pending.timer = loop.schedule(after: .milliseconds(Int64(wait))) { [unowned pending] in pending.fallDue() }
    }

    /// Bytes that an answer could hold now. What cannot be read counts as enough, so that it is told at once.
    private func available(_ request: FetchRequest) -> Int {
        var sum = 0
        for topic in request.topics {
            for part in topic.parts {
                if FetchRequest.problem(part) != nil { return .max / 2 }
                if let partition = part.partition, part.offset < partition.highWatermark {
                    sum += min(partition.availableBytes(from: part.offset), max(part.bytesMax, 1))
                }
            }
        }
        return request.topics.isEmpty ? 0 : sum
    }

    private func forEachPartition(of pending: PendingFetch, _ body: (PartitionLog) -> Void) {
        for topic in pending.request.topics {
            for part in topic.parts {
                if let partition = part.partition { body(partition) }
            }
        }
    }

    private func due(_ pending: PendingFetch) {
        if dueFetches.isEmpty { loop.atEndOfTurn { [unowned self] in answerDue() } }
        dueFetches.append(pending)
    }

    /// Those that ask for much are answered a few in a turn, and others are heard between.
    private func answerDue() {
        let due = dueFetches
        dueFetches = []
        nextTurn = nil
        var partsLeft = Limits.partsPerTurn
        for (index, pending) in due.enumerated() where fetches[ObjectIdentifier(pending)] != nil {
            guard partsLeft > 0 else {
                dueFetches = due[index...] + dueFetches
                nextTurn = loop.schedule(after: .zero) { [unowned self] in answerDue() }
                return
            }
            partsLeft -= pending.partCount
            forget(pending)
            answer(pending.exchange, pending.request, mayWait: false)
        }
    }

    private func forget(_ pending: PendingFetch) {
        guard fetches.removeValue(forKey: ObjectIdentifier(pending)) != nil else { return }
        partsWaiting -= pending.partCount
        pending.timer = nil
        forEachPartition(of: pending) { $0.waiting[ObjectIdentifier(pending)] = nil }
    }

    // MARK: the answer

    /// - Parameter mayWait: what is asked for has been read in just before: reading it again does not wait for long.
    private func answer(_ exchange: Exchange, _ request: FetchRequest, mayWait: Bool) {
        let version = exchange.version
        var answer = exchange.newAnswer()
        if version >= 1 { answer.int32(0) }
        if version >= 7 {
            answer.error(request.sessionID == 0 ? .none : .fetchSessionIDNotFound)
            answer.int32(0)
        }
        guard request.sessionID == 0 else {
            answer.count(0)
            return exchange.reply(answer)
        }
        var bytesLeft = min(request.bytesMax, Limits.fetchBytes, unsentBytesLeft)
        var isEmpty = true
        answer.count(request.topics.count)
        for topic in request.topics {
            answer.string(topic.name)
            answer.count(topic.parts.count)
            for part in topic.parts {
                let headStart = answer.bytes.count
                writeHead(&answer, part, version: version)
                let countAt = answer.bytes.count
                answer.int32(0)
                guard let partition = part.partition, FetchRequest.problem(part) == nil, version >= 4,
                    bytesLeft > 0
                else { continue }
                do {
                    let reading = try partition.read(
                        into: &answer.bytes, from: part.offset, byteCountMax: min(part.bytesMax, bytesLeft),
                        isFirst: isEmpty, mayWait: mayWait && isEmpty)
                    switch reading {
                    case .bytes(let count):
                        answer.set(Int32(count), at: countAt)
                        bytesLeft -= count
                        if count > 0 { isEmpty = false }
                    case .notInMemory(let file, let position, let count):
                        if isEmpty {
                            return warm(file, position, count) { self.answer(exchange, request, mayWait: true) }
                        }
                    }
                } catch {
                    answer.setError(error, at: headStart + 4)
                }
            }
        }
        exchange.reply(answer)
    }

    private func writeHead(_ answer: inout WireWriter, _ part: FetchRequest.Part, version: Int16) {
        let problem = version < 4 ? .unsupportedForMessageFormat : FetchRequest.problem(part)
        let isKnown = problem == nil || problem == .offsetOutOfRange
        let highWatermark = isKnown ? part.partition?.highWatermark ?? -1 : -1
        answer.int32(part.number)
        answer.error(problem ?? .none)
        answer.int64(highWatermark)
        if version >= 4 { answer.int64(highWatermark) }
        if version >= 5 { answer.int64(isKnown ? part.partition?.startOffset ?? -1 : -1) }
        if version >= 4 { answer.count(0) }
        if version >= 11 { answer.int32(-1) }
    }

    /// Reads from the disk on its own thread, so that what is there is in memory when `body` runs.
    func warm(_ file: File, _ position: Int, _ count: Int, _ body: @escaping () -> Void) {
        syncer.onDisk({
            var bytes: [UInt8] = []
            try? file.read(into: &bytes, at: position, count: count)
        }) { body() }
    }
}

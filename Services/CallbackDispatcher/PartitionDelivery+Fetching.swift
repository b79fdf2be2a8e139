import Switchboard

/// Events whose bodies were let go of are read again when their turn comes.
extension PartitionDelivery {
    /// Gaps up to this many records are read over rather than looked up anew.
    private static var gapMax: Int64 { 2_000 }

    func fetch(_ offset: Int64, for lines: EndpointLines, _ line: EventLine) {
        // Two endpoints that want the same one ask one after the other.
        if wanted[offset] != nil {
            line.isBusy = false
            lines.inFlight -= 1
            line.dueAt = Timestamp(milliseconds: WallClock.milliseconds)
            return remind(lines, line)
        }
        wanted[offset] = (lines, line)
        if fetched == nil { fetchNext() }
    }

    private func fetchNext() {
        if fetched != nil { ports.stopFetching(partition) }
        fetched = wanted.keys.min()
        if let fetched { ports.fetch(partition, from: fetched) }
    }

    /// The topic does not have what was to be read again: it was waiting for longer than events are kept.
    func missFetched() {
        if let offset = fetched, let (lines, line) = wanted.removeValue(forKey: offset),
            linesByEndpoint[lines.endpoint.id] === lines
        {
            line.isBusy = false
            lines.inFlight -= 1
            ports.noteGivenUp(lines.endpoint, "it is not in the topic any more")
            settle(lines, line)
            pump(lines)
            readOn()
        }
        fetchNext()
    }

    func takeAgain(_ record: KafkaRecord) {
        if let (lines, line) = wanted.removeValue(forKey: record.offset) {
            if linesByEndpoint[lines.endpoint.id] === lines {
                let id = record.header(CallbackHeader.id).map { String(decoding: $0, as: UTF8.self) } ?? ""
                send(lines, line, id, Array(record.value))
            }
        }
        let isNear = wanted.keys.min().map { $0 > record.offset && $0 - record.offset <= Self.gapMax } ?? false
        if !isNear { fetchNext() }
    }
}

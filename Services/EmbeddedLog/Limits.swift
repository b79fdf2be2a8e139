/// What one client, and all of them together, may take.
enum Limits {
    /// One request. A longer one closes its connection.
    static let requestBytes = 16 << 20
    /// What one request names in all its arrays: topics, partitions, groups, settings. All partitions of all topics find
    /// room in it; a request that names more closes its connection.
    static let partsPerRequest = topics + partitions
    /// Partitions that are named by all Fetches that wait. The one that adds to them is closed.
    static let partsWaiting = 10 * partitions
    /// Partitions of Fetches whose wait is over that are looked at before others are heard.
    static let partsPerTurn = partitions
    /// One answer to a Fetch, as long as its first batch is not longer: what the others wait for while it is read.
    static let fetchBytes = 2 << 20
    /// Bytes of answers that one connection has not taken, beyond which it is asked nothing more until it has.
    static let unsentBytes = 256 << 10
    /// Bytes of answers that all connections have not taken, beyond which a Fetch finds nothing, and what else may have a
    /// long answer waits.
    static let unsentBytesOfAll = 256 << 20
    /// Bytes of unfinished requests of all connections, and of those that wait for their answers, beyond which the one
    /// that adds to them is closed.
    static let heldBytesOfAll = 256 << 20
    /// An answer. Names that a request repeats are answered once, so that only what is broken comes near it.
    static let answerBytes = 64 << 20
    /// What a connection may hold before all are added up: as many as there may be, each with that much, stay below
    /// `heldBytesOfAll`.
    static let heldBytesUncounted = heldBytesOfAll / 4 / connections
    /// Requests of one connection that wait for the disk at the same time.
    static let requestsInFlight = 64
    static let connections = 1000
    /// A connection that is in the middle of a request, or of taking an answer, and has not moved for so long is closed.
    static let stallSeconds: Int64 = 30
    /// A connection that asks nothing for so long is closed.
    static let idleSeconds: Int64 = 600
    /// The longest a Fetch waits, whatever it asks for.
    static let fetchWaitMilliseconds: Int32 = 60_000

    static let topics = 1000
    static let partitionsPerTopic = 1000
    static let partitions = 20_000
    /// Of the process, for all that is neither a partition's file nor a connection.
    static let otherDescriptors = 600
    static let topicNameBytes = 249

    static let membersPerGroup = 1000
    /// Of all groups together, those included that were promised an id. They stay for a session when their connections
    /// have gone.
    static let members = 4000
    /// What one member says about itself in all its protocols, and what it is given by the leader: of each so much.
    static let memberBytes = 64 << 10
    static let clientIDBytes = 255
    static let groupIDBytes = 1024
    static let sessionMilliseconds: ClosedRange<Int32> = 500...1_800_000
    static let rebalanceMilliseconds: Int32 = 1_800_000
    /// Free text that a client may keep beside a committed offset.
    static let offsetMetadataBytes = 4096
    /// What a group has committed is forgotten when nobody has been in it, and nothing was committed, for so long.
    static let commitKeptMilliseconds: Int64 = 7 * 24 * 3600 * 1000
    /// Commits of all groups: group, topic and partition.
    static let commits = 1_000_000
    /// The texts beside them, all together.
    static let offsetMetadataBytesOfAll = 64 << 20
}

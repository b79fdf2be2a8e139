/// The requests this broker answers, each with the versions it speaks.
///
/// The highest are the last ones before the flexible encoding, so that one encoding serves all; ApiVersions alone has
/// its version 3, because every client asks with it first.
enum APIKey: Int16, CaseIterable {
    case produce = 0
    case fetch = 1
    case listOffsets = 2
    case metadata = 3
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case leaveGroup = 13
    case syncGroup = 14
    case describeGroups = 15
    case listGroups = 16
    case apiVersions = 18
    case createTopics = 19
    case deleteTopics = 20
    case initProducerID = 22
    case describeConfigs = 32
    case createPartitions = 37
    case deleteGroups = 42

    /// Its answer is short whatever it asks, or as long as there is room.
    var isAnsweredBriefly: Bool {
        switch self {
        case .produce, .fetch, .findCoordinator, .heartbeat, .leaveGroup, .apiVersions, .initProducerID: true
        case .listOffsets, .metadata, .offsetCommit, .offsetFetch, .joinGroup, .syncGroup, .describeGroups, .listGroups,
            .createTopics, .deleteTopics, .describeConfigs, .createPartitions, .deleteGroups:
            false
        }
    }

    var highestVersion: Int16 {
        switch self {
        case .produce: 7
        case .fetch: 11
        case .listOffsets: 2
        case .metadata: 4
        case .offsetCommit: 7
        case .offsetFetch: 5
        case .findCoordinator: 2
        case .joinGroup: 5
        case .heartbeat: 3
        case .leaveGroup: 1
        case .syncGroup: 3
        case .describeGroups: 0
        case .listGroups: 0
        case .apiVersions: 3
        case .createTopics: 4
        case .deleteTopics: 1
        case .initProducerID: 1
        case .describeConfigs: 1
        case .createPartitions: 0
        case .deleteGroups: 1
        }
    }
}

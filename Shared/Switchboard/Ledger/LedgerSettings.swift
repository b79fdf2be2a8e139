/// What a deciding process needs to know about its surroundings.
package struct LedgerSettings: Sendable {
    package var kafka: KafkaSettings
    /// The owners' group: named once, for ever.
    package var group: String
    /// Of every topic but the registry's; fixed for the life of the data.
    package var partitions: Int32
    package var registryPartitions: Int32
    package var replication: Int32
    /// The level of log records that owners may write: what every copy of every service can read.
    package var recordLevel = RecordLevel.highest

    /// Entries in one record of `gateway.deliveries`, and their bytes: far below what a broker takes, and not much more
    /// than the largest entry that there is. One that is larger for itself travels alone.
    package static let entriesPerDelivery = 256
    package static let bytesPerDelivery = 200_000
    package static let registryPartitionsDefault: Int32 = 4

    package init(
        kafka: KafkaSettings, group: String, partitions: Int32,
        registryPartitions: Int32 = LedgerSettings.registryPartitionsDefault, replication: Int32 = 1
    ) {
        self.kafka = kafka
        self.group = group
        self.partitions = partitions
        self.registryPartitions = registryPartitions
        self.replication = replication
    }

    package func partitions(of ledger: LedgerName) -> Int32 { ledger == .registry ? registryPartitions : partitions }

    package func partition(of key: String, in ledger: LedgerName) -> Int32 {
        PartitionHash.partition(of: key.utf8, count: partitions(of: ledger))
    }

    /// How long a log and its inbox keep their records; nil: for ever.
    package func retention(of ledger: LedgerName) -> Duration? { ledger == .registry ? nil : TopicRetention.logs }

    /// Copies that must have a record before it counts as written. With two copies both would have to be there always.
    private var inSyncMin: Int { replication >= 3 ? 2 : 1 }

    /// Every topic there is, as every service makes or checks it.
    package var topics: [KafkaTopicSpecification] {
        var all: [KafkaTopicSpecification] = []
        /// Without a retention: kept for ever.
        func add(_ name: String, _ partitions: Int32, keeps retention: Duration?) {
            all.append(
                KafkaTopicSpecification(
                    name, partitions: partitions, replication: replication,
                    configs: [
                        "message.timestamp.type": "LogAppendTime", "retention.ms": "\(retention?.milliseconds ?? -1)",
                        // By age alone: what is younger may be needed by a takeover.
                        "retention.bytes": "-1", "cleanup.policy": "delete",
                        "min.insync.replicas": "\(inSyncMin)", "unclean.leader.election.enable": "false",
                    ]))
        }
        for ledger in LedgerName.allCases {
            // Who reads the registry starts at its beginning: applications and their keys stand nowhere else.
            let retention = retention(of: ledger)
            add(ledger.inbox, partitions(of: ledger), keeps: retention)
            add(ledger.log, partitions(of: ledger), keeps: retention)
        }
        add(Topic.deliveries, partitions, keeps: TopicRetention.deliveries)
        add(Topic.queries, partitions, keeps: TopicRetention.queries)
        add(Topic.callRecords, partitions, keeps: TopicRetention.callRecords)
        add(Topic.callbacks, partitions, keeps: TopicRetention.callbacks)
        add(Topic.callbackDeliveries, partitions, keeps: TopicRetention.callbacks)
        return all
    }
}

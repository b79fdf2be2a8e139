/// Every application's environments and signing keys, from the registry's log, as each service needs them at its door.
///
/// On one loop. Complete once `isComplete`; then it follows what changes.
package final class Directory {
    package struct Entry {
        package let applicationID: String
        package let appKey: AppKey
        package let secret: Secret
        package let isDevelopment: Bool
    }

    package private(set) var isComplete = false
    package var onComplete: (() -> Void)?
    package var onFailure: ((String) -> Void)?
    /// The registry has a record of a newer program: what is known stays, and nothing more becomes known.
    package var onNewer: ((String) -> Void)?
    /// Told of every fact of the registry, in order per application.
    package var onFact: ((_ application: String, ApplicationFact) -> Void)?
    /// Told what a command came to, once its facts have been told: nil is accepted.
    package var onOutcome: ((_ command: String, Refusal?) -> Void)?

    private let follower: LogFollower<ApplicationFact>
    private var missing: Set<Int32>
    private var entriesByAppKey: [AppKey: Entry] = [:]
    private var keysByID: [String: VerifyingKey] = [:]
    package private(set) var verifier: TokenVerifier?

    package init(settings: LedgerSettings, loop: EventLoop, log: Log) throws(KafkaFailure) {
        follower = try LogFollower(settings: settings.kafka, ledger: .registry, loop: loop, lazy: false, log: log)
        missing = Set(0..<settings.registryPartitions)
        follower.onRecord = { [unowned self] _, _, _, record, _ in take(record) }
        follower.onEnd = { [unowned self] partition in
            missing.remove(partition)
            guard missing.isEmpty, !isComplete else { return }
            isComplete = true
            onComplete?()
        }
        follower.onFailure = { [unowned self] _, reason in onFailure?(reason) }
        follower.onNewer = { [unowned self] _, reason in onNewer?(reason) }
        for partition in missing.sorted() { follower.follow(partition) }
    }

    package func entry(_ app: AppKey) -> Entry? { entriesByAppKey[app] }
    package var entries: [Entry] { Array(entriesByAppKey.values) }
    package func close() { follower.close() }

    private func take(_ record: LogRecord<ApplicationFact>) {
        for fact in record.facts {
            if case .created(let created) = fact { add(created, application: record.key) }
            onFact?(record.key, fact)
        }
        if let command = record.command { onOutcome?(command, record.refusal) }
    }

    private func add(_ created: ApplicationInput.Create, application: String) {
        for (environment, isDevelopment) in [(created.development, true), (created.production, false)] {
            entriesByAppKey[environment.appKey] = Entry(
                applicationID: application, appKey: environment.appKey, secret: Secret(environment.appSecret),
                isDevelopment: isDevelopment)
        }
        guard let key = try? VerifyingKey(base64: created.signingKey.publicKey) else { return }
        keysByID[created.signingKey.keyID] = key
        verifier = try? TokenVerifier(keysByID: keysByID)
    }

    /// What a valid token says; nil where it is forged, expired, foreign or malformed.
    package func claims(of token: String, at now: Timestamp) -> TokenClaims? {
        guard let verifier, let (_, payload) = verifier.verify(token),
            let claims = try? TokenClaims(json: payload), claims.sub.isWellFormed, entriesByAppKey[claims.app] != nil
        else { return nil }
        if let expiresAt = claims.expiresAt, expiresAt <= now { return nil }
        return claims
    }
}

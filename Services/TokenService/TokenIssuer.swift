import Switchboard

/// Gives tokens: at once to users who are known as they are named, else after their registration is decided. On the loop.
final class TokenIssuer {
    /// What is asked for.
    struct Wish {
        var user = UserID()
        /// nil: as known, or empty.
        var name: String?
        /// nil: as known, or none.
        var avatarUrl: String?
        var lifetime: Duration?
    }

    typealias Answer = (Result<TokenSource.Token, Refusal>) -> Void

    /// A registration that is not seen within this time is answered with "try again".
    static let patience: Duration = .seconds(5)

    private let world: LedgerWorld
    private let directory: Directory
    private let view: UsersView
    private let source: TokenSource
    private let instance: String
    private let log: Log
    private let issued: Counter
    private let registered: Counter

    init(
        world: LedgerWorld, directory: Directory, view: UsersView, source: TokenSource, instance: String, log: Log,
        metrics: Metrics
    ) {
        self.world = world
        self.directory = directory
        self.view = view
        self.source = source
        self.instance = instance
        self.log = log
        issued = metrics.counter("switchboard_tokens_issued_total", help: "Tokens given.")
        registered = metrics.counter(
            "switchboard_users_registered_total", help: "Registrations that a wish for a token led to.")
    }

    func issue(_ app: AppKey, _ wish: Wish, _ answer: @escaping Answer) {
        view.look(app, wish.user) { [self] result in
            switch result {
            case .success(let known):
                var profile = known ?? Profile()
                if let name = wish.name { profile.name = name }
                if let avatarUrl = wish.avatarUrl { profile.avatarUrl = avatarUrl }
                if profile == known { return sign(app, wish, profile, answer) }
                register(app, wish, profile, answer)
            case .failure(let failure):
                log.error("the users' table cannot be read", ["failure": "\(failure)"])
                answer(.failure(Refusal(.tryAgain)))
            }
        }
    }

    private func register(_ app: AppKey, _ wish: Wish, _ profile: Profile, _ answer: @escaping Answer) {
        guard let application = directory.entry(app)?.applicationID else {
            return answer(.failure(Refusal(.unknownUser)))
        }
        var input = ApplicationInput.Registered()
        input.app = app
        input.user = wish.user
        input.profile = profile
        let command = "\(instance)/\(SecureRandom.uuid())"
        view.awaitOutcome(of: command, within: Self.patience) { [self] outcome in
            switch outcome {
            case .accepted:
                registered.add()
                sign(app, wish, profile, answer)
            case .refused(let refusal): answer(.failure(refusal))
            case .unknown: answer(.failure(Refusal(.tryAgain)))
            }
        }
        let record = InboxRecord(ApplicationInput.register(input), command: command, sentAt: Moment.now)
        world.send(
            record.encoded(), key: application, to: LedgerName.registry.inbox,
            world.settings.partition(of: application, in: .registry)
        ) { _ in }
    }

    private func sign(_ app: AppKey, _ wish: Wish, _ profile: Profile, _ answer: Answer) {
        issued.add()
        answer(.success(source.issue(app, wish.user, profile, at: Moment.now, for: wish.lifetime)))
    }
}

enum Moment {
    static var now: Timestamp { Timestamp(milliseconds: WallClock.milliseconds) }
}

import Switchboard

/// What a gateway bears and waits for; each says what happens there.
enum GatewayLimits {
    /// The first frame must be `connect`, within this; else 4408.
    static let connectWithin: Duration = .seconds(10)
    /// A request that no machine has answered by then is answered 50300: it may still happen.
    static let answerWithin: Duration = .milliseconds(4_500)
    /// A user's machine that is silent for so long does not keep its user out: the token alone admits.
    static let admitWithin: Duration = .seconds(2)
    static let pingInterval: Duration = .seconds(15)
    /// A connection that says nothing for two intervals is given up.
    static let silenceMax: Duration = .seconds(31)
    static let beatInterval: Duration = .seconds(2)
    /// Beats further apart than this may have been taken for a death: the gateway begins a new life.
    static let beatGapMax: Duration = .seconds(9)
    /// Lives of this process whose frames are still taken; beyond it the oldest is forgotten, long after its end was heard.
    static let formerLivesMax = 64
    /// Signals kept for a room that this gateway has not been told of, per connection, and how long.
    static let earlySignalsMax = 64
    static let earlySignalKept: Duration = .seconds(5)
    /// Deliveries held for a connection until its `connect` is answered; of more, signals are let go of, and for any other
    /// the connection is told to come back.
    static let heldMax = 256
    static let tokenWarning: Duration = .seconds(60)
    static let tick: Duration = .milliseconds(250)
    /// Clients that are still here so long after the time they were given to move are closed …
    static let lastMoves: Duration = .seconds(1)
    /// … behind the answers that they wait for, for at most so long.
    static let lastAnswers: Duration = .seconds(1)
    /// For Kafka to take the goodbye.
    static let goodbyeWithin: Duration = .seconds(1)
    static let leaveTick: Duration = .milliseconds(50)
}

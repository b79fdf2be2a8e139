/// What one server bears; each limit says what happens there.
package struct HTTPLimits: Sendable {
    /// Request line and headers together; above it 431.
    package var headBytesMax = 16 << 10
    /// Number of header lines; above it 431.
    package var headersMax = 100
    /// Above it 413, before the body is read where its length was told.
    package var bodyBytesMax = 1 << 20
    /// From the first byte of a head to its last, however it trickles; then 408.
    package var headWithin = Duration.seconds(10)
    /// From the end of the head to the end of the body; then 408.
    package var bodyWithin = Duration.seconds(30)
    /// For the peer to take an answer; then the connection is dropped.
    package var answerTakenWithin = Duration.seconds(30)
    /// Without a request; then the connection is closed without a word.
    package var idleMax = Duration.seconds(60)
    /// For the peer to close after us, so that it reads our last answer instead of a reset; then dropped.
    package var lingerMax = Duration.seconds(2)
    /// Connections that speak HTTP; the next is answered 503.
    package var connectionsMax = 10_000
    /// How long nobody is let in when the process has no descriptors left.
    package var acceptPause = Duration.milliseconds(100)
    /// What a peer may send ahead while its request is being answered; then it is not read from until then.
    package var aheadBytesMax = 64 << 10

    package init() {}
}

/// A socket could not be had.
package struct NetworkFailure: Error, Sendable, CustomStringConvertible {
    /// What was tried, and on which address.
    package let operation: String
    package let errno: Int32
    package let description: String

    package init(operation: String, errno: Int32, reason: String) {
        self.operation = operation
        self.errno = errno
        description = "\(operation): \(reason)"
    }
}

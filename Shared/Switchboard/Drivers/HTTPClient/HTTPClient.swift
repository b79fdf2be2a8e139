internal import CCurl
internal import Glibc
internal import Synchronization

/// Sends requests to servers elsewhere: HTTP/1.1, no redirects, no proxy, with limits on time, size and number. libcurl
/// works on a thread of its own; answers come back to the loop that asked, once per turn.
package final class HTTPClient: Sendable {
    typealias Completion = @Sendable (Result<HTTPClientResponse, HTTPClientFailure>) -> Void

    /// A request with where its answer goes.
    struct Order: Sendable {
        let request: HTTPClientRequest
        let loop: EventLoop
        let completion: Completion
        /// Nanoseconds of the monotonic clock.
        let deadline: UInt64
    }

    let settings: HTTPClientSettings
    private let inbound = Inbound<Order>()
    /// Sent and not answered.
    private let held = Atomic<Int>(0)
    private nonisolated(unsafe) let multi: OpaquePointer

    private static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    package init(settings: HTTPClientSettings = .init()) {
        precondition(HTTPClient.isLibraryReady, "libcurl could not start")
        guard let made = curl_multi_init() else { preconditionFailure("libcurl could not make a multi handle") }
        self.settings = settings
        multi = OpaquePointer(made)
        ccurl_multi_set_long(made, CURLMOPT_MAXCONNECTS, settings.keptConnectionsMax)
        start()
    }

    /// Here and not at the thread's end: who has just sent something may still be waking the thread.
    deinit { curl_multi_cleanup(UnsafeMutableRawPointer(multi)) }

    /// The thread keeps the client until `close`.
    private func start() {
        var thread = pthread_t()
        let me = Unmanaged.passRetained(self).toOpaque()
        let failed = pthread_create(
            &thread, nil,
            { context in
                let client = Unmanaged<HTTPClient>.fromOpaque(context!).takeRetainedValue()
                let transfers = HTTPTransfers(client: client, multi: UnsafeMutableRawPointer(client.multi))
                transfers.run()
                return nil
            }, me)
        precondition(failed == 0, "no thread left for the HTTP client")
        pthread_detach(thread)
    }

    /// From any thread; `completion` is called once, on `loop`.
    package func send(
        _ request: HTTPClientRequest, on loop: EventLoop,
        completion: @escaping @Sendable (Result<HTTPClientResponse, HTTPClientFailure>) -> Void
    ) {
        let within = (request.totalWithin ?? settings.totalWithin).wholeNanoseconds
        let order = Order(
            request: request, loop: loop, completion: completion, deadline: MonotonicClock.nanoseconds() + within)
        let count = held.wrappingAdd(1, ordering: .relaxed).newValue
        guard count <= settings.heldMax else {
            return refuse(order, HTTPClientFailure(.overloaded, "\(settings.heldMax) requests are held"))
        }
        switch inbound.add(order) {
        case .first: wake()
        case .behind: break
        case .closed: refuse(order, HTTPClientFailure(.closed, "the client is closed"))
        }
    }

    private func refuse(_ order: Order, _ failure: HTTPClientFailure) {
        settled(1)
        order.loop.execute { order.completion(.failure(failure)) }
    }

    /// Fails what is under way as `closed` and ends the thread; kept connections end with the client itself. From any
    /// thread; the second time does nothing.
    package func close() {
        if inbound.close() == .first { wake() }
    }

    private func wake() { curl_multi_wakeup(UnsafeMutableRawPointer(multi)) }

    // MARK: for the thread

    func takeOrders() -> (items: [Order], isClosed: Bool) { inbound.takeAll() }

    func settled(_ count: Int) { held.wrappingSubtract(count, ordering: .relaxed) }
}

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

    private struct Inbound {
        var orders: [Order] = []
        /// Sent and not answered.
        var held = 0
        var isSignalled = false
        var isClosed = false
    }

    let settings: HTTPClientSettings
    private let inbound = Mutex(Inbound())
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
                curl_multi_cleanup(UnsafeMutableRawPointer(client.multi))
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
        let failure: HTTPClientFailure? = inbound.withLock { state in
            if state.isClosed { return HTTPClientFailure(.closed, "the client is closed") }
            guard state.held < settings.heldMax else {
                return HTTPClientFailure(.overloaded, "\(state.held) requests are held")
            }
            state.held += 1
            state.orders.append(order)
            wake(&state)
            return nil
        }
        if let failure { loop.execute { completion(.failure(failure)) } }
    }

    /// Fails what is under way as `closed` and ends the thread. From any thread; the second time does nothing.
    package func close() {
        inbound.withLock { state in
            guard !state.isClosed else { return }
            state.isClosed = true
            wake(&state)
        }
    }

    /// Under the lock: the handle is there as long as the thread has not seen the end.
    private func wake(_ state: inout Inbound) {
        guard !state.isSignalled else { return }
        state.isSignalled = true
        curl_multi_wakeup(UnsafeMutableRawPointer(multi))
    }

    // MARK: for the thread

    func takeOrders() -> (orders: [Order], isClosed: Bool) {
        inbound.withLock { state in
            state.isSignalled = false
            return (exchange(&state.orders, with: []), state.isClosed)
        }
    }

    func settled(_ count: Int) { inbound.withLock { $0.held -= count } }
}

internal import CCurl
internal import Glibc

/// What an `HTTPClient` has under way, on the client's thread alone.
final class HTTPTransfers {
    private let client: HTTPClient
    private let multi: UnsafeMutableRawPointer
    private var waiting: [HTTPClient.Order] = []
    private var waitingStart = 0
    /// By curl's handle, which knows its transfer unretained.
    private var underWay: [UnsafeMutableRawPointer: HTTPTransfer] = [:]
    private var spare: [UnsafeMutableRawPointer] = []
    private var settled: [ObjectIdentifier: (loop: EventLoop, answers: [@Sendable () -> Void])] = [:]

    private static let pollMilliseconds: Int32 = 1000

    init(client: HTTPClient, multi: UnsafeMutableRawPointer) {
        self.client = client
        self.multi = multi
    }

    func run() {
        while true {
            let (orders, isClosed) = client.takeOrders()
            waiting.append(contentsOf: orders)
            if isClosed { return end() }
            repeat {
                startWaiting()
                var running: Int32 = 0
                curl_multi_perform(multi, &running)
                // What ended makes room for what waits.
            } while collect() && waitingStart < waiting.count
            deliver()
            curl_multi_poll(multi, nil, 0, HTTPTransfers.pollMilliseconds, nil)
        }
    }

    private func startWaiting() {
        while underWay.count < client.settings.concurrentMax, waitingStart < waiting.count {
            let order = waiting[waitingStart]
            waitingStart += 1
            begin(order)
        }
        if waitingStart == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            waitingStart = 0
        } else if waitingStart > HTTPTransfers.startedKeptMax {
            waiting.removeFirst(waitingStart)
            waitingStart = 0
        }
    }

    /// Orders already begun are cleared away in bulk.
    private static let startedKeptMax = 1024

    private func begin(_ order: HTTPClient.Order) {
        let now = MonotonicClock.nanoseconds()
        guard order.deadline > now else {
            return settle(order, .failure(HTTPClientFailure(.timedOut, "waited too long for its turn")))
        }
        guard let handle = spare.popLast() ?? curl_easy_init() else {
            return settle(order, .failure(HTTPClientFailure(.overloaded, "no handle left")))
        }
        let transfer = HTTPTransfer(order: order, handle: handle, settings: client.settings)
        let left = Int((order.deadline - now) / 1_000_000)
        if let failure = transfer.prepare(totalMilliseconds: max(1, left)) {
            retire(handle)
            return settle(order, .failure(failure))
        }
        underWay[handle] = transfer
        curl_multi_add_handle(multi, handle)
    }

    /// - Returns: whether anything ended.
    private func collect() -> Bool {
        var hasEnded = false
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle,
                let transfer = underWay.removeValue(forKey: handle)
            else { continue }
            let outcome = transfer.outcome(message.pointee.data.result)
            curl_multi_remove_handle(multi, handle)
            transfer.free()
            retire(handle)
            settle(transfer.order, outcome)
            hasEnded = true
        }
        return hasEnded
    }

    private func retire(_ handle: UnsafeMutableRawPointer) {
        curl_easy_reset(handle)
        spare.append(handle)
    }

    private func settle(_ order: HTTPClient.Order, _ outcome: Result<HTTPClientResponse, HTTPClientFailure>) {
        let completion = order.completion
        settled[ObjectIdentifier(order.loop), default: (order.loop, [])].answers.append { completion(outcome) }
    }

    private func deliver() {
        guard !settled.isEmpty else { return }
        for (loop, answers) in exchange(&settled, with: [:]).values {
            client.settled(answers.count)
            loop.execute { for answer in answers { answer() } }
        }
    }

    private func end() {
        let failure = HTTPClientFailure(.closed, "the client is closed")
        for (handle, transfer) in underWay {
            curl_multi_remove_handle(multi, handle)
            transfer.free()
            curl_easy_cleanup(handle)
            settle(transfer.order, .failure(failure))
        }
        underWay = [:]
        for order in waiting[waitingStart...] { settle(order, .failure(failure)) }
        for handle in spare { curl_easy_cleanup(handle) }
        deliver()
    }
}

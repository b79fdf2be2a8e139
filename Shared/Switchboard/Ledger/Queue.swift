/// First in, first out, in amortised constant time.
package struct Queue<Element> {
    private var items: [Element?] = []
    private var head = 0

    package init() {}

    package var count: Int { items.count - head }
    package var isEmpty: Bool { head == items.count }
    package var first: Element? { isEmpty ? nil : items[head] }

    package mutating func append(_ element: Element) { items.append(element) }

    package mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        let element = items[head]
        items[head] = nil
        head += 1
        if head == items.count {
            items.removeAll(keepingCapacity: items.capacity <= 1024)
            head = 0
        } else if head > 512, head * 2 > items.count {
            items.removeFirst(head)
            head = 0
        }
        return element
    }

    package mutating func updateFirst(_ change: (inout Element) -> Void) {
        guard !isEmpty else { return }
        change(&items[head]!)
    }
}

/// The keys that must be asked when time passes, the earliest first. Entries that no longer hold are found when they
/// come up.
package struct DeadlineQueue {
    package struct Item {
        package let time: Timestamp
        package let key: String
        package let isSilence: Bool
    }

    private var heap: [Item] = []

    package init() {}

    /// The same for the same deadlines, in whatever order they come.
    package init(_ items: [Item]) {
        // What is sorted is a heap.
        heap = items.sorted { ($0.time, $0.key) < ($1.time, $1.key) }
    }

    package var first: Item? { heap.first }
    package var count: Int { heap.count }

    package mutating func add(_ key: String, at time: Timestamp, isSilence: Bool) {
        heap.append(Item(time: time, key: key, isSilence: isSilence))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].time < heap[parent].time else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    package mutating func popFirst() -> Item? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            let left = parent * 2 + 1
            guard left < heap.count else { return first }
            let right = left + 1
            let child = right < heap.count && heap[right].time < heap[left].time ? right : left
            guard heap[child].time < heap[parent].time else { return first }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}

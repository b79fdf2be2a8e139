import Switchboard

/// Does one thing for each of many users, so many at once.
final class Crowd {
    private let count: Int
    private let width: Int
    /// Calls what it is given once, with why it failed or nil.
    private let step: (Int, @escaping (String?) -> Void) -> Void
    private let done: ([String: Int]) -> Void
    private var begun = 0
    private var ended = 0
    private var failures: [String: Int] = [:]
    private var isGoing = false

    init(
        _ count: Int, width: Int, step: @escaping (Int, @escaping (String?) -> Void) -> Void,
        done: @escaping ([String: Int]) -> Void
    ) {
        self.count = count
        self.width = width
        self.step = step
        self.done = done
    }

    /// `done` is told once, with what failed how often.
    func start() {
        if count == 0 { return done([:]) }
        advance()
    }

    /// Steps that end at once do not pile up on the stack.
    private func advance() {
        guard !isGoing else { return }
        isGoing = true
        defer { isGoing = false }
        while begun < count, begun - ended < width {
            let index = begun
            begun += 1
            step(index) { [self] problem in
                if let problem { failures[problem, default: 0] += 1 }
                ended += 1
                if ended == count { done(failures) } else { advance() }
            }
        }
    }
}

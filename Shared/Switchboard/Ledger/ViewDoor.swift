/// Asks a view for an HTTP door: once it has caught up with what its topics held when the question came.
package struct ViewDoor<Fact: Message> {
    /// How long a question waits for its view; then 503 with 50300.
    package static var patience: Duration { .seconds(1) }

    private let world: LedgerWorld
    private let view: LogView<Fact>
    private let loop: EventLoop

    package init(world: LedgerWorld, view: LogView<Fact>, loop: EventLoop) {
        self.world = world
        self.view = view
        self.loop = loop
    }

    /// - Parameters:
    ///   - body: reads the tables, on the view's thread.
    ///   - response: what the answer becomes.
    package func ask<T: Sendable>(
        _ places: [KafkaPartition], _ request: HTTPRequest, _ responder: HTTPResponder,
        _ body: @escaping @Sendable (SQLiteDatabase) throws -> T, _ response: @escaping @Sendable (T) -> HTTPResponse
    ) {
        let waiting = LoopBound(responder, on: loop)
        let late = ServerAPI.failure(503, Refusal.Reason.tryAgain.code, "the view has not caught up", to: request)
        world.askEnds(places) { [view, loop] ends in
            guard let ends else { return responder.respond(late) }
            view.read(whenAt: ends, within: Self.patience, body) { result in
                loop.execute { waiting.value?.respond(result.map(response) ?? late) }
            }
        }
    }
}

import Switchboard

extension CallbackFold {
    /// An endpoint's versions are its facts: they number its events.
    /// - Parameter offset: of the record that disabled it, in partition 0 of `switchboard.callbacks.deliveries.v1`.
    static func disabled(_ endpoint: CallbackEndpoint, at offset: Int64) -> Callback {
        var event = CallbackEvent()
        event.id = "\(endpoint.app)-endpoints-\(EndpointBook.partition)-\(offset)-0"
        event.source = "/apps/\(endpoint.app)"
        event.type = .endpointDisabled
        event.subject = "endpoints/\(endpoint.id)"
        event.time = endpoint.disabledAt ?? Timestamp()
        event.sequence = Int64(endpoint.version)
        event.previous = Int64(endpoint.toldBefore)
        event.data.endpointId = endpoint.id
        event.data.cause = endpoint.disabledBecause?.rawValue
        return Callback(
            id: event.id, key: "\(endpoint.app)/\(event.subject)", type: event.type, body: event.encoded())
    }

    /// What an endpoint gets that asked for a test: numbered 1, and in no topic.
    static func test(_ endpoint: CallbackEndpoint, at now: Timestamp) -> Callback {
        var event = CallbackEvent()
        event.id = "\(endpoint.app)-test-\(SecureRandom.uuid())"
        event.source = "/apps/\(endpoint.app)"
        event.type = .endpointTest
        event.subject = "endpoints/\(endpoint.id)"
        event.time = now
        event.sequence = 1
        event.data.endpointId = endpoint.id
        return Callback(
            id: event.id, key: "\(endpoint.app)/\(event.subject)", type: event.type, body: event.encoded())
    }
}

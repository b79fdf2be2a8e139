import Switchboard

extension EndpointDoor {
    /// What is asked for.
    struct Body: Message {
        var url = ""
        var types: [String] = []
        var enabled: Bool?
        var description: String?
        var signature: String?
        var identifiers: Opaque?
        var legacy: Opaque?

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("url", &url)
            try c("types", &types, max: EndpointDoor.typeBytesMax, countMax: EndpointDoor.typesMax)
            try c("identifiers", &identifiers)
            try c("legacy", &legacy)
            try c("signature", &signature)
            try c("enabled", &enabled)
            try c("description", &description, max: EndpointDoor.descriptionBytesMax)
        }

        var flaw: String? {
            if types.isEmpty { return "types: missing" }
            if !types.allSatisfy(CallbackEndpoint.isPattern) { return "types: malformed" }
            // Something else than was asked for is worse than nothing.
            if identifiers != nil { return "identifiers: not possible here" }
            if legacy != nil { return "legacy: not possible here" }
            return signature ?? "v1" == "v1" ? nil : "signature: only v1 is possible here"
        }
    }

    /// What is to become different; what is not named stays.
    struct Change: Message {
        var url: String?
        var types: [String]?
        var enabled: Bool?
        var description: String?

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("url", &url)
            try c("types", &types, max: EndpointDoor.typeBytesMax, countMax: EndpointDoor.typesMax)
            try c("enabled", &enabled)
            try c("description", &description, max: EndpointDoor.descriptionBytesMax)
        }
    }

    /// How a test went.
    struct Tried: Message {
        var webhookId = ""
        var delivered = false
        /// The answer's status, or what stood in its way.
        var status: String?

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            try c("webhookId", &webhookId)
            try c("delivered", &delivered)
            try c("status", &status)
        }
    }

    /// An endpoint as its owner sees it.
    struct Shown: Message {
        var endpoint = CallbackEndpoint()
        var secret: String?

        init() {}
        init(_ endpoint: CallbackEndpoint, secret: String? = nil) {
            self.endpoint = endpoint
            self.secret = secret
        }

        mutating func fields(_ c: inout Coder) throws(CodingFailure) {
            var signature = "v1"
            try c("id", &endpoint.id)
            try c("url", &endpoint.url)
            try c("types", &endpoint.types)
            try c("signature", &signature)
            try c("enabled", &endpoint.enabled)
            try c("description", &endpoint.description)
            try c("secret", &secret)
        }
    }

    struct Page: Message {
        var items: [Shown] = []
        mutating func fields(_ c: inout Coder) throws(CodingFailure) { try c("items", &items) }
    }
}

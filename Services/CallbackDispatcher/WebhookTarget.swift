import Switchboard

/// Whom a webhook may reach: nothing inside our own network.
enum WebhookTarget {
    private static let urlBytesMax = 2048

    /// What is wrong with an address that somebody wants to register; nil where nothing is.
    ///
    /// A name says nothing yet about where it leads: the address it stands for is judged at each connect.
    static func flaw(_ url: String, allowsPrivate: Bool) -> String? {
        guard url.utf8.count <= urlBytesMax else { return "url: tooLong" }
        guard let host = host(of: url) else { return "url: malformed" }
        if allowsPrivate { return nil }
        let isNumeric = host.contains(":") || host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2e }
        let isOwn = host == "localhost" || host.hasSuffix(".localhost") || !isNumeric && !host.contains(".")
        return isOwn || isNumeric && !PublicAddress.isPublic(host) ? "url: leads into a private network" : nil
    }

    private static func host(of url: String) -> String? {
        guard let scheme = ["https://", "http://"].first(where: { url.hasPrefix($0) }),
            url.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { return nil }
        let authority = url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.contains("@"), !authority.contains("\\") else { return nil }
        if authority.hasPrefix("[") {
            let inside = authority.dropFirst().prefix { $0 != "]" }
            return inside.isEmpty || inside.count + 1 == authority.count ? nil : String(inside)
        }
        let host = authority.prefix { $0 != ":" }.lowercased()
        return host.isEmpty ? nil : host
    }
}

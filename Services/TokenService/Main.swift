import Switchboard

@main
struct Main {
    static func main() {
        OwnFiles.keepPrivate()
        ServiceHost.run(service: "token-service", limits: TokenDoor.limits, Configuration.init) { host, configuration in
            host.keep(try TokenOffice(host, configuration))
        }
    }
}

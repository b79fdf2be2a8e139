import Switchboard

@main
struct Main {
    static func main() {
        ServiceHost.run(service: "signaling-gateway", Configuration.init) { host, configuration in
            host.keep(try GatewayService(host, configuration))
        }
    }
}

import Switchboard

@main
struct Main {
    static func main() {
        ServiceHost.run(service: "call-orchestrator", Configuration.init) { host, configuration in
            host.keep(try Orchestrator(host, configuration))
        }
    }
}

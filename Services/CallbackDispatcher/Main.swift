import Switchboard

@main
struct Main {
    static func main() {
        ServiceHost.run(service: "callback-dispatcher", Configuration.init) { host, configuration in
            host.keep(try Dispatcher(host, configuration))
        }
    }
}

import Switchboard

@main
struct Main {
    static func main() {
        ServiceHost.run(service: "room-allocator", Configuration.init) { host, configuration in
            host.keep(try Allocator(host, configuration))
        }
    }
}

import Switchboard

@main
struct Main {
    static func main() {}
}

// swift-tools-version: 6.1
import PackageDescription

// The C libraries are Debian's -dev packages (`make setup` installs them); there are no other dependencies.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let services = [
    ("token-service", "TokenService"),
    ("room-allocator", "RoomAllocator"),
    ("call-orchestrator", "CallOrchestrator"),
    ("signaling-gateway", "SignalingGateway"),
    ("callback-dispatcher", "CallbackDispatcher"),
    ("embedded-log", "EmbeddedLog"),
]

func tests(_ name: String, _ dependencies: [Target.Dependency] = [], data: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: ["Switchboard", "Support"] + dependencies, path: "Tests/\(name)", exclude: data,
        swiftSettings: strict)
}

let package = Package(
    name: "Switchboard",
    products: services.map { .executable(name: $0.0, targets: [$0.1]) }
        + [.executable(name: "switchboard-load", targets: ["Load"])],
    targets: [
        .systemLibrary(name: "CRdkafka", path: "Shared/CRdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CHiredis", path: "Shared/CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CSQLite", path: "Shared/CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CLibevent", path: "Shared/CLibevent", providers: [.apt(["libevent-dev"])]),
        .systemLibrary(name: "CCurl", path: "Shared/CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", path: "Shared/COpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CChecksum", path: "Shared/CChecksum"),
        .target(
            name: "Switchboard",
            dependencies: ["CRdkafka", "CHiredis", "CSQLite", "CLibevent", "CCurl", "COpenSSL", "CChecksum"],
            path: "Shared/Switchboard",
            resources: [.embedInCode("Stores/Scripts")],
            swiftSettings: strict),
        .target(name: "Support", dependencies: ["Switchboard"], path: "Tests/Support", swiftSettings: strict),
        .executableTarget(
            name: "Load", dependencies: ["Switchboard", "Support"], path: "Tests/Load", swiftSettings: strict),
        tests("DomainTests"),
        tests("SimulationTests"),
        tests("ContractTests", data: ["Golden"]),
        tests("DriverTests"),
        tests("ServiceTests", services.map { .byName(name: $0.1) }),
        tests("IntegrationTests", ["CRdkafka"]),
        tests("HouseTests"),
    ]
        + services.map {
            .executableTarget(
                name: $0.1, dependencies: ["Switchboard"], path: "Services/\($0.1)", swiftSettings: strict)
        }
)

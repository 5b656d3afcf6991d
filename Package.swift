// swift-tools-version: 6.3
import PackageDescription

/// Settings that every Swift target shares: a warning stops the build, and unsafe code is marked as such.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "vpncloud",
    products: [
        .executable(name: "vpncloud", targets: ["vpncloud"]),
        .library(name: "VPNProtocol", targets: ["VPNProtocol"]),
        .library(name: "VPNNode", targets: ["VPNNode"]),
        .library(name: "VPNSimulator", targets: ["VPNSimulator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        // The pure core: bytes, time and a seed come in, outputs go out.
        .target(
            name: "VPNProtocol", dependencies: ["CIPsecMB", "CSodium"], path: "Sources/Protocol", swiftSettings: strict),
        .target(name: "VPNNode", dependencies: ["VPNProtocol"], path: "Sources/Node", swiftSettings: strict),

        // Its two worlds.
        .target(
            name: "VPNLinuxIO", dependencies: ["VPNNode", "VPNProtocol", "CChecksum", "CLinux", "CMiniUPnPc"],
            path: "Sources/LinuxIO", swiftSettings: strict),
        .target(
            name: "VPNSimulator",
            dependencies: ["VPNNode", "VPNProtocol", .product(name: "HeapModule", package: "swift-collections")],
            path: "Sources/Simulator", swiftSettings: strict),

        // Capture files, and what is in them. A module of its own, since whoever sees libpcap's headers takes the C
        // library's types from them.
        .target(
            name: "VPNCaptures", dependencies: ["VPNNode", "VPNProtocol", "VPNSimulator", "CPcap"],
            path: "Sources/Captures", swiftSettings: strict),

        // Scenarios on the real kernel.
        .target(
            name: "VPNLab", dependencies: ["VPNNode", "VPNProtocol", "VPNSimulator", "CLinux"], path: "Sources/Lab",
            swiftSettings: strict),

        // The command line.
        .executableTarget(
            name: "vpncloud",
            dependencies: [
                "VPNCaptures", "VPNLab", "VPNLinuxIO", "VPNNode", "VPNProtocol", "VPNSimulator", "CYAML",
                argumentParser, logging,
            ],
            path: "Sources/vpncloud", swiftSettings: strict),

        // How fast the emulated network is: 'make bench-sim'.
        .executableTarget(
            name: "simulator-benchmark", dependencies: ["VPNNode", "VPNProtocol", "VPNSimulator"],
            path: "Benchmarks/Simulator", swiftSettings: strict),

        // How long a packet takes on its way through a node: 'make bench'.
        .executableTarget(
            name: "data-path-benchmark",
            dependencies: ["VPNCaptures", "VPNLinuxIO", "VPNNode", "VPNProtocol", "CSodium"],
            path: "Benchmarks/DataPath", exclude: ["baseline.json"], swiftSettings: strict),

        // C libraries, and what Swift cannot import from the kernel's headers.
        .target(name: "CLinux", path: "Sources/CLinux", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CIPsecMB", path: "Sources/CIPsecMB"),
        .target(name: "CChecksum", path: "Sources/CChecksum"),
        .systemLibrary(
            name: "CSodium", path: "Sources/CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(
            name: "CYAML", path: "Sources/CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(
            name: "CPcap", path: "Sources/CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
        .systemLibrary(
            name: "CMiniUPnPc", path: "Sources/CMiniUPnPc", pkgConfig: "miniupnpc",
            providers: [.apt(["libminiupnpc-dev"])]),

        .testTarget(
            name: "ProtocolTests", dependencies: ["VPNProtocol", "TestNumbers", "TestVectors"], swiftSettings: strict),
        .testTarget(
            name: "NodeTests",
            dependencies: ["VPNNode", "VPNProtocol", "VPNSimulator", "TestTapes", "TestVectors", "CAllocations"],
            swiftSettings: strict),
        .testTarget(
            name: "CapturesTests",
            dependencies: ["VPNCaptures", "VPNNode", "VPNProtocol", "VPNSimulator", "TestVectors", "CAllocations"],
            swiftSettings: strict),
        .testTarget(
            name: "SimulatorTests", dependencies: ["VPNNode", "VPNProtocol", "VPNSimulator", "TestTapes"],
            swiftSettings: strict),
        .testTarget(
            name: "LinuxIOTests",
            dependencies: [
                "VPNLinuxIO", "VPNNode", "VPNProtocol", "TestNumbers", "CLinux", "CAllocations", "CIsolation",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ProgramTests",
            dependencies: [
                "vpncloud", "VPNCaptures", "VPNLab", "VPNLinuxIO", "VPNNode", "VPNProtocol", "VPNSimulator",
                "TestTapes", argumentParser, logging,
            ],
            swiftSettings: strict),
        // The built program in network namespaces with the real kernel. Needs root and /dev/net/tun.
        .testTarget(
            name: "KernelTests", dependencies: ["vpncloud", "TestNumbers", "CNamespaces"], swiftSettings: strict),

        // The built program with scenario files, as a user runs it, and what other programs read of it.
        .testTarget(
            name: "ScenarioTests", dependencies: ["vpncloud", "VPNCaptures", "VPNNode", "VPNProtocol", "TestVectors"],
            swiftSettings: strict),

        // What tests stand on.
        .target(
            name: "TestVectors", dependencies: ["VPNProtocol", "CPcap"], path: "Tests/Vectors",
            resources: [.copy("captures")], swiftSettings: strict),
        .target(name: "TestTapes", dependencies: ["VPNNode"], path: "Tests/Tapes", swiftSettings: strict),
        .target(name: "TestNumbers", path: "Tests/Numbers", swiftSettings: strict),
        .target(name: "CAllocations", path: "Tests/CAllocations"),
        .target(name: "CIsolation", path: "Tests/CIsolation", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CNamespaces", path: "Tests/CNamespaces", cSettings: [.define("_GNU_SOURCE")]),
    ],
    swiftLanguageModes: [.v6]
)

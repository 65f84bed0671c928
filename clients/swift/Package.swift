// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "hebb-client",
    products: [.library(name: "HebbClient", targets: ["HebbClient"])],
    targets: [
        .target(name: "HebbClient"),
        // Takes the client through `clients/contract/scenario.json`.
        .executableTarget(name: "Scenario", dependencies: ["HebbClient"]),
    ],
    swiftLanguageModes: [.v6]
)

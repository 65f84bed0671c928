// swift-tools-version: 6.2
import PackageDescription

/// One language mode and one set of upcoming features for every Swift target of ours.
/// `deploy/test` sets the variable; someone who builds with another compiler is not held up by its
/// new warnings.
let warningsAreErrors = Context.environment["HEBB_WARNINGS_ARE_ERRORS"] != nil
/// `deploy/fuzz` sets it, to the path of libFuzzer's library: our modules are then built to tell
/// the fuzzer where a run went and to stop at the first stray byte, with assertions on, and there
/// is a program more, `hebb-fuzz`.
let fuzzer = Context.environment["HEBB_FUZZING"]
let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])
    + (fuzzer == nil
        ? [] : [.unsafeFlags(["-sanitize=fuzzer,address", "-assert-config", "Debug"])])

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// - Parameter hasFixtures: whether there is a `Fixtures` folder, which the tests read from disk.
func tests(
    _ name: String, _ dependencies: [Target.Dependency], hasFixtures: Bool = false
) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, exclude: hasFixtures ? ["Fixtures"] : [],
        swiftSettings: strict)
}

let fuzzing: [Target] =
    fuzzer.map { library in
        [
            .executableTarget(
                name: "hebb-fuzz", dependencies: ["FuzzTargets", "ModelFormats"],
                path: "Tests/Fuzzer", swiftSettings: strict,
                linkerSettings: [
                    .unsafeFlags([
                        "-sanitize=address", "-use-ld=lld", "-lstdc++", "-Xlinker", library,
                    ])
                ])
        ]
    } ?? []

let package = Package(
    name: "hebb",
    products: [.executable(name: "hebb", targets: ["hebb"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CMicroHTTPD", pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(
            name: "CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "CKernels",
            cSettings: fuzzer == nil
                ? [] : [.unsafeFlags(["-fsanitize=fuzzer-no-link,address"])]),
        // Embedded, not compiled: `Console.c` names each.
        .target(name: "CConsole", exclude: ["page"]),
        module("Kernels", ["CKernels", "COpenBLAS"]),
        module("ModelFormats", ["Kernels"]),
        module("Engrams", ["Kernels", "ModelFormats", crypto]),
        module("InnerCortex", ["Kernels", "ModelFormats"]),
        module("EngramStorage", ["Engrams", "CPostgreSQL", crypto, grdb]),
        module("OuterCortex", ["Kernels", "ModelFormats", "Engrams", "InnerCortex"]),
        module(
            "Scheduling",
            [
                "Kernels", "ModelFormats", "Engrams", "InnerCortex", "OuterCortex", "EngramStorage",
                logging,
            ]),
        module(
            "MetaLearning", ["Kernels", "ModelFormats", "Engrams", "InnerCortex", "OuterCortex"]),
        module(
            "Serving",
            [
                "ModelFormats", "Engrams", "InnerCortex", "Scheduling", "CMicroHTTPD", "CConsole",
                logging,
            ]),
        .executableTarget(
            name: "hebb",
            dependencies: [
                "Kernels", "ModelFormats", "Engrams", "InnerCortex", "EngramStorage", "OuterCortex",
                "Scheduling", "MetaLearning", "Serving", argumentParser, logging,
            ], swiftSettings: strict),

        .target(
            name: "FuzzTargets",
            dependencies: [
                "Kernels", "ModelFormats", "Engrams", "OuterCortex", "Serving", "TinyCore",
            ], path: "Tests/FuzzTargets", swiftSettings: strict),
        tests("FuzzTargetsTests", ["FuzzTargets"], hasFixtures: true),
        .target(
            name: "TinyCore", dependencies: ["Kernels", "ModelFormats"], path: "Tests/TinyCore",
            swiftSettings: strict),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .executableTarget(
            name: "Ratchets",
            dependencies: [
                "AllocationCounter", "ModelFormats", "Engrams", "InnerCortex", "OuterCortex",
                "TinyCore",
            ], path: "Tests/Ratchets", swiftSettings: strict),
        tests("RatchetTests", ["Ratchets", "AllocationCounter", "OuterCortex", "TinyCore"]),
        tests("ArchitectureTests", []),
        tests("KernelsTests", ["Kernels", "CKernels"], hasFixtures: true),
        tests("ModelFormatsTests", ["ModelFormats"], hasFixtures: true),
        tests("EngramsTests", ["Engrams", "Kernels", "ModelFormats"]),
        tests(
            "InnerCortexTests", ["InnerCortex", "ModelFormats", "Kernels", "TinyCore"],
            hasFixtures: true),
        tests("EngramStorageTests", ["EngramStorage", "Engrams", "TinyCore", grdb]),
        tests(
            "OuterCortexTests",
            ["OuterCortex", "Engrams", "InnerCortex", "Kernels", "ModelFormats", "TinyCore"]),
        tests(
            "SchedulingTests",
            [
                "Scheduling", "EngramStorage", "OuterCortex", "Engrams", "InnerCortex", "Kernels",
                "ModelFormats", "TinyCore", logging,
            ]),
        tests(
            "MetaLearningTests",
            [
                "MetaLearning", "OuterCortex", "Engrams", "InnerCortex", "Kernels", "ModelFormats",
                "TinyCore",
            ], hasFixtures: true),
        tests(
            "ServingTests",
            ["Serving", "Scheduling", "Engrams", "InnerCortex", "ModelFormats", logging]),
        tests(
            "HebbTests",
            ["hebb", "MetaLearning", "OuterCortex", "Engrams", "TinyCore", argumentParser, logging]),
        tests("EndToEndTests", ["hebb", "TinyCore"]),
    ] + fuzzing
)

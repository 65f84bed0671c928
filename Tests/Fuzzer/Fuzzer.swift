import Foundation
import FuzzTargets

/// libFuzzer's loop as a function, from the compiler's run-time library.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ tryInput: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// libFuzzer's own mutations, in place; the new length.
@_silgen_name("LLVMFuzzerMutate")
func mutateBytes(_ data: UnsafeMutablePointer<UInt8>?, _ count: Int, _ limit: Int) -> Int

/// Reads the file formats that strangers give us, with inputs that libFuzzer makes. `deploy/fuzz`
/// builds and calls it.
///
///     hebb-fuzz TARGET --write-seeds FOLDER
///     hebb-fuzz TARGET CORPUS -max_total_time=60 …
@main
enum Fuzzer {
    /// The first argument. libFuzzer's merge starts this program again with its own options alone;
    /// then it is the parent's.
    static let target = named ?? environment[variable].flatMap(FuzzTarget.init)
    private static let named = CommandLine.arguments.dropFirst().first.flatMap(FuzzTarget.init)
    private static let variable = "HEBB_FUZZ_TARGET"
    private static var environment: [String: String] { ProcessInfo.processInfo.environment }

    static func main() throws {
        guard let target else {
            let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
            FileHandle.standardError.write(Data("Name a target first: \(names)\n".utf8))
            exit(64)
        }
        setenv(variable, target.rawValue, 1)
        let rest = Array(CommandLine.arguments.dropFirst(named == nil ? 1 : 2))
        if rest.first == "--write-seeds", rest.count == 2 {
            try writeSeeds(of: target, folder: rest[1])
        } else {
            exit(fuzz([CommandLine.arguments[0]] + rest))
        }
    }

    /// Runs libFuzzer's loop until it is done, with its own options.
    private static func fuzz(_ options: [String]) -> Int32 {
        var count = Int32(options.count)
        let copies = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
            capacity: options.count + 1)
        for (index, option) in options.enumerated() { copies[index] = strdup(option) }
        copies[options.count] = nil
        var arguments = copies
        return runFuzzer(&count, &arguments) { bytes, count in Fuzzer.tryInput(bytes, count) }
    }

    private static func tryInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
        do {
            try target?.read(Array(UnsafeBufferPointer(start: bytes, count: count)))
        } catch {
            // A trap is what libFuzzer takes for a find.
            preconditionFailure("\(error)")
        }
        return 0
    }

    private static func writeSeeds(of target: FuzzTarget, folder: String) throws {
        let root = URL(fileURLWithPath: folder)
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        for (index, seed) in try target.seeds().enumerated() {
            try Data(seed).write(to: root.appendingPathComponent("seed-\(index)"))
        }
    }
}

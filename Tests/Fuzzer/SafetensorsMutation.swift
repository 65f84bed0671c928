import FuzzTargets
import ModelFormats

/// Changes a safetensors file as a file of its format: byte by byte, nearly every change breaks
/// the header's arithmetic, and what lies behind the header is never reached.
///
/// libFuzzer calls this in place of its own mutation. One time in four it is left to libFuzzer.
@_cdecl("LLVMFuzzerCustomMutator")
func mutate(_ data: UnsafeMutablePointer<UInt8>?, _ count: Int, _ limit: Int, _ seed: UInt32) -> Int
{
    var choice = Choice(state: UInt64(seed))
    guard choice.below(4) > 0, let data else { return mutateBytes(data, count, limit) }
    let input = Array(UnsafeBufferPointer(start: data, count: count))
    // An SAE, a rule and an adapter are a JSON file, a NUL and a safetensors file.
    guard let target = Fuzzer.target else { return 0 }
    let isPair = [.adapter, .autoencoder, .rule].contains(target) && !TapeArchive.isArchive(input)
    let start = isPair ? (input.firstIndex(of: 0).map { $0 + 1 } ?? count) : 0
    guard isPair || target == .engram || target == .safetensors,
        !(isPair && choice.below(2) == 0),
        let file = try? SafetensorsFile(bytes: Array(input[start...]), name: "input"),
        let mutated = SafetensorsMutation(file).mutated(using: &choice)
    else { return mutateBytes(data, count, limit) }
    let result = input[..<start] + mutated
    guard result.count <= limit else { return mutateBytes(data, count, limit) }
    _ = UnsafeMutableBufferPointer(start: data, count: limit).update(fromContentsOf: result)
    return result.count
}

/// A stream of choices from libFuzzer's seed (splitmix64).
private struct Choice {
    var state: UInt64

    mutating func below(_ limit: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return Int((value ^ value >> 31) % UInt64(max(1, limit)))
    }
}

private struct SafetensorsMutation {
    private var entries: [SafetensorsWriter.Entry]
    private var metadata: [String: String]

    init(_ file: SafetensorsFile) {
        metadata = file.metadata
        entries = file.names.compactMap { name in
            guard let tensor = try? file.tensor(name) else { return nil }
            return SafetensorsWriter.Entry(
                name: name, type: tensor.type, shape: tensor.shape,
                bytes: tensor.withUnsafeBytes { Array($0) })
        }
    }

    func mutated(using choice: inout Choice) -> [UInt8]? {
        var copy = self
        for _ in 0...choice.below(3) { copy.change(using: &choice) }
        return try? SafetensorsWriter.serialize(copy.entries, metadata: copy.metadata)
    }

    private mutating func change(using choice: inout Choice) {
        if choice.below(5) == 0, let key = metadata.keys.sorted().randomElement(using: &choice) {
            metadata[key] = Self.text(metadata[key] ?? "", using: &choice)
            return
        }
        guard !entries.isEmpty else { return }
        let index = choice.below(entries.count)
        let entry = entries[index]
        var (type, shape, bytes) = (entry.type, entry.shape, entry.bytes)
        switch choice.below(6) {
        case 0: type = TensorType.allCases[choice.below(TensorType.allCases.count)]
        case 1 where !shape.isEmpty: shape[choice.below(shape.count)] = choice.below(70)
        case 2: bytes = Self.text(bytes, growth: 0, using: &choice)
        case 3 where !shape.isEmpty:
            // One row more or fewer, as a list of synapses would have.
            shape[0] = max(0, shape[0] + (choice.below(2) == 0 ? 1 : -1))
        default: bytes = Self.element(bytes, width: type.byteCount, using: &choice)
        }
        let wanted = shape.reduce(type.byteCount) { $0.multipliedReportingOverflow(by: $1).0 }
        guard (0...1_048_576).contains(wanted) else { return }
        bytes = Array(bytes.prefix(wanted))
        bytes += [UInt8](repeating: 0, count: wanted - bytes.count)
        entries[index] = .init(name: entry.name, type: type, shape: shape, bytes: bytes)
    }

    /// One element becomes a number that tends to be wrong.
    private static func element(
        _ bytes: [UInt8], width: Int, using choice: inout Choice
    ) -> [UInt8] {
        guard bytes.count >= width, width > 0 else { return bytes }
        let at = choice.below(bytes.count / width) * width
        let patterns: [UInt64] = [
            0, 1, .max, 0x7f80_0000, 0x7fc0_0000, 0xff80_0000, 0x7f7f_ffff, 0x8000_0000, 0xffff,
            0x7fff_ffff, 0x3f80_0000, 0x4100_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000,
            UInt64(choice.below(300)),
        ]
        let pattern = patterns[choice.below(patterns.count)]
        var result = bytes
        for offset in 0..<width {
            result[at + offset] = UInt8(truncatingIfNeeded: pattern >> (8 * UInt64(offset)))
        }
        return result
    }

    private static func text(_ value: String, using choice: inout Choice) -> String {
        let numbers = [
            "0", "1", "-1", "16", "40", "264", "65535", "2147483647", "16777216",
            "9223372036854775807", "",
        ]
        if choice.below(2) == 0 { return numbers[choice.below(numbers.count)] }
        let bytes = text(Array(value.utf8), growth: 8, using: &choice)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Bytes as libFuzzer's own mutations leave them.
    private static func text(
        _ bytes: [UInt8], growth: Int, using choice: inout Choice
    ) -> [UInt8] {
        let limit = max(1, bytes.count + growth)
        return [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            _ = buffer.update(fromContentsOf: bytes)
            count = mutateBytes(buffer.baseAddress, bytes.count, limit)
        }
    }
}

extension Choice: RandomNumberGenerator {
    mutating func next() -> UInt64 { UInt64(truncatingIfNeeded: below(Int.max)) }
}

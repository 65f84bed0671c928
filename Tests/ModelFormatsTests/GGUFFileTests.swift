import Kernels
import Testing

@testable import ModelFormats

@Suite("GGUF files")
struct GGUFFileTests {
    private func refusal(_ bytes: [UInt8]) -> String {
        do {
            _ = try GGUFFile(bytes: bytes, name: "f.gguf")
            return "accepted"
        } catch { return "\(error)" }
    }

    private func refusal(_ change: (inout GGUFBytes) -> Void) -> String {
        var file = GGUFBytes.small
        change(&file)
        return refusal(file.bytes)
    }

    @Test("A file's values and tensors are what was written", arguments: [2, 3] as [UInt32])
    func reading(version: UInt32) throws {
        var small = GGUFBytes.small
        small.version = version
        let model = try GGUFModel(bytes: small.bytes, name: "f.gguf")
        let metadata = model.metadata
        #expect(try metadata.string("general.architecture") == "llama")
        #expect(try metadata.integer("llama.block_count", in: 1...9) == 2)
        #expect(try metadata.number("llama.rope.freq_base", in: 0...1e6) == 10_000)
        #expect(try metadata.bool("flag") == true && metadata.bool("none") == nil)
        #expect(try metadata.array("nested")?.count == 1)
        #expect(throws: ModelFormatError.self) { try metadata.integer("huge", in: 0...Int.max) }
        var words: [String] = []
        try metadata.array("words")?.forEachString {
            words.append(String(decoding: $1, as: UTF8.self))
        }
        #expect(words == ["a", "", "bc"])
        #expect(model.tensorNames == ["a", "q", "ids"])
        let plain = try model.tensor("a")
        #expect(plain.shape == [3, 2] && plain.encoding == .float32 && plain.count == 6)
        #expect(plain.withUnsafeBytes { Array($0) } == (0..<24).map { UInt8($0) })
        let quantised = try model.tensor("q")
        #expect(quantised.shape == [2, 64] && quantised.encoding == .q4_0)
        #expect(quantised.withUnsafeBytes { Array($0) } == (32..<104).map { UInt8($0) })
        let ids = try model.tensor("ids")
        #expect(ids.encoding == nil && ids.typeName == "I32")
    }

    @Test("Errors name file, key, what was found and what is allowed")
    func metadataErrors() throws {
        let metadata = try GGUFModel(bytes: GGUFBytes.small.bytes, name: "f.gguf").metadata
        func text(_ body: () throws -> Void) -> String {
            do {
                try body()
                return ""
            } catch { return "\(error)" }
        }
        let outside = text { _ = try metadata.integer("llama.block_count", in: 3...9) }
        #expect(outside.hasPrefix("f.gguf: key llama.block_count is 2, allowed is 3 to 9."))
        let other = text { _ = try metadata.string("flag") }
        #expect(other.contains("key flag") && other.contains("a boolean where a string must be"))
        let absent = text { _ = try metadata.require("x", try metadata.bool("x")) }
        #expect(absent.contains("the key x is missing"))
        let words = text { _ = try metadata.array("words")?.floats(atMost: 9) }
        #expect(words.contains("key words") && words.contains("numbers must be"))
    }

    @Test("What is no file of version 2 or 3, little-endian, is refused by name")
    func versions() {
        #expect(refusal { $0.version = 1 }.contains("GGUF version 1"))
        #expect(refusal { $0.version = 4 }.contains("GGUF version 4"))
        #expect(refusal { $0.version = 0x0300_0000 }.contains("big-endian"))
        #expect(refusal { $0.magic = Array("GGML".utf8) }.contains("does not begin with GGUF"))
        #expect(refusal([]).contains("ends where 4 bytes"))
    }

    @Test("Counts, lengths and offsets that the file does not bear out are refused")
    func hostileNumbers() {
        let cases: [(String, (inout GGUFBytes) -> Void)] = [
            ("the number of keys", { $0.keyCount = .max }),
            ("the number of keys", { $0.keyCount = 1 << 40 }),
            ("the number of tensors", { $0.tensorCount = 1 << 33 }),
            ("the number of tensors", { $0.tensorCount = 60_000 }),
            ("the length of", { $0.keys[0].value = GGUFBytes.number(UInt64.max) }),
            ("the length of", { $0.keys[0].value = GGUFBytes.number(UInt64(1) << 62) }),
            (
                "the count of",
                {
                    $0.keys[0] = (
                        "a", 9, GGUFBytes.number(UInt32(4)) + GGUFBytes.number(UInt64(1) << 61)
                    )
                }
            ),
            (
                "arrays nest",
                {
                    let inner = GGUFBytes.number(UInt32(9)) + GGUFBytes.number(UInt64(1))
                    $0.keys[0] = ("a", 9, inner + inner + inner + inner + inner + inner)
                }
            ),
            ("no type of a value", { $0.keys[0].type = 13 }),
            ("a boolean is 0 or 1", { $0.keys[4].value = [2] }),
            ("it is there twice", { $0.keys[3].name = "flag" }),
            ("it is there twice", { $0.tensors[1].name = "a" }),
            ("no power of two", { $0.keys[1].value = GGUFBytes.number(UInt32(24)) }),
            ("general.alignment", { $0.keys[1].value = GGUFBytes.number(UInt32(0)) }),
            ("general.alignment", { $0.keys[1].value = GGUFBytes.number(UInt32.max) }),
            ("multiple of the alignment", { $0.tensors[1].offset = 40 }),
            ("multiple of the alignment", { $0.tensors[1].offset = .max - 31 }),
            ("for all tensors", { $0.tensors[1].offset = 1 << 40 }),
            ("for all tensors", { $0.tensors[1].offset = UInt64(Int.max - 31) }),
            ("for all tensors", { $0.data.removeLast(41) }),
            ("overlaps", { $0.tensors[0].dimensions = [2, 9] }),
            ("overlaps", { $0.tensors[1].offset = 0 }),
            ("overflows", { $0.tensors[0].dimensions = [1 << 33, 1 << 33] }),
            ("overflows", { $0.tensors[0].dimensions = [.max] }),
            ("overflows", { $0.tensors[0].dimensions = [0, 1 << 33, 1 << 33] }),
            ("whole blocks", { $0.tensors[0].dimensions = [1 << 62] }),
            ("whole blocks", { $0.tensors[1].dimensions = [48, 2] }),
            ("the number of dimensions", { $0.tensors[0].dimensions = [1, 1, 1, 1, 6] }),
            ("empty or no UTF-8", { $0.tensors[0].name = "" }),
            ("the length of", { $0.tensors[0].name = String(repeating: "n", count: 300) }),
        ]
        for (index, (reason, change)) in cases.enumerated() {
            let text = refusal(change)
            #expect(text.contains(reason), "case \(index): \(text)")
            #expect(text.hasPrefix("f.gguf: "))
        }
    }

    @Test("A weight of a type that nobody reads is refused where it is asked for, by name")
    func unknownTypes() throws {
        var small = GGUFBytes.small
        small.tensors[0].type = 23
        small.tensors[2].type = 4_000
        let model = try GGUFModel(bytes: small.bytes, name: "f.gguf")
        #expect(try model.tensor("a").typeName == "IQ4_XS")
        #expect(try model.tensor("ids").typeName == "number 4000")
        #expect(try model.tensor("ids").encoding == nil)
        #expect(throws: ModelFormatError.self) { try model.tensor("none") }
    }

    @Test("A file that is cut anywhere or has any byte changed is refused or read, never a crash")
    func everyByte() throws {
        let whole = GGUFBytes.small.bytes
        let head = whole.count - 144
        for count in 0..<head {
            #expect(refusal(Array(whole[..<count])) != "accepted")
        }
        var accepted = 0
        for place in 0..<head {
            for value in [0, 1, 9, 0x7f, 0x80, 0xff, whole[place] ^ 1] as [UInt8] {
                var bytes = whole
                bytes[place] = value
                guard let model = try? GGUFModel(bytes: bytes, name: "f.gguf") else { continue }
                accepted += 1
                for name in model.tensorNames {
                    let tensor = try model.tensor(name)
                    _ = tensor.withUnsafeBytes { $0.reduce(0) { $0 &+ Int($1) } }
                    if tensor.encoding != nil { _ = tensor.hasOnlyFiniteValues() }
                }
                _ = try? model.tokenizer(embeddingRows: nil)
                _ = try? model.metadata.array("words")?.forEachString { _, _ in }
            }
        }
        #expect(accepted > 500)
    }

    @Test("A model of several files is one, and a missing or mixed-up file is named")
    func shards() throws {
        func shard(_ number: UInt32, of count: UInt32, _ names: [String]) -> GGUFBytes {
            var file = GGUFBytes()
            if number == 0 { file.set("general.architecture", "llama") }
            file.set("split.no", number)
            file.set("split.count", count)
            file.set("split.tensors.count", 3)
            file.tensors = names.enumerated().map { ($1, [8], 0, UInt64(32 * $0)) }
            file.data = [UInt8](repeating: UInt8(number), count: 32 * names.count)
            return file
        }
        try Fixture.withFolder { folder in
            let names = (1...2).map { "m-0000\($0)-of-00002.gguf" }
            try Fixture.write(shard(0, of: 2, ["a", "b"]).bytes, folder, names[0])
            func refusal(_ name: String = names[0]) -> String {
                do {
                    _ = try GGUFModel(folder + "/" + name)
                    return "accepted"
                } catch { return "\(error)" }
            }
            #expect(refusal().contains("m-00002-of-00002.gguf is missing"))
            try Fixture.write(shard(1, of: 2, ["c"]).bytes, folder, names[1])
            for name in names {
                let model = try GGUFModel(folder + "/" + name)
                #expect(model.files == names.map { folder + "/" + $0 })
                #expect(model.tensorNames == ["a", "b", "c"])
                #expect(try model.metadata.string("general.architecture") == "llama")
                #expect(try model.tensor("c").withUnsafeBytes { $0.allSatisfy { $0 == 1 } })
                #expect(try ModelSources.files(of: folder + "/" + name) == model.files)
            }
            try Fixture.write(shard(1, of: 2, ["b"]).bytes, folder, names[1])
            #expect(refusal().contains("another file of the model has it too"))
            try Fixture.write(shard(0, of: 2, ["c"]).bytes, folder, names[1])
            #expect(refusal().contains("split.no"))
            try Fixture.write(shard(1, of: 3, ["c"]).bytes, folder, names[1])
            #expect(refusal().contains("split.count"))
            try Fixture.write(shard(1, of: 2, ["c", "d"]).bytes, folder, names[1])
            #expect(refusal().contains("split.tensors.count"))
            try Fixture.write(shard(0, of: 2, ["a"]).bytes, folder, "alone.gguf")
            #expect(refusal("alone.gguf").contains("split.count"))
            try Fixture.write([], folder, "m-00001-of-99999.gguf")
            #expect(refusal("m-00001-of-99999.gguf").contains("99999"))
        }
    }
}

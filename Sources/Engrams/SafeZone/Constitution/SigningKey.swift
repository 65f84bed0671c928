import Crypto
import Foundation

/// An Ed25519 key that signs constitutions, as a PEM file (PKCS #8) that OpenSSL reads and makes
/// too.
public struct SigningKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    /// A new key from the system's randomness.
    public init() { key = Curve25519.Signing.PrivateKey() }

    /// - Parameters:
    ///   - pem: the file's content.
    ///   - name: what to call the file in an error; the error quotes nothing of its content.
    public init(pem: [UInt8], name: String) throws(ConstitutionError) {
        let raw = try PEM.key(
            in: pem, label: "PRIVATE KEY", prefix: Self.prefix, name: name,
            remedy: "make one with `hebb seal --new-key FILE`")
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: raw) else {
            throw .unusableKey(file: name, reason: "its 32 bytes are no Ed25519 key")
        }
        self.key = key
    }

    public var pem: String {
        PEM.text(Self.prefix + Array(key.rawRepresentation), label: "PRIVATE KEY")
    }

    public var verifyingKey: VerifyingKey { VerifyingKey(key.publicKey) }

    /// Signs a constitution's bytes.
    public func sign(_ constitution: [UInt8]) throws(ConstitutionError) -> ConstitutionSignature {
        do {
            return ConstitutionSignature(
                key: verifyingKey, bytes: Array(try key.signature(for: constitution)))
        } catch {
            throw .unusableKey(file: "The signing key", reason: "it could not sign")
        }
    }

    /// PKCS #8's frame around an Ed25519 key (RFC 8410, section 7).
    private static let prefix: [UInt8] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ]
}

/// The public half, by which signatures are checked.
public struct VerifyingKey: Sendable, Equatable, CustomStringConvertible {
    private let raw: [UInt8]

    init(_ key: Curve25519.Signing.PublicKey) { raw = Array(key.rawRepresentation) }

    /// - Parameters: as of `SigningKey.init(pem:name:)`.
    public init(pem: [UInt8], name: String) throws(ConstitutionError) {
        try self.init(
            raw: PEM.key(
                in: pem, label: "PUBLIC KEY", prefix: Self.prefix, name: name,
                remedy: "`hebb seal --new-key FILE` writes it as FILE.pub"), name: name)
    }

    init(raw: [UInt8], name: String) throws(ConstitutionError) {
        guard (try? Curve25519.Signing.PublicKey(rawRepresentation: raw)) != nil else {
            throw .unusableKey(file: name, reason: "its bytes are no Ed25519 key")
        }
        self.raw = raw
    }

    public var pem: String { PEM.text(Self.prefix + raw, label: "PUBLIC KEY") }

    /// The key's 32 bytes in Base64.
    public var description: String { Data(raw).base64EncodedString() }

    func verifies(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: raw) else {
            return false
        }
        return key.isValidSignature(signature, for: bytes)
    }

    /// X.509's frame around an Ed25519 key (RFC 8410, section 4).
    private static let prefix: [UInt8] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]
}

/// The textual frame of keys (RFC 7468).
private enum PEM {
    static let sizeLimit = 4096

    static func text(_ bytes: [UInt8], label: String) -> String {
        "-----BEGIN \(label)-----\n\(Data(bytes).base64EncodedString())\n-----END \(label)-----\n"
    }

    /// The 32 bytes after `prefix`.
    static func key(
        in pem: [UInt8], label: String, prefix: [UInt8], name: String, remedy: String
    ) throws(ConstitutionError) -> [UInt8] {
        func refuse(_ reason: String) -> ConstitutionError {
            .unusableKey(file: name, reason: "\(reason); \(remedy)")
        }
        guard pem.count <= sizeLimit, let text = String(validating: pem, as: UTF8.self) else {
            throw refuse("it is no PEM file")
        }
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
        guard let start = lines.firstIndex(of: "-----BEGIN \(label)-----"),
            let end = lines[start...].firstIndex(of: "-----END \(label)-----"),
            let bytes = Data(base64Encoded: lines[(start + 1)..<end].joined())
        else { throw refuse("it holds no \(label) in PEM") }
        guard bytes.count == prefix.count + 32, bytes.starts(with: prefix) else {
            throw refuse("its \(label) is not of Ed25519")
        }
        return Array(bytes.dropFirst(prefix.count))
    }
}

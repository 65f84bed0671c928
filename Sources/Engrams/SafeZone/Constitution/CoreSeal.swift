import Foundation
import ModelFormats

/// What a core's folder is known by: the hashes of its files, and its constitution where it has
/// one.
public struct CoreSeal: Sendable, Equatable {
    /// SHA-256 by path in the folder, of the files that are served.
    public var files: [String: String]
    /// The bounds that act here.
    public var zone: SafeZone
    /// nil: the core is not sealed.
    public var constitution: Constitution?
    /// SHA-256 of the constitution's file; `ContentDigest.none` where there is none.
    public var hash: String
    /// Who signed it.
    public var signer: VerifyingKey?

    /// - Parameter zone: the rule's; it gives way to the constitution's.
    public init(
        files: [String: String], zone: SafeZone, constitution: Constitution? = nil,
        hash: String = ContentDigest.none, signer: VerifyingKey? = nil
    ) {
        self.files = files
        self.zone = constitution?.zone ?? zone
        self.constitution = constitution
        self.hash = hash
        self.signer = signer
    }

    /// What is demanded of a folder's constitution.
    public enum Policy: Sendable {
        /// Where there is one it must hold, and its signature where that is there.
        case verify
        /// It must be there, hold, and be signed by this key.
        case trust(VerifyingKey)
        /// Whatever lies there does not count: for sealing anew.
        case ignore
    }

    /// Reads the folder's constitution and holds the files' hashes against it.
    ///
    /// - Parameter files: SHA-256 by path, of the files that are served.
    /// - Returns: The constitution with its hash and signer; nil where there is none.
    /// - Throws: `ConstitutionError`, `ModelFormatError`; each names the file.
    public static func constitution(
        of folder: String, files: [String: String], policy: Policy
    ) throws -> (constitution: Constitution, hash: String, signer: VerifyingKey?)? {
        let trusted: VerifyingKey?
        switch policy {
        case .ignore: return nil
        case .verify: trusted = nil
        case .trust(let key): trusted = key
        }
        let path = "\(folder)/\(Constitution.fileName)"
        let signaturePath = "\(folder)/\(ConstitutionSignature.fileName)"
        let bytes = try contents(of: path, limit: Constitution.Limit.bytes)
        let mark = try contents(of: signaturePath, limit: 1 << 16)
        guard let bytes else {
            guard trusted == nil else { throw ConstitutionError.unsigned(file: path) }
            guard mark == nil else {
                throw ConstitutionError.badSignature(
                    file: signaturePath, reason: "\(Constitution.fileName) is not there")
            }
            return nil
        }
        // The signature first: what an untrusted hand wrote is not even read.
        var signature: ConstitutionSignature?
        if let mark {
            signature = try ConstitutionSignature(text: mark, name: signaturePath)
            try signature?.verify(bytes, trusted: trusted, name: signaturePath)
        } else if trusted != nil {
            throw ConstitutionError.unsigned(file: signaturePath)
        }
        let constitution = try Constitution(yaml: bytes, name: path)
        try constitution.verify(files: files, in: folder)
        return (constitution, ContentDigest.of(bytes), signature?.key)
    }

    /// nil where there is no such file.
    private static func contents(of path: String, limit: Int) throws -> [UInt8]? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            // One byte more than allowed, so that what is too long is seen to be.
            return Array(try handle.read(upToCount: limit + 1) ?? Data())
        } catch {
            throw ConstitutionError.unreadable(file: path, reason: error.localizedDescription)
        }
    }
}

extension Constitution {
    /// Throws at the first file, in the order of their paths, that is not as it was sealed.
    /// - Parameter found: SHA-256 by path, of the files that are served.
    public func verify(files found: [String: String], in folder: String) throws(ConstitutionError) {
        for path in Set(files.keys).union(found.keys).sorted() {
            switch (files[path], found[path]) {
            case (let sealed?, let found?) where sealed != found:
                throw .mismatch(file: "\(folder)/\(path)", found: found, sealed: sealed)
            case (let sealed?, nil):
                throw .missing(file: "\(folder)/\(path)", sealed: sealed)
            case (nil, let found?):
                throw .unlisted(file: "\(folder)/\(path)", found: found)
            default: break
            }
        }
    }
}

import ArgumentParser
import Foundation
import Scheduling
import Serving

/// Who else than this machine's programs may use a server, and how it is reached.
struct SharingOptions: ParsableArguments {
    @Flag(
        help: """
            Answer nobody without an API key (`hebb keys`). Implied once the data folder has a key.
            """)
    var requireKeys = false

    @Option(
        help: """
            A name that the server may be reached by, e.g. hebb.example.org; repeat it for several. \
            Needs keys. Loopback and addresses in figures need not be named.
            """)
    var allowedHost: [String] = []

    @Option(
        help: """
            An origin whose pages may ask, as browsers write it, e.g. https://chat.example.org; \
            repeat it for several. Without keys only one of this machine.
            """)
    var corsOrigin: [String] = []

    @Option(
        help: "Speak TLS with this certificate (PEM, with its chain).", completion: .file())
    var tlsCert: String?

    @Option(help: "The certificate's key (PEM).", completion: .file())
    var tlsKey: String?

    func validate() throws {
        guard (tlsCert == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-cert and --tls-key go together")
        }
        for name in allowedHost where !Self.isHostName(name) {
            throw ValidationError(
                "--allowed-host '\(name)' is no name of a host; give it without http:// and port")
        }
        for origin in corsOrigin where !Self.isOrigin(origin) {
            throw ValidationError(
                "--cors-origin '\(origin)' is no origin; write scheme://host[:port] without a slash "
                    + "at the end, and neither * nor null")
        }
    }

    /// Only letters, figures, hyphens and dots: what stands in `Host` for it.
    private static func isHostName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 253
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    /// A scheme and an authority, in lower case as browsers send them.
    private static func isOrigin(_ text: String) -> Bool {
        let parts = text.components(separatedBy: "://")
        return parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty
            && text == text.lowercased() && !parts[1].contains { " /*,@?#\"".contains($0) }
    }

    /// - Throws: when the files cannot be read, or the key may be read by everybody.
    func tls() throws -> TLSIdentity? {
        guard let tlsCert, let tlsKey else { return nil }
        let attributes = try FileManager.default.attributesOfItem(atPath: tlsKey)
        let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0
        guard mode & 0o007 == 0 else {
            throw SharingError(
                "--tls-key \(tlsKey) can be read by everybody "
                    + "(mode \(String(mode, radix: 8))); take that away: chmod o= \(tlsKey)")
        }
        return TLSIdentity(
            certificate: try String(contentsOfFile: tlsCert, encoding: .utf8),
            key: try String(contentsOfFile: tlsKey, encoding: .utf8))
    }

    /// - Throws: for what cannot be meant with the keys that there are.
    func check(_ keys: KeyRing) throws {
        if requireKeys, keys.keys.isEmpty {
            throw SharingError(
                "--require-keys, and there is no key: nobody could use the server or make one. "
                    + "Make the first: hebb keys add NAME --role admin --data FOLDER")
        }
        guard !keys.isRequired else { return }
        if !allowedHost.isEmpty {
            throw SharingError(
                "--allowed-host needs API keys: without them only this machine's programs are "
                    + "answered. Make one: hebb keys add NAME --role admin --data FOLDER")
        }
        if let foreign = corsOrigin.first(where: { !ServerConfiguration.isLocalOrigin($0) }) {
            throw SharingError(
                "--cors-origin \(foreign) needs API keys: any visitor of its pages could read and "
                    + "change every user's model. Make one: hebb keys add NAME --role admin "
                    + "--data FOLDER")
        }
    }
}

/// Why a server is not shared as it was told to be.
struct SharingError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

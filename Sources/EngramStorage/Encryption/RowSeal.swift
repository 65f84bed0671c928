import Crypto
import Engrams
import Foundation

/// Seals what is personal on its way into a store, and opens it on its way out.
///
/// A sealed value is nonce (12 bytes) ‖ ciphertext ‖ tag (16), AES-256-GCM with a random nonce
/// (NIST SP 800-38D, §8.2.2), so a store may hold up to 2³² of them. The key is derived
/// (HKDF-SHA256) from the owner's and the store's salt: one key file may serve many stores. The
/// place of a value is authenticated with it, so that a value which was moved to another row or
/// column, or changed, does not open. One that was taken away (NULL) is missed where it is needed;
/// a whole store put back as it was is not noticed.
struct RowSeal: Sendable {
    /// How much longer a sealed value is.
    static let overhead = 28

    private let key: SymmetricKey

    /// - Parameter salt: random, of this store.
    init(_ owner: DataKey, salt: Data) {
        key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: owner.secret, salt: salt, info: Data("hebb values 1".utf8),
            outputByteCount: 32)
    }

    /// - Complexity: O(bytes), some milliseconds for ten megabytes; allocates the result.
    func seal(_ bytes: [UInt8], at place: SealedPlace) throws -> Data {
        let box = try AES.GCM.seal(bytes, using: key, authenticating: place.authenticated)
        guard let sealed = box.combined else { throw StorageError.unreadable(place: "\(place)") }
        return sealed
    }

    /// - Throws: `.unreadable` unless these are the bytes that were sealed at this place.
    func open(_ sealed: Data, at place: SealedPlace) throws -> [UInt8] {
        guard sealed.count >= Self.overhead, let box = try? AES.GCM.SealedBox(combined: sealed),
            let bytes = try? AES.GCM.open(box, using: key, authenticating: place.authenticated)
        else { throw StorageError.unreadable(place: "\(place)") }
        return [UInt8](bytes)
    }

    /// The same for a column of text, in base 64.
    func seal(_ text: String, at place: SealedPlace) throws -> String {
        return try seal(Array(text.utf8), at: place).base64EncodedString()
    }

    func open(_ sealed: String, at place: SealedPlace) throws -> String {
        guard let data = Data(base64Encoded: sealed),
            let text = String(validating: try open(data, at: place), as: UTF8.self)
        else { throw StorageError.unreadable(place: "\(place)") }
        return text
    }
}

/// Where a sealed value stands: a column of a table, and the row that its identity names.
struct SealedPlace: CustomStringConvertible {
    let table: SealedTable
    let column: String
    /// The values of `table.identity`, in that order.
    let row: [String]

    /// Each part with its length before it, so that no two places come to the same bytes.
    var authenticated: Data {
        var data = Data()
        for part in [table.rawValue, column] + row {
            let bytes = Array(part.utf8)
            withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { data.append(contentsOf: $0) }
            data.append(contentsOf: bytes)
        }
        return data
    }

    var description: String { "\(table).\(column) of \(row.joined(separator: "/"))" }
}

/// The tables with personal content: what names a row, and which columns are sealed. All that they
/// do not list stays readable without the key: users' and sessions' names, kinds of events, times,
/// counts, rewards, idempotency keys, identifiers and how long each sealed value is.
enum SealedTable: String, CaseIterable {
    case sessions, events, snapshots, checkpoints

    /// Together they name one row, and never change while it is there.
    var identity: [String] {
        switch self {
        case .sessions: ["user", "name"]
        case .events: ["user", "name", "sequence", "id"]
        case .snapshots: ["user", "name", "sequence"]
        case .checkpoints: ["user", "id"]
        }
    }

    /// The one of them that is an `ErasableContent`; the columns after it need not be.
    var erasableColumn: String? {
        switch self {
        case .sessions: nil
        case .events: "tokens"
        case .snapshots, .checkpoints: "engram"
        }
    }

    /// A hash of a text or of an engram is among them: who guesses the text could check it.
    var columns: [String] {
        switch self {
        case .sessions: ["summary", "ledger"]
        case .events: ["tokens", "engram", "requestHash", "answer", "payload"]
        case .snapshots: ["engram"]
        case .checkpoints: ["name", "note", "hash", "engram"]
        }
    }
}

extension SealedPlace {
    /// Of the sealed nothing that tells the right key.
    static let keyCheck = SealedPlace(table: .sessions, column: "", row: [])

    static func session(_ id: SessionID, _ column: String) -> SealedPlace {
        SealedPlace(
            table: .sessions, column: column, row: [id.user.rawValue, id.name.rawValue])
    }

    static func event(_ id: EventID, of session: SessionID, _ sequence: Int, _ column: String)
        -> SealedPlace
    {
        SealedPlace(
            table: .events, column: column,
            row: [session.user.rawValue, session.name.rawValue, String(sequence), id.rawValue])
    }

    static func snapshot(_ sequence: Int, of session: SessionID) -> SealedPlace {
        SealedPlace(
            table: .snapshots, column: "engram",
            row: [session.user.rawValue, session.name.rawValue, String(sequence)])
    }

    static func checkpoint(_ id: CheckpointID, of user: UserID, _ column: String) -> SealedPlace {
        SealedPlace(table: .checkpoints, column: column, row: [user.rawValue, id.rawValue])
    }
}

import EngramStorage
import Foundation
import Logging
import Scheduling

/// Opens the data of a server, with their key, and tells the log what they are.
struct StoreOpening {
    let location: StoreLocation
    let keyFile: String?
    /// Where a key shall be made; not beside `keyFile`.
    let newKeyFile: String?
    let journal: JournalKind

    func open(logger: Logger) async throws -> any EngramStore {
        var key: DataKey?
        if let keyFile { key = try DataKey(contentsOf: keyFile) }
        if let newKeyFile {
            // Before there is a file: a key that opens nothing must not lie about.
            if try location.isEncrypted() {
                throw StorageError.keyMissing(path: location.description)
            }
            key = try DataKey.make(at: newKeyFile)
            logger.notice(
                "made a data key; keep a copy elsewhere: without it what is learned is lost",
                metadata: ["file": "\(newKeyFile)"])
        }
        if key != nil, try !location.isEncrypted() {
            logger.notice("encrypting the data", metadata: ["data": "\(location)"])
        }
        if case .folder(let folder) = location, let file = keyFile ?? newKeyFile,
            Self.path(of: file).hasPrefix(Self.path(of: folder) + "/")
        {
            logger.warning(
                "the data key lies in the data folder: who copies one has the other",
                metadata: ["file": "\(file)"])
        }
        let store = try await location.open(key: key)
        do throws(StorageError) {
            try await store.erase()
        } catch {
            logger.warning(
                "what was deleted may still be on disk until the next deletion",
                metadata: ["reason": "\(error)"])
        }
        try await tellOfTheJournal(of: store, logger: logger)
        return store
    }

    private static func path(of place: String) -> String {
        URL(fileURLWithPath: place).resolvingSymlinksInPath().path
    }

    /// A journal is what it was when each event was learned; changing the option changes no event.
    private func tellOfTheJournal(of store: any EngramStore, logger: Logger) async throws {
        let overview = try await store.overview()
        let bare = overview.learningEvents - overview.eventsWithContent
        switch journal {
        case .deltas where overview.eventsWithContent > 0:
            logger.notice(
                """
                no text is kept from now on; what was learned before keeps its text until its \
                session is discarded
                """, metadata: ["events": "\(overview.eventsWithContent)"])
        case .text where bare > 0:
            logger.notice(
                "some events were learned without keeping their text and cannot be forgotten",
                metadata: ["events": "\(bare)"])
        case .deltas, .text: break
        }
    }
}

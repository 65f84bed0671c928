import Engrams
import InnerCortex
import ModelFormats
import Scheduling

/// Engrams and adapters out and in.
extension FakeModels {
    /// Two remembered positions and five contexts, unless they are to be left out.
    func exportDelta(
        _ id: SessionID, scope: DeltaScope, without: Set<PlasticSite>
    ) async throws -> ExportedDelta {
        let session = try await session(id)
        var words = OwnersWords()
        words.episodes = without.contains(.episodes) ? 0 : 2
        words.sequences = without.contains(.sequences) ? 0 : 5
        return ExportedDelta(
            file: [0, 255, 13, 10], revision: session.revision, hash: "abcd", ownersWords: words)
    }

    func exportAdapter(_ id: SessionID, _ request: AdapterRequest) async throws -> ExportedAdapter {
        guard request.allowsPartial else {
            throw ServiceError.refused(reason: "a LoRA holds changes of weights")
        }
        let session = try await session(id)
        return ExportedAdapter(
            file: Array("\(request.scope) \(request.format)\(Self.list(request.without))".utf8),
            revision: session.revision,
            hash: "dcba", fidelity: "text=session; tokens=7")
    }

    private static func list(_ sites: Set<PlasticSite>) -> String {
        sites.map { " -" + $0.rawValue }.sorted().joined()
    }

    func importDelta(_ id: SessionID, file: [UInt8], ifMatch: Revision?) async throws
        -> SessionState
    {
        guard file == [0, 255, 13, 10] else {
            throw ServiceError.refused(reason: "the file is of another core")
        }
        return try change(id, ifMatch: ifMatch) { $0.revision = $0.revision.next }
    }

    /// Takes what `importDelta` takes, and one file that it does not.
    func transferDelta(
        _ id: SessionID, file: [UInt8], ifMatch: Revision?
    ) async throws -> TransferResult {
        let known: [UInt8] = [0, 255, 13, 10]
        guard file == known || file == [7] else {
            throw ServiceError.refused(reason: "the file is of another shape")
        }
        let session = try change(id, ifMatch: ifMatch) { $0.revision = $0.revision.next }
        let changes: [TransferReport.Change] =
            file == known ? [] : [.init(part: "SAE", learnedOn: "aa", here: "bb")]
        return TransferResult(
            session: session,
            report: TransferReport(
                changes: changes, sites: [.init(name: "features", before: 9, after: 0)]),
            measured: file == known
                ? nil
                : TextMeasurement(
                    tokens: 8, bytes: 20, bitsPerByte: BitsPerByte(frozen: 2, adapted: 1.5)))
    }
}

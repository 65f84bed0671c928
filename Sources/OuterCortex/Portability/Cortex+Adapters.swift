public import Engrams
import InnerCortex
public import ModelFormats

/// Adapters of other programs as engrams.
extension Cortex {
    /// The engram in a file from elsewhere: an engram file, or a tar of a PEFT adapter's folder.
    ///
    /// An adapter becomes the layer site's deltas and nothing else. What they do leaves through the
    /// same gains, mixture and bound as everything that was learned, so that the safe zone holds
    /// whatever a stranger's adapter contains.
    /// - Parameter name: what errors call the file.
    /// - Throws: `EngramError` or `ModelFormatError`; also for what may not be used on this core.
    public func engram(uploaded bytes: [UInt8], name: String) throws -> Engram {
        guard TapeArchive.isArchive(bytes) else {
            do {
                return try admit(Engram(serialized: bytes, name: name))
            } catch EngramError.malformed(let file, let reason) {
                try refuseBareAdapter(bytes, name)
                throw EngramError.malformed(file: file, reason: reason)
            }
        }
        return try engram(
            adapter: try PEFTAdapter(
                archive: bytes, shapes: inner.projections, isCopy: inner.isCopy, name: name))
    }

    /// An engram that is an adapter and nothing else.
    /// - Throws: `EngramError` when a delta leaves the safe zone.
    public func engram(adapter: PEFTAdapter) throws(EngramError) -> Engram {
        var engram = emptyEngram()
        var sites = engram.sites
        sites.layer = LayerSynapses(deltas: adapter.deltas)
        try engram.commit(Proposal(base: engram.revision, sites: sites, tokens: 0), within: zone)
        return engram
    }

    /// Says of an adapter's weights that came alone what is missing.
    private func refuseBareAdapter(_ file: [UInt8], _ name: String) throws(ModelFormatError) {
        guard
            let weights = try? SafetensorsFile(
                bytes: file, name: name,
                maximumHeaderBytes: PEFTAdapter.headerBytesMaximum(for: inner.projections)),
            weights.names.contains(where: { $0.contains(".lora_A.") })
        else { return }
        throw .missing(
            file: name, item: PEFTAdapter.configName,
            remedy: "These are an adapter's weights alone, without the rank and scale that "
                + "\(PEFTAdapter.configName) names. Send a tar of both files: tar cf adapter.tar "
                + "-C FOLDER \(PEFTAdapter.configName) \(PEFTAdapter.weightsName)")
    }
}

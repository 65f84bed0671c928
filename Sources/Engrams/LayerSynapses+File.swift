import ModelFormats

/// The layer site's tensors in an engram file.
extension Engram {
    private static let deltaPrefix = "layer.delta."

    func layerEntries(_ layer: LayerSynapses) -> [SafetensorsWriter.Entry] {
        let latents = layer.sortedLatents
        let directions = latents.map { layer.decoder[$0] ?? [] }
        var entries: [SafetensorsWriter.Entry] = [
            .floats(
                "layer.dense", shape: [layer.dense.outputs, layer.dense.inputs],
                layer.dense.weights),
            .numbers("layer.latent", latents),
            .floats(
                "layer.decoder", shape: [latents.count, directions.first?.count ?? 0],
                directions.flatMap { $0 }),
        ]
        for site in layer.deltas.keys.sorted() {
            guard let delta = layer.deltas[site] else { continue }
            let name = Self.deltaPrefix + site.description
            entries.append(.floats(name + ".a", shape: [delta.rank, delta.inputs], delta.a))
            entries.append(.floats(name + ".b", shape: [delta.outputs, delta.rank], delta.b))
        }
        return entries
    }

    /// The projection and the factor that a tensor's name means; nil for other tensors.
    static func deltaName(_ tensor: String) -> (site: ProjectionSite, isA: Bool)? {
        guard tensor.hasPrefix(deltaPrefix), tensor.hasSuffix(".a") || tensor.hasSuffix(".b"),
            let site = ProjectionSite(String(tensor.dropFirst(deltaPrefix.count).dropLast(2)))
        else { return nil }
        return (site, tensor.hasSuffix(".a"))
    }
}

extension EngramReader {
    func layer() throws(EngramError) -> LayerSynapses {
        let dense = try matrix("layer.dense", .f32)
        guard !dense.shape.contains(0) || dense.shape == [0, 0] else {
            throw malformed("layer.dense has shape \(dense.shape)")
        }
        let latents = try numbers("layer.latent")
        let rows = try matrix("layer.decoder", .f32)
        let size = try number("hidden_size", limit: 1_048_576)
        guard rows.shape[0] == latents.count, latents.isEmpty || rows.shape[1] == size else {
            throw malformed("layer.decoder has shape \(rows.shape), not [latents, hidden_size]")
        }
        let values = rows.floats()
        var decoder: [Int32: [Float]] = [:]
        for (index, latent) in latents.enumerated() {
            guard index == 0 || latents[index - 1] < latent else {
                throw malformed("layer.latent is not sorted, or one is there twice, at \(index)")
            }
            decoder[latent] = Array(values[index * size..<(index + 1) * size])
        }
        return LayerSynapses(
            dense: DenseSynapses(
                outputs: dense.shape[0], inputs: dense.shape[1], weights: dense.floats()),
            decoder: decoder, deltas: try deltas())
    }

    private func deltas() throws(EngramError) -> [ProjectionSite: LowRankDelta] {
        var deltas: [ProjectionSite: LowRankDelta] = [:]
        for name in file.names where name.hasPrefix("layer.delta.") {
            guard let (site, isA) = Engram.deltaName(name) else {
                throw malformed("the tensor \(name.prefix(60)) names no projection")
            }
            let stem = "layer.delta.\(site)"
            guard isA else {
                guard file.contains(stem + ".a") else { throw malformed("\(stem).a is missing") }
                continue
            }
            let (a, b) = (try matrix(name, .f32), try matrix(stem + ".b", .f32))
            guard (1...LowRankDelta.maximumRank).contains(a.shape[0]), b.shape[1] == a.shape[0],
                a.shape[1] > 0, b.shape[0] > 0
            else {
                throw malformed("the factors of \(stem) have shapes \(a.shape) and \(b.shape)")
            }
            deltas[site] = LowRankDelta(
                inputs: a.shape[1], outputs: b.shape[0], rank: a.shape[0], a: a.floats(),
                b: b.floats())
        }
        return deltas
    }

    func projections() throws(EngramError) -> ProjectionShapes {
        if isOfVersionTwo { return ProjectionShapes() }
        guard let shapes = ProjectionShapes(text: try text("projections")) else {
            throw malformed("metadata projections does not name a family and six sizes")
        }
        return shapes
    }
}

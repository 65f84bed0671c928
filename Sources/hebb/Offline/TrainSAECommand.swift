import ArgumentParser
import Foundation
import InnerCortex
import MetaLearning
import ModelFormats
import OuterCortex
import Synchronization

/// `hebb train-sae`: trains the sparse autoencoder of a core.
struct TrainSAECommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train-sae",
        abstract: "Train a TopK sparse autoencoder on a core's hidden states.",
        discussion: """
            Example: hebb train-sae --text ~/corpus --output ~/models/my-core/sae

            Reads the texts through the core, trains with Adam, and writes a folder in SAELens's \
            format (cfg.json, sae_weights.safetensors). The state is saved as it goes: after an \
            interruption the same command goes on where it was, and ends with the same bytes.
            """)

    @OptionGroup var core: CoreOptions

    @Option(help: "A text file, or a folder of .txt files.", completion: .file())
    var text: String

    @OptionGroup var reading: TextOptions

    @Option(
        help: "The folder to write (default: sae/, or sae-layer/, in the core's folder).",
        completion: .directory)
    var output: String?

    @Option(
        help: """
            Train on the residual stream before this block, for the rule's layer site \
            (default: on the final normed hidden state).
            """)
    var block: Int?

    @Flag(help: "Take special tokens in the texts as such, as in chats written by a template.")
    var specialTokens = false

    @Option(help: "Latents.")
    var latents = 2_048

    @Option(help: "Latents that are active at a time.")
    var k = 32

    @Option(help: "Adam's steps.")
    var steps = 3_000

    @Option(help: "Positions a step.")
    var batch = 1_024

    @Option(help: "Adam's largest learning rate.")
    var learningRate: Float = 1e-3

    @Option(help: "Positions of text to train on; each takes 4 bytes times the hidden size.")
    var positions = 400_000

    @Option(help: "The same seed gives the same SAE.")
    var seed: UInt64 = 1

    @Option(help: "Steps between two saves of the state.")
    var saveEvery = 250

    @Flag(help: "Answer in JSON on stdout.")
    var json = false

    func validate() throws {
        let positive = [
            ("--latents", latents), ("--k", k), ("--steps", steps), ("--batch", batch),
            ("--positions", positions), ("--save-every", saveEvery),
        ]
        for (name, value) in positive where value < 1 {
            throw ValidationError("\(name) must be at least 1")
        }
        guard k <= latents else { throw ValidationError("--k cannot exceed --latents") }
        guard learningRate > 0 else { throw ValidationError("--learning-rate must be above 0") }
    }

    private struct Report: Encodable {
        let folder: String
        let latents: Int
        let k: Int
        let steps: Int
        let fractionOfVarianceUnexplained: Double
        let meanActive: Double
        let deadLatents: Int
        let seconds: Double
    }

    func run() async throws {
        let start = ContinuousClock.now
        let location = try core.location()
        let target = output ?? location.folder + (block == nil ? "/sae" : "/sae-layer")
        let source = try ModelSources.open(location.model)
        let inner = try InnerCortex(source: source)
        if let block, !(1..<max(1, inner.config.layerCount)).contains(block) {
            throw ValidationError(
                "--block must be in 1..<\(inner.config.layerCount), the core's blocks")
        }
        let tokenizer = try source.tokenizer(embeddingRows: inner.config.vocabularySize)
        let texts = try reading.texts(at: [text], patterns: TextOptions.corpus)
            .map { Self.split($0.text) }
        let dataset = collect(
            "reading", texts.map(\.training), limit: positions, inner: inner, tokenizer: tokenizer)
        let heldBack = collect(
            "reading held-back text", texts.map(\.heldBack), limit: 16_384, inner: inner,
            tokenizer: tokenizer)
        guard dataset.count > 0, heldBack.count > 0 else {
            throw TrainingError.noText(folder: text)
        }

        try FileManager.default.createDirectory(
            atPath: target, withIntermediateDirectories: true)
        let statePath = target + "/training_state.safetensors"
        let trainer = try train(on: dataset, statePath: statePath)
        let quality = trainer.evaluate(on: heldBack, positions: 0..<heldBack.count)
        let hook = block.map { "blocks.\($0).hook_resid_pre" } ?? "ln_final.hook_normalized"
        try trainer.file(modelName: location.name, hookName: hook).write(folder: target)
        // It is many times the result's size, and a finished training needs it no more.
        try FileManager.default.removeItem(atPath: statePath)
        try show(
            Report(
                folder: target, latents: latents, k: k, steps: trainer.step,
                fractionOfVarianceUnexplained: quality.unexplainedVariance,
                meanActive: quality.meanActive, deadLatents: quality.deadLatents,
                seconds: (ContinuousClock.now - start) / .seconds(1)))
    }

    private func train(
        on dataset: ActivationDataset, statePath: String
    ) throws -> SparseAutoencoderTrainer {
        var options = SparseAutoencoderTrainer.Options()
        options.latentCount = latents
        options.k = k
        options.steps = steps
        options.batchSize = batch
        options.learningRate = learningRate
        options.seed = seed
        var trainer = SparseAutoencoderTrainer(dataset: dataset, options: options)
        if let state = FileManager.default.contents(atPath: statePath) {
            try trainer.restore([UInt8](state), name: statePath)
            Terminal.remark("going on from step \(trainer.step) of \(steps)")
        }
        let saved = Mutex(trainer.step)
        let lastWords = LastWords {
            let step = saved.withLock { $0 }
            return step == 0
                ? "stopped before the first save (--save-every)"
                : "stopped; the same command goes on from step \(step)"
        }
        defer { lastWords.end() }
        var bar = ProgressBar(label: "training", total: steps)
        bar.begin(at: trainer.step)
        defer { bar.finish() }
        while trainer.step < steps {
            let unexplained = trainer.advance(on: dataset)
            bar.show(
                done: trainer.step,
                note: "step \(Figure.grouped(trainer.step)) of \(Figure.grouped(steps)), "
                    + "loss \(Figure.fixed(unexplained, 4)) (variance unexplained)")
            if trainer.step.isMultiple(of: saveEvery) || trainer.step == steps {
                try Data(try trainer.state())
                    .write(to: URL(fileURLWithPath: statePath), options: .atomic)
                saved.withLock { $0 = trainer.step }
            }
        }
        return trainer
    }

    private func collect(
        _ label: String, _ texts: [String], limit: Int, inner: InnerCortex, tokenizer: Tokenizer
    ) -> ActivationDataset {
        var bar = ProgressBar(label: label, total: limit)
        defer { bar.finish() }
        return ActivationDataset.collect(
            inner: inner, tokenizer: tokenizer, texts: texts, block: block, limit: limit,
            seed: seed, parsingSpecialTokens: specialTokens
        ) { share in
            bar.show(done: Int(share * Double(limit)), note: "positions")
        }
    }

    /// The last fiftieth of each text is held back: quality is measured on what was not trained on.
    private static func split(_ text: String) -> (training: String, heldBack: String) {
        let scalars = text.unicodeScalars
        let cut = scalars.index(scalars.startIndex, offsetBy: scalars.count * 49 / 50)
        return (String(scalars[..<cut]), String(scalars[cut...]))
    }

    private func show(_ report: Report) throws {
        if json { return try Terminal.json(report) }
        Terminal.result(
            """
            \(report.folder): \(report.latents) latents, \(report.k) active
            variance unexplained  \(Figure.fixed(100 * report.fractionOfVarianceUnexplained, 2)) %
            active a position     \(Figure.fixed(report.meanActive, 1))
            dead latents          \(report.deadLatents)
            """)
    }
}

import Engrams
import Scheduling

/// `/v1/models`.
struct ModelEndpoints: Sendable {
    let models: any PersonalModels

    var routes: [Route] {
        [
            Route(
                "GET", "/v1/models",
                Operation(
                    id: "listModels", tag: "openai", summary: "The core that is served.",
                    response: .list(of: "Model"))
            ) { _, _ in
                .json(["object": "list", "data": [json], "has_more": false])
            },
            Route(
                "GET", "/v1/models/{model}",
                Operation(
                    id: "getModel", tag: "openai", summary: "One model.",
                    response: .schema("Model"), errors: [404])
            ) { _, path in
                guard path["model"] == models.model.name else {
                    throw RequestError.modelNotFound(served: models.model.name)
                }
                return .json(json)
            },
        ]
    }

    private var json: JSONValue {
        let model = models.model
        return [
            "id": .string(model.name),
            "object": "model",
            "created": .integer(model.created),
            "owned_by": "hebb",
            "context_length": .integer(model.contextLength),
            "vocabulary_size": .integer(model.vocabularySize),
            "identity": [
                "core": .string(model.identity.core),
                "sparse_autoencoder": .string(model.identity.sparseAutoencoder),
                "rule": .string(model.identity.rule),
                "constitution": .string(model.identity.constitution),
                "latents": .integer(model.identity.latentCount),
            ],
            "kernel_class": .string(model.kernelClass),
        ]
    }
}

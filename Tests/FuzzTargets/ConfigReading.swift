import Foundation
import ModelFormats

enum ConfigReading {
    static func read(_ input: [UInt8]) throws -> Bool {
        guard let config = try? ModelConfig(json: Data(input)) else { return false }
        let sizes = [
            config.vocabularySize, config.hiddenSize, config.intermediateSize, config.layerCount,
            config.headCount, config.keyValueHeadCount, config.headSize, config.contextLength,
        ]
        try expect(sizes.allSatisfy { $0 > 0 }, "a size is not above 0")
        try expect(config.headCount % config.keyValueHeadCount == 0, "heads do not divide")
        let wholes = [
            [config.vocabularySize, config.hiddenSize, 4],
            [config.intermediateSize, config.hiddenSize, config.layerCount, 4],
            [config.headCount, config.headSize, config.hiddenSize, config.layerCount],
            [config.keyValueHeadCount, config.headSize, config.contextLength, 2],
        ]
        for factors in wholes {
            var product = 1
            for factor in factors {
                let (next, overflow) = product.multipliedReportingOverflow(by: factor)
                try expect(!overflow, "sizes overflow: \(factors)")
                product = next
            }
        }
        try expect(config.normEpsilon > 0 && config.normEpsilon.isFinite, "epsilon")
        let tokens = config.endOfText + (config.startOfText.map { [$0] } ?? [])
        try expect(
            tokens.allSatisfy { (0..<config.vocabularySize).contains($0.index) },
            "a token is outside the vocabulary")
        return true
    }

    static func seeds() -> [[UInt8]] {
        [
            """
            {"model_type":"llama","hidden_size":16,"intermediate_size":32,"num_hidden_layers":2,
            "num_attention_heads":2,"num_key_value_heads":1,"rms_norm_eps":1e-5,"head_dim":8,
            "rope_theta":10000.0,"max_position_embeddings":64,"tie_word_embeddings":true,
            "vocab_size":264,"hidden_act":"silu","bos_token_id":0,"eos_token_id":[0,1],
            "attention_bias":false,"mlp_bias":false}
            """,
            """
            {"model_type":"llama","hidden_size":32,"intermediate_size":64,"num_hidden_layers":1,
            "num_attention_heads":4,"max_position_embeddings":128,"vocab_size":9,
            "rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,
            "high_freq_factor":4.0,"original_max_position_embeddings":64},"hidden_act":"gelu"}
            """,
            """
            {"model_type":"gpt2","n_embd":8,"n_layer":1,"n_head":2,"n_positions":32,"n_inner":null,
            "vocab_size":50,"layer_norm_epsilon":1e-5,"activation_function":"gelu_new",
            "scale_attn_weights":true,"bos_token_id":49,"eos_token_id":49}
            """,
        ].map { Array($0.utf8) }
    }
}

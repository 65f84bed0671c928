"""Makes the small random checkpoints beside this file, and what `transformers` computes from them.

    python make_fixtures.py [NAME ...]

Made with torch 2.15.0, transformers 5.24.0, safetensors 0.8.0, numpy 2.4.6 on CPU, one thread,
float32, eager attention, keys and values as half_cache.py has them. Each folder holds config.json,
the weights, and expected.safetensors with
  tokens  [100]         I32
  hidden  [100, hidden] F32: the final normed hidden states
  logits  [100, vocab]  F32
and where asked for, the residual stream in the middle
  streams [blocks, 100, hidden] F32: after as many blocks as the list says

100 tokens, so that a text ends inside the second tile of 64 rows. Weights of the half-precision
checkpoints are rounded first and then computed with in float32, as we do.

Tolerance of the tests: differences are measured against the largest logit of the row. Both sides
round to float32 after every operation and add up in different orders; over at most 150 inputs a sum
and 3 layers that leaves about 1e-6, and the tests of float32 checkpoints allow 2e-5: a wrong epsilon
(1e-5 instead of 1e-6) or a swapped gelu shows as more than 1e-4. Of the others a key or a value that
rounds to the other neighbour in half precision, which happens to a few of them, is 2^-11 = 5e-4 of
itself off; the largest difference found is 2.6e-4, and the tests allow 5e-4. With keys and values as
they are, or in bfloat16, there are 2e-3 and more.
"""

import pathlib
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

import half_cache
from transformers import (
    Gemma3ForCausalLM, Gemma3TextConfig, GPT2Config, GPT2LMHeadModel, GPTNeoXConfig,
    GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM,
    Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

HERE = pathlib.Path(__file__).parent
TOKENS = 100


def llama(**changes):
    shape = dict(
        vocab_size=199, hidden_size=48, intermediate_size=88, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=0, eos_token_id=1,
        initializer_range=0.15,
    )
    return LlamaForCausalLM(
        LlamaConfig(**{**shape, **changes}, attn_implementation="eager"))


def gpt2(**changes):
    shape = dict(
        vocab_size=199, n_embd=48, n_head=3, n_layer=2, n_positions=128, bos_token_id=0,
        eos_token_id=0, initializer_range=0.15,
    )
    return GPT2LMHeadModel(GPT2Config(**{**shape, **changes}, attn_implementation="eager"))


def small(model, config, **changes):
    """A later family: small, with a head of its own unless the changes say otherwise."""
    shape = dict(
        vocab_size=67, hidden_size=32, intermediate_size=44, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=128, tie_word_embeddings=False,
        bos_token_id=0, eos_token_id=1, initializer_range=0.15,
    )
    return model(config(**{**shape, **changes}, attn_implementation="eager"))


def make(name, build, dtype=torch.float32, shard=None, rename=None, streams=()):
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    torch.manual_seed(sum(name.encode()))
    model = build().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:  # norms and biases start as ones and zeros: make them count
                parameter.add_(torch.randn_like(parameter) * 0.2)
        for parameter in model.parameters():
            parameter.copy_(parameter.to(dtype).to(torch.float32))
        tokens = torch.randint(0, model.config.vocab_size, (1, TOKENS))
        body = model.base_model
        with half_cache.of(dtype):
            states = body(tokens, use_cache=True, output_hidden_states=True)
            logits = model(tokens, use_cache=True).logits[0]
        hidden = states.last_hidden_state[0]
        middle = [states.hidden_states[block][0] for block in streams]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    if rename:
        file = folder / "model.safetensors"
        save_file({rename(k): v for k, v in load_file(file).items()}, file, {"format": "pt"})
    save_file(
        {
            "tokens": tokens[0].to(torch.int32).contiguous(),
            "hidden": hidden.contiguous(),
            "logits": logits.contiguous(),
            **({"streams": torch.stack(middle).contiguous()} if middle else {}),
        },
        folder / "expected.safetensors",
    )
    print(name, f"largest logit {logits.abs().max():.2f}")


def main():
    torch.set_num_threads(1)
    make("llama-f32", lambda: llama(max_position_embeddings=1024))
    make("llama-bf16", lambda: llama(hidden_size=64, num_attention_heads=8), torch.bfloat16)
    make(
        "llama-f16-biases-untied",
        lambda: llama(
            tie_word_embeddings=False, attention_bias=True, mlp_bias=True, head_dim=20,
            rms_norm_eps=1e-6,
            rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}),
        torch.float16,
    )
    make(
        "llama3-bf16-sharded",
        lambda: llama(
            num_hidden_layers=3, num_key_value_heads=4,
            rope_parameters={
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
                "rope_theta": 50000.0}),
        torch.bfloat16, shard="60KB",
    )
    make(
        "llama-odd-gelu",
        lambda: llama(
            vocab_size=101, hidden_size=35, intermediate_size=37, num_attention_heads=5,
            num_key_value_heads=1, head_dim=6, hidden_act="gelu"),
    )
    make("gpt2-f32", gpt2)
    make(
        "gpt2-bf16-bare", lambda: gpt2(n_embd=32, n_head=2, n_inner=150), torch.bfloat16,
        rename=lambda name: name.removeprefix("transformer."),
    )
    make(
        "gpt2-f16-untied", lambda: gpt2(tie_word_embeddings=False, activation_function="gelu"),
        torch.float16,
    )
    make(
        "llama3-tied",
        lambda: small(
            LlamaForCausalLM, LlamaConfig, num_key_value_heads=2, tie_word_embeddings=True,
            head_dim=10, attention_bias=True,
            rope_parameters={
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
                "rope_theta": 50000.0}),
        torch.bfloat16,
    )
    make(
        "mistral-window",
        lambda: small(
            MistralForCausalLM, MistralConfig, num_key_value_heads=1, sliding_window=13),
        torch.float16,
    )
    make(
        "qwen2", lambda: small(Qwen2ForCausalLM, Qwen2Config, num_key_value_heads=2),
        torch.bfloat16,
    )
    make(
        "qwen2-window",
        lambda: small(
            Qwen2ForCausalLM, Qwen2Config, num_hidden_layers=3, num_key_value_heads=4,
            use_sliding_window=True, sliding_window=30, max_window_layers=1),
        torch.bfloat16,
    )
    make(
        "qwen3",
        lambda: small(
            Qwen3ForCausalLM, Qwen3Config, num_key_value_heads=2, head_dim=14,
            tie_word_embeddings=True),
        torch.bfloat16,
    )
    make(
        "gemma3",
        lambda: small(
            Gemma3ForCausalLM, Gemma3TextConfig, num_hidden_layers=7, num_key_value_heads=1,
            head_dim=12, hidden_size=28, intermediate_size=36, sliding_window=16,
            query_pre_attn_scalar=12, tie_word_embeddings=True,
            rope_parameters={
                "full_attention": {
                    "rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}),
        torch.bfloat16, streams=[2, 5],
    )
    make(
        "gpt-neox",
        lambda: small(
            GPTNeoXForCausalLM, GPTNeoXConfig, num_attention_heads=2,
            rope_parameters={
                "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25}),
        torch.float16,
    )
    make(
        "gpt-neox-sequential",
        lambda: small(
            GPTNeoXForCausalLM, GPTNeoXConfig, use_parallel_residual=False,
            tie_word_embeddings=True,
            rope_parameters={
                "rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 1.0}),
        torch.bfloat16,
    )


if __name__ == "__main__":
    main()

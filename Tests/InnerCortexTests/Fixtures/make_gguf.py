"""Makes GGUF files of two of the checkpoints beside this file: of the families that no GGUF file from
elsewhere is tested with.

    python make_gguf.py

Made with gguf 0.19.0, numpy 2.4.6, safetensors 0.8.0. Names come from gguf-py's table. What is done
to the tensors is what llama.cpp's convert_hf_to_gguf.py does: GPT-2's matrices are transposed,
GPT-NeoX's queries, keys and values are put one kind after the other; vectors are F32.
"""

import json
import pathlib

import gguf
import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).parent


def parts(tensor, heads):
    """[heads, 3, size, …] to [3, heads, size, …]."""
    split = tensor.reshape(heads, 3, -1, *tensor.shape[1:])
    return split.transpose(0, 1).reshape(tensor.shape).contiguous()


def make(folder, arch, prefix):
    config = json.loads((HERE / folder / "config.json").read_text())
    tensors = load_file(HERE / folder / "model.safetensors")
    get = lambda *names: next(config[n] for n in names if config.get(n) is not None)
    hidden, layers, heads = (
        get("n_embd", "hidden_size"), get("n_layer", "num_hidden_layers"),
        get("n_head", "num_attention_heads"))
    writer = gguf.GGUFWriter(HERE / folder / "model.gguf", gguf.MODEL_ARCH_NAMES[arch])
    writer.add_context_length(get("n_positions", "max_position_embeddings"))
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(config.get("n_inner") or config.get("intermediate_size"))
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    writer.add_layer_norm_eps(get("layer_norm_epsilon", "layer_norm_eps"))
    if arch == gguf.MODEL_ARCH.GPTNEOX:
        rope = config["rope_parameters"]
        writer.add_rope_dimension_count(int(hidden // heads * rope["partial_rotary_factor"]))
        writer.add_rope_freq_base(rope["rope_theta"])
        writer.add_parallel_residual(config["use_parallel_residual"])
    names = gguf.get_tensor_name_map(arch, layers)
    for name, tensor in tensors.items():
        path = name if name.startswith("embed_out") else prefix + name.removeprefix(prefix)
        target = names.get_name(path, try_suffixes=(".weight", ".bias"))
        if arch == gguf.MODEL_ARCH.GPT2 and name.endswith(
                ("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            tensor = tensor.T.contiguous()
        if "query_key_value" in name:
            tensor = parts(tensor, heads)
        if tensor.dim() == 1:
            writer.add_tensor(target, tensor.float().numpy())
        elif tensor.dtype == torch.bfloat16:
            bits = tensor.view(torch.uint16).numpy()
            writer.add_tensor(
                target, bits.view("uint8").reshape(bits.shape[0], -1),
                raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(target, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


make("gpt2-bf16-bare", gguf.MODEL_ARCH.GPT2, "transformer.")
make("gpt-neox", gguf.MODEL_ARCH.GPTNEOX, "gpt_neox.")

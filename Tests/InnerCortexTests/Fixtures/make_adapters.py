"""Makes LoRA adapters for checkpoints beside this file, and what `transformers` with `peft`
computes with them.

    python make_adapters.py

Made with torch 2.13.0, transformers 5.23.0, peft 0.21.2, safetensors 0.8.0 on CPU, one thread,
float32, eager attention, keys and values as half_cache.py has them. Each folder under adapters/ is as
`save_pretrained` of peft writes it (without its README), and has expected.safetensors with
  tokens  [100]         I32
  logits  [100, vocab]  F32: of the checkpoint with the adapter

The adapters' factors are random, of a size that moves logits by about as much as they vary, so that
a wrong scale or a wrong projection shows. Between them they have every projection of both families,
α/r and α/√r, ranks and α by pattern, an adapter in bfloat16, and one on an untied unembedding.
"""

import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

import half_cache
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make(name, base, dtype=torch.float32, **config):
    torch.manual_seed(sum(name.encode()))
    model = AutoModelForCausalLM.from_pretrained(
        HERE / base, dtype=torch.float32, attn_implementation="eager")
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **config)).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key:
                parameter.copy_((torch.randn_like(parameter) * 0.2).to(dtype).float())
    folder = HERE / "adapters" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    file = folder / "adapter_model.safetensors"
    if dtype != torch.float32:
        save_file({k: v.to(dtype) for k, v in load_file(file).items()}, file, {"format": "pt"})
    settings = json.loads((folder / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = base
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True))
    tokens = load_file(HERE / base / "expected.safetensors")["tokens"]
    weights = load_file(next((HERE / base).glob("model*.safetensors")))
    with torch.no_grad(), half_cache.of(next(iter(weights.values())).dtype):
        logits = model(tokens[None].long(), use_cache=True).logits[0]
    save_file(
        {"tokens": tokens, "logits": logits.contiguous()}, folder / "expected.safetensors")
    plain = load_file(HERE / base / "expected.safetensors")["logits"]
    print(name, f"largest logit {logits.abs().max():.2f}, moved {(logits - plain).abs().max():.2f}")


def main():
    torch.set_num_threads(1)
    make("llama-all", "llama-f32", r=4, lora_alpha=6, target_modules=ALL)
    make("llama-top-rslora", "llama3-bf16-sharded", r=3, lora_alpha=4, use_rslora=True,
         layers_to_transform=[1, 2], target_modules=["down_proj", "q_proj"])
    make("llama-odd-patterns", "llama-odd-gelu", r=2, lora_alpha=2, target_modules=ALL,
         rank_pattern={"down_proj": 5, "model.layers.1.self_attn.k_proj": 1},
         alpha_pattern={"v_proj": 3})
    make("llama-untied-head", "llama-f16-biases-untied", torch.bfloat16, r=4, lora_alpha=4,
         target_modules=["lm_head", "o_proj", "v_proj"])
    make("gpt2-all", "gpt2-f32", r=4, lora_alpha=4, fan_in_fan_out=True,
         target_modules=["c_attn", "attn.c_proj", "mlp.c_proj", "c_fc"])


if __name__ == "__main__":
    main()

"""Writes a core folder: config.json, model.safetensors (bf16), tokenizer files."""
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from model import Llama


def export(model: Llama, tokenizer_folder: Path, folder: Path) -> None:
    """Every file is replaced in one step, so a reader never sees half of one."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().to(torch.bfloat16).contiguous()
               for name, weight in model.state_dict().items()}
    new = folder / "model.safetensors.new"
    save_file(weights, new, metadata={"format": "pt"})
    new.chmod(0o644)
    os.replace(new, folder / "model.safetensors")
    (folder / "config.json.new").write_text(model.shape.config_json())
    os.replace(folder / "config.json.new", folder / "config.json")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer_folder / name, folder / f"{name}.new")
        os.replace(folder / f"{name}.new", folder / name)

"""Checks a trained core and puts it, with its model card, into the core's folder.

    python publish.py DATA CORE_FOLDER

Refuses to publish when `transformers` does not compute the same logits as our code from the
exported file, or when the file is over 32 MB. All figures come from the exported weights.
"""
import json
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote

import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer, LlamaForCausalLM

from corpus import CORE
from measure import bits_per_byte, held_out_texts, load_core
from train import TOKENS_PER_STEP

LIMIT_BYTES = 32_000_000
WINDOW = 1024


def check_against_transformers(folder: Path, ours, text: str) -> float:
    """The largest difference of float32 logits, relative to the largest logit."""
    theirs = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    fast = AutoTokenizer.from_pretrained(folder)
    own = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = own.encode(text, add_special_tokens=False).ids
    assert fast.encode(text, add_special_tokens=False) == ids, "the two tokenizers differ"
    assert fast.encode(text) == [0] + ids, "a text does not begin with <|endoftext|>"
    assert fast.decode(ids) == text, "decoding does not give the text back"
    tokens = torch.tensor([[0] + ids[:WINDOW - 1]])
    with torch.no_grad():
        a, b = ours(tokens), theirs(tokens).logits
    difference = ((a - b).abs().max() / b.abs().max()).item()
    assert difference < 1e-4, f"logits differ by {difference}"
    return difference


def versions(data: Path) -> dict[str, str]:
    """Debian version of each package, from the names of the downloaded files."""
    names = (path.name.split("_") for path in (data / "packages").glob("*.deb"))
    return {name: unquote(version) for name, version, _ in names}


def card(data: Path, folder: Path, figures: dict) -> str:
    sources = json.loads((data / "text/sources.json").read_text())
    version = versions(data)
    rows = "\n".join(f"| {p} | {version[p]} | {sources[p]['bytes']:,} |" for p in CORE)
    template = (Path(__file__).parent / "card.md").read_text()
    total = sum(s["bytes"] for s in sources.values())
    held = sum(s["held_out_bytes"] for s in sources.values())
    return template.format(
        name=folder.name, packages=rows, total_bytes=total, held_out_bytes=held, **figures)


def main(data: Path, folder: Path) -> None:
    torch.set_num_threads(2)
    trained = data / "final"
    size = (trained / "model.safetensors").stat().st_size
    assert size <= LIMIT_BYTES, f"{size} bytes; at most {LIMIT_BYTES} ship"
    model = load_core(trained)
    pages = held_out_texts(data)
    difference = check_against_transformers(trained, model, max(pages, key=len)[:6000])
    tokenizer = Tokenizer.from_file(str(trained / "tokenizer.json"))
    figure = bits_per_byte(model, tokenizer, pages, WINDOW)
    print(f"logits agree to {difference:.1e}; held-out {figure:.4f} bits/byte")

    state = torch.load(data / "checkpoint.pt")
    first, decay = state["decay"]
    tokens = state["step"] * TOKENS_PER_STEP
    parameters = sum(weight.numel() for weight in model.parameters())
    figures = {
        "bits": figure, "file_bytes": size, "parameters": parameters, "steps": state["step"],
        "stable": first, "decay": decay, "tokens": tokens, "minutes": state["seconds"] / 60,
        "flops": 6 * parameters * tokens, "pages": len(pages),
        "corpus_tokens": (data / "tokens/train.bin").stat().st_size // 2,
        "bytes_per_token": sum(len(p.encode()) for p in pages)
        / sum(len(tokenizer.encode(p, add_special_tokens=False).ids) for p in pages),
        **vars(model.shape)}
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        # By rename: whoever has the old file mapped keeps it.
        shutil.copyfile(trained / name, folder / f"{name}.new")
        os.replace(folder / f"{name}.new", folder / name)
    (folder / "README.md").write_text(card(data, folder, figures))
    print(f"wrote {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

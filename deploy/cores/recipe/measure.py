"""Bits per byte of a model on texts.

    python measure.py DATA CORE_FOLDER      the held-out figure of an exported core

Every text begins with <|endoftext|>. Texts longer than the window are read in windows that
overlap by half, so every token past the first window has at least half a window before it.
"""
import hashlib
import json
import math
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from model import Llama, Shape


@torch.no_grad()
def text_nats(model: Llama, ids: list[int], window: int) -> float:
    """Total nats of ids[1:], ids[0] being the start token."""
    total, done = 0.0, 1  # `done`: first id not yet scored
    while done < len(ids):
        start = 0 if done == 1 else done - window // 2
        piece = torch.tensor([ids[start:start + window + 1]])
        losses = model.loss(piece[:, :-1], piece[:, 1:], reduction="none")
        fresh = losses[done - start - 1:]
        total += fresh.double().sum().item()
        done += len(fresh)
    return total


def bits_per_byte(model: Llama, tokenizer: Tokenizer, texts: list[str], window: int) -> float:
    size = sum(len(text.encode()) for text in texts)
    def ids(text: str) -> list[int]:
        return [0] + tokenizer.encode(text, add_special_tokens=False).ids

    nats = sum(text_nats(model, ids(text), window) for text in texts)
    return nats / math.log(2) / size


def load_core(folder: Path) -> Llama:
    config = json.loads((folder / "config.json").read_text())
    model = Llama(Shape(**{k: config[k] for k in Shape.__dataclass_fields__}))
    weights = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
    model.load_state_dict(weights)
    return model.eval()


def held_out_texts(data: Path, limit: int | None = None) -> list[str]:
    """The held-out pages, or about `limit` bytes of the first 8,000 characters of some of them."""
    with open(data / "text/heldout.jsonl") as lines:
        pages = [json.loads(line)["text"] for line in lines]
    if limit is None:
        return pages
    pages.sort(key=lambda text: hashlib.sha256(text.encode()).digest())
    kept, size = [], 0
    while size < limit:
        kept.append(pages[len(kept)][:8000])
        size += len(kept[-1].encode())
    return kept


if __name__ == "__main__":
    torch.set_num_threads(2)
    data, folder = Path(sys.argv[1]), Path(sys.argv[2])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    print(f"{bits_per_byte(load_core(folder), tokenizer, held_out_texts(data), 1024):.4f}")

"""Trains the byte-level BPE tokenizer and turns the pages into one token file.

    python tokenizer.py DATA

The pre-tokenizer is SmolLM's (single digits, GPT-2 word pattern), so every runtime that
reads those models reads this one. 4,096 entries keep the embedding at a fifth of the model.
"""
import json
import random
import sys
from pathlib import Path

import numpy
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

VOCABULARY = 4096
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CONTEXT = 1024


def pages(path: Path) -> list[str]:
    with open(path) as lines:
        return [json.loads(line)["text"] for line in lines]


def train_tokenizer(texts: list[str], path: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    # A text begins with <|endoftext|>, as every page does that the model is trained on (`encode`).
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(
            single=f"{SPECIAL[0]} $A", pair=f"{SPECIAL[0]} $A {SPECIAL[0]} $B",
            special_tokens=[(SPECIAL[0], 0)])])
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(path))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIAL[0],
              "eos_token": SPECIAL[0], "unk_token": SPECIAL[0], "pad_token": SPECIAL[0],
              "model_max_length": CONTEXT, "clean_up_tokenization_spaces": False}
    path.with_name("tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def encode(texts: list[str], tokenizer: Tokenizer, path: Path) -> int:
    """Packs the pages in the given order, each begun by <|endoftext|>, as uint16."""
    ids = []
    for start in range(0, len(texts), 256):
        for encoding in tokenizer.encode_batch(
                texts[start:start + 256], add_special_tokens=False):
            ids.append(numpy.array([0] + encoding.ids, dtype=numpy.uint16))
    joined = numpy.concatenate(ids)
    joined.tofile(path)
    return len(joined)


def main(data: Path) -> None:
    folder = data / "tokens"
    folder.mkdir(exist_ok=True)
    texts = pages(data / "text/train.jsonl")
    random.Random(1).shuffle(texts)
    if not (folder / "tokenizer.json").exists():
        train_tokenizer(texts, folder / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    if not (folder / "train.bin").exists():
        count = encode(texts, tokenizer, folder / "train.bin")
        size = sum(len(text.encode()) for text in texts)
        print(f"{count:,} training tokens, {size / count:.3f} bytes a token")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Writes the generic text that harm is measured on: what meta-learning's gate has not seen.

    python unseen.py DATA CORE_FOLDER          DATA/generic/heldout.txt -> DATA/generic/unseen.txt

`hebb meta-learn --generic heldout.txt` teaches the neuromodulator, which gates the sites, on short
and on long contexts taken evenly over that file. A figure for harm may not come from the same
words. What is kept are the lines that lie wholly outside of all those contexts, in their order, up
to 100 KB.

The file's hidden states also enter, with all users', the second moments that make the keys of
episodes. Those 60,000 positions are not left out: no loss is trained on them.
"""
import json
import os
import sys
from pathlib import Path

from tokenizers import Tokenizer

# Defaults of MetaCorpus.Options, which make-core does not change: tokens of a context, and how many
# short contexts; there is a quarter as many long ones.
SHORT_CONTEXT, LONG_CONTEXT, SHORT_CONTEXTS = 255, 1023, 48
UNSEEN_BYTES = 100_000
# What `hebb evaluate` takes of a generic text by default.
EVALUATED_BYTES = 40_000


def token_ends(tokenizer: Tokenizer, text: str) -> list[int]:
    """Byte offset of each token's end."""
    tokenizer.encode_special_tokens = True  # as text, like `hebb` reads what users write
    ends, end = [], 0
    # Of a byte-level tokenizer each character stands for one byte. The offsets that `encode` gives
    # leave out spaces in front of words, and count characters.
    for token in tokenizer.encode(text, add_special_tokens=False).tokens:
        end += len(token)
        ends.append(end)
    assert end == len(text.encode()), "the tokens are not the text"
    return ends


def seen_spans(ends: list[int], length: int, count: int) -> list[tuple[int, int]]:
    """Bytes of `count` contexts of `length` tokens, taken as MetaCorpus.evenly takes them."""
    starts = range(0, len(ends), length)
    if len(starts) > count:
        starts = [starts[k * len(starts) // count] for k in range(count)]
    return [(ends[start - 1] if start else 0, ends[min(start + length, len(ends)) - 1])
            for start in starts]


def merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same bytes in spans that are in order and apart."""
    apart: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def unseen_lines(raw: bytes, spans: list[tuple[int, int]], limit: int) -> bytes:
    """The lines outside of all spans, in order, at most `limit` bytes."""
    kept, size, start = [], 0, 0
    for line in raw.splitlines(keepends=True):
        end = start + len(line)
        if not any(first < end and start < last for first, last in spans):
            if size + len(line) > limit:
                break
            kept.append(line)
            size += len(line)
        start = end
    return b"".join(kept)


def main(data: Path, core: Path) -> None:
    raw = (data / "generic/heldout.txt").read_bytes()
    context = json.loads((core / "config.json").read_text())["max_position_embeddings"]
    ends = token_ends(Tokenizer.from_file(str(core / "tokenizer.json")), raw.decode())
    spans = merged(seen_spans(ends, SHORT_CONTEXT, SHORT_CONTEXTS)
                   + seen_spans(ends, min(LONG_CONTEXT, context - 1), SHORT_CONTEXTS // 4))
    seen = sum(end - start for start, end in spans)
    early = sum(max(0, min(end, EVALUATED_BYTES) - start) for start, end in spans)
    unseen = unseen_lines(raw, spans, UNSEEN_BYTES)
    new = data / "generic/unseen.txt.new"
    new.write_bytes(unseen)
    os.replace(new, data / "generic/unseen.txt")
    print(f"of {len(raw):,} held-out bytes meta-learning reads {seen:,}, of the first "
          f"{EVALUATED_BYTES:,} {early:,}; {len(unseen):,} unseen bytes written")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

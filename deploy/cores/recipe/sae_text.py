"""Writes the sample of training pages that the core's sparse autoencoder is trained on.

    python sae_text.py DATA          makes DATA/sae-text/NNNN.txt, about 6 MB

Pages are drawn with a fixed seed and cut to 20,000 characters, so that no long manual fills the
sample. `hebb train-sae` holds the last fiftieth of each file back for its figures.
"""
import json
import random
import sys
from pathlib import Path

SAMPLE_CHARACTERS = 6_000_000
PAGE_CHARACTERS = 20_000


def main() -> None:
    data = Path(sys.argv[1])
    pages = [json.loads(line)["text"] for line in (data / "text" / "train.jsonl").open()]
    random.Random(1).shuffle(pages)
    folder = data / "sae-text"
    folder.mkdir(exist_ok=True)
    written = 0
    for index, page in enumerate(pages):
        if written >= SAMPLE_CHARACTERS:
            break
        (folder / f"{index:04}.txt").write_text(page[:PAGE_CHARACTERS])
        written += min(len(page), PAGE_CHARACTERS)


if __name__ == "__main__":
    main()

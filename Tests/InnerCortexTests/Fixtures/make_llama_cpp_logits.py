"""Writes what llama.cpp computes of a text, for `LlamaCppAgreementTests`:

    python make_llama_cpp_logits.py MODEL.gguf TEXT FOLDER [POSITIONS]

FOLDER gets `tokens` (I32, one a position) and `logits` (F32, [positions, vocabulary]). One context,
keys and values in F32, no flash attention. Nothing of it is kept in the repository: 2,000 positions
of SmolLM2 are 393 MB. With llama-cpp-python 0.3.36.
"""

import pathlib
import sys

import numpy
from llama_cpp import Llama


def main():
    model, text, folder = sys.argv[1:4]
    positions = int(sys.argv[4]) if len(sys.argv) > 4 else 2000
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    llama = Llama(
        model, n_ctx=positions, n_batch=256, n_threads=1, logits_all=True, type_k=0, type_v=0,
        flash_attn=False, verbose=False)
    tokens = llama.tokenize(pathlib.Path(text).read_bytes(), add_bos=True)[:positions]
    numpy.array(tokens, dtype="<i4").tofile(folder / "tokens")
    with open(folder / "logits", "wb") as file:
        for start in range(0, len(tokens), 256):
            part = tokens[start:start + 256]
            llama.eval(part)
            file.write(llama.scores[start:start + len(part)].astype("<f4").tobytes())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes quantized.json: run `python3 make_quantized.py` in this folder.

Made with Python 3.11, numpy 2 and gguf 0.19.0 from PyPI (the package of llama.cpp's repository,
whose values are those of ggml's C code).

An object an encoding, by its name in Swift:
    "blocks"   base64 of blocks: such as `gguf.quantize` makes of normal numbers, where it can, and
               random bytes under sane scales, so that every bit of a block counts; the last few
               have scales that are denormal, negative, zero, infinite and NaN.
    "values"   base64 of what `gguf.dequantize` makes of them: little-endian single precision.
"""

import base64
import json
import warnings
from pathlib import Path

import gguf
import numpy as np

HERE = Path(__file__).resolve().parent
SCALES = {  # Where the halves of a block lie.
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
HOSTILE = [0x0001, 0x83FF, 0x8000, 0x7C00, 0xFC00, 0x7E00]


def blocks(name, rng):
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    made = rng.integers(0, 256, (512 // elements + len(HOSTILE), size), dtype=np.uint8)
    for at in SCALES[name]:
        scales = rng.normal(0, 0.05, len(made)).astype(np.float16).view(np.uint16)
        scales[-len(HOSTILE):] = HOSTILE
        made[:, at:at + 2] = scales.astype("<u2").view(np.uint8).reshape(-1, 2)
    try:
        normal = rng.normal(0, 1, (1, 512)).astype(np.float32)
        made = np.concatenate([gguf.quantize(normal, kind).reshape(-1, size), made])
    except NotImplementedError:
        pass
    return made, gguf.dequantize(made, kind)


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(13)
    made = {}
    for name in SCALES:
        raw, values = blocks(name, rng)
        swift = name[0].lower() + name[1:]
        made[swift] = {
            "blocks": base64.b64encode(raw.tobytes()).decode(),
            "values": base64.b64encode(values.astype("<f4").tobytes()).decode()}
    (HERE / "quantized.json").write_text(json.dumps(made, indent=1) + "\n")


main()

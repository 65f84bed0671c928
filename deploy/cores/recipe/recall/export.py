#!/usr/bin/env python3
"""Both trained parts as one recall.safetensors: export.py FINDER.pt READER.pt OUT [READINGS]"""
import sys

import torch
from safetensors.torch import save_file

finder = torch.load(sys.argv[1], weights_only=False)
reader = torch.load(sys.argv[2], weights_only=False)
f = finder["f"]


def narrow(x):
    return x.to(torch.bfloat16).contiguous()


# Ordinary questions' and texts' likest of 34 sayings: .29 in the median, .38 at most, and .24 and
# .29; the right one's .40 in the median. So .34 is where as much speaks for as against it.
tensors = {
    "mean": f["mu"].float(), "saying.projection": narrow(f["Ws"]),
    "question.projection": narrow(f["Wq"]), "question.attention": (f["wv"] * 30).float(),
    "rarity": finder["rar"].float(), "match": torch.tensor([f["logt"].exp().item(), .34, 60.])}
for site, (a, b) in reader.items():
    # The reader was trained at twice its product.
    tensors[f"reader.{site}.a"], tensors[f"reader.{site}.b"] = narrow(a), narrow(2 * b)
save_file(tensors, sys.argv[3], metadata={
    "format": "hebb.recall", "format_version": "1", "blocks": ",".join(map(str, finder["lay"])),
    "readings": sys.argv[4] if len(sys.argv) > 4 else "5"})

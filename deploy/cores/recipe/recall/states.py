#!/usr/bin/env python3
"""Dumps mid-network states of what invented people say and ask: states.py MODEL_DIR SPLIT OUT.pt

MODEL_DIR is a Hugging Face folder of the core. The states are those before blocks 10, 14 and 18, of
each token of a statement or question behind the chat template's head; nothing above is computed.
"""
import copy
import random
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "people"))
import relations as P  # noqa: E402

BLOCKS = [10, 14, 18]
HEADS = ["<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
         "<|im_end|>\n<|im_start|>user\n", "<|im_start|>user\n"]


def entries(split, r):
    """Each statement once with a value of the split, each question, and for relations about somebody
    a question about the same one; `of` is the statement's place."""
    values, found = P.Values(split), []
    for x in (x for x in P.RELATIONS if x["split"] == split):
        for s in x["says"]:
            who = values.draw(r, P.SUBJECTS[x["subject"]]) if x["subject"] else None
            found.append({"key": x["id"], "what": "s", "text": P.filled(s, values.draw(r, x["kind"]), who),
                          "subject": who})
            if who:
                found.append({"key": x["id"], "what": "q", "text": P.filled(r.choice(x["asks"]), "", who),
                              "subject": who, "of": len(found) - 1})
        if not x["subject"]:
            found += [{"key": x["id"], "what": "q", "text": P.filled(q, ""), "subject": None}
                      for q in x["asks"]]
    if split == "train":
        frames = [f.replace("{}", "").strip() for f in P.FRAMES["train"]]
        found += [{"key": "-frame", "what": "s", "text": f, "subject": None} for f in frames if f]
    return found


@torch.no_grad()
def main():
    folder, split, out = sys.argv[1:4]
    tok = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    model.model.layers = model.model.layers[:max(BLOCKS)]
    model.config.num_hidden_layers = max(BLOCKS)
    seen = {}
    for b in BLOCKS:
        model.model.layers[b - 1].register_forward_hook(
            lambda module, inputs, y, b=b: seen.__setitem__(b, y[0] if isinstance(y, tuple) else y))

    def ids(s):
        return tok(s, add_special_tokens=False)["input_ids"]

    heads = [ids(h) for h in HEADS]
    caches = []
    for h in heads:
        caches.append(DynamicCache())
        model.model(torch.tensor([h]), past_key_values=caches[-1])
    r = random.Random(7)
    found = entries(split, r)
    jobs = []
    for i, e in enumerate(found):
        # Some stand behind another saying of the same message.
        before = ids(r.choice(found)["text"] + " ") if e["what"] == "s" and r.random() < .25 else []
        e["tok"] = ids(e["text"])
        jobs.append((int(r.random() < .4), before + e["tok"], i, len(before)))
    jobs.sort(key=lambda j: (j[0], len(j[1])))
    start = time.time()
    for k in range(0, len(jobs), 24):
        for which in (0, 1):
            batch = [j for j in jobs[k:k + 24] if j[0] == which]
            if not batch:
                continue
            p, n = len(heads[which]), max(len(j[1]) for j in batch)
            x = torch.zeros(len(batch), n, dtype=torch.long)
            mask = torch.zeros(len(batch), p + n, dtype=torch.long)
            mask[:, :p] = 1
            for row, j in enumerate(batch):
                x[row, :len(j[1])] = torch.tensor(j[1])
                mask[row, p:p + len(j[1])] = 1
            cache = copy.deepcopy(caches[which])
            cache.batch_repeat_interleave(len(batch))
            model.model(x, attention_mask=mask, past_key_values=cache,
                        position_ids=torch.arange(p, p + n)[None].expand(len(batch), -1))
            for row, j in enumerate(batch):
                states = torch.cat([seen[b][row, :len(j[1])] for b in BLOCKS], -1).half()
                found[j[2]]["h"] = states[j[3]:]
        print(f"{k} of {len(jobs)}, {time.time() - start:.0f} s", flush=True)
    torch.save({"lay": BLOCKS, "E": found}, out)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes controls.json and module_patterns.json: run `python3 make_controls.py` in this folder.

Made with Python 3.11.2 and tokenizers 0.23.3 from PyPI; `re` is Python's own.

controls.json
    "vocabulary", "added"   of a byte-level tokenizer without merges.
    "processors"            post-processors, each with what it puts before and behind a text.
    "texts"                 texts with their ids, control tokens parsed and as text
                            (encode_special_tokens).
    "words"                 code points beside which an added token of `single_word` is not found.
    "spaces"                code points that an added token of `lstrip` takes along.
    "normal"                strings with marks and letters newer than Unicode 9, and their NFC.
module_patterns.json
    keys as PEFT matches them, `(.*\\.)?(KEY)$`, and the paths of `paths` that each matches.
"""

import json
import random
import re
import unicodedata
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors

HERE = Path(__file__).resolve().parent
START, TURN, END, THINK = "<|start|>", "<|turn|>", "<|end|>", "<think>"


def tokenizer():
    names = [START, TURN, END] + sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={name: index for index, name in enumerate(names)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([
        AddedToken(START, special=True, normalized=False),
        AddedToken(TURN, special=True, normalized=False, lstrip=True),
        AddedToken(END, special=True, normalized=False, rstrip=True)])
    made.add_tokens([
        AddedToken(THINK, normalized=False), AddedToken("[word]", normalized=False, single_word=True),
        AddedToken("[left]", normalized=False, lstrip=True)])
    return made


def template(single, *names):
    ids = {START: 0, TURN: 1, END: 2}
    return processors.TemplateProcessing(
        single=single, pair=f"{single} $B", special_tokens=[(name, ids[name]) for name in names])


def all_processors():
    level = processors.ByteLevel(trim_offsets=False)
    one = template(f"{START} $A", START)
    return [
        level, one, template(f"{START} {TURN} $A", START, TURN),
        template(f"{START} $A {END}", START, END), template("$A"), template(f"$0 {END}", END),
        processors.Sequence([level, one]), processors.Sequence([one, level]),
        processors.Sequence([template(f"{TURN} $A", TURN), one, level]),
        processors.Sequence([template(f"$A {TURN}", TURN), template(f"{START} $A {END}", START, END)]),
        processors.TemplateProcessing(
            single="tag $A", pair="tag $A $B",
            special_tokens=[{"id": "tag", "ids": [2, 0, 1], "tokens": [END, START, TURN]}]),
    ]


def controls():
    made = tokenizer()
    cases = []
    bare = made.encode("ab", add_special_tokens=False).ids
    for processor in all_processors():
        made.post_processor = processor
        ids = made.encode("ab").ids
        place = next(i for i in range(len(ids)) if ids[i:i + 2] == bare)
        cases.append({"processor": json.loads(made.to_str())["post_processor"],
                      "prefix": ids[:place], "suffix": ids[place + 2:]})
    chance = random.Random(7)
    parts = [START, TURN, END, THINK, "[word]", "[left]", " ", "  ", "\n", "a", "b c", "é", "<|", "|>",
             "<|start", "start|>", "\u00a0", "1", "_"]
    texts = ["", START, f" {TURN} ", f"user: hi{END}system: obey"]
    texts += ["".join(chance.choice(parts) for _ in range(chance.randint(1, 8))) for _ in range(400)]
    rows = []
    for text in texts:
        made.encode_special_tokens = False
        parsed = made.encode(text, add_special_tokens=False).ids
        made.encode_special_tokens = True
        rows.append([text, parsed, made.encode(text, add_special_tokens=False).ids])
    made.encode_special_tokens = False
    word, left = made.token_to_id("[word]"), made.token_to_id("[left]")

    def code_points(holds):
        ranges = []
        for value in range(0x110000):
            if 0xD800 <= value < 0xE000 or not holds(chr(value)):
                continue
            if ranges and ranges[-1][1] == value - 1:
                ranges[-1][1] = value
            else:
                ranges.append([value, value])
        return ranges

    def ids(text):
        return made.encode(text, add_special_tokens=False).ids

    document = json.loads(made.to_str())
    nfc = normalizers.NFC()
    newer = ["\U00011935\U00011930", "\U000105d2\u0307", "\U00011382\U000113c9", "\U00016d67\U00016d67",
             "\u0c15\u0c3c\u0334", "e\u1df6\u0301", "\ua82c\u0334e\u0301", "\U0001e2ec\u0323\u0307"]
    marks = [chr(c) for c in range(0x300, 0x1f000) if unicodedata.combining(chr(c)) > 1]
    newer += ["q" + chance.choice(marks) + chance.choice(marks) + "\u0334e\u0301" for _ in range(300)]
    return {
        "tokenizer": {key: document[key] for key in
                      ("added_tokens", "pre_tokenizer", "decoder", "model")},
        "processors": cases, "texts": rows,
        "words": code_points(lambda c: word not in ids(c + "[word]")),
        "spaces": code_points(lambda c: ids(c + "[left]") == [left]),
        "normal": [[text, nfc.normalize_str(text)] for text in newer]}


def module_patterns():
    paths = [f"model.layers.{index}.{name}" for index in (0, 1, 10, 11, 21)
             for name in ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj", "mlp.up_proj")]
    paths += ["lm_head", "transformer.h.3.attn.c_attn", "transformer.h.13.mlp.c_proj"]
    keys = [
        "q_proj", "proj", ".q_proj", "_proj", "layers.1.self_attn.q_proj", "lm_head", "^lm_head", "lm_head$",
        "^model.layers.1.self_attn.q_proj", r"model\.layers\.1\.self_attn\.q_proj", r"layers\.1\.mlp\..*",
        r".*\.(q|v)_proj", r"model\.layers\.\d+\.self_attn\.(q|k|v|o)_proj", r"layers\.(?:1|21)\..*down_proj",
        r"layers\.[0-9]\.mlp\.(up|down)_proj", r"layers\.[^1]\..*", r"layers\.1\d\..*", r"layers\.\d{2}\.mlp\.up_proj",
        r"layers\.\d{1,2}\.mlp.up_proj", r"(q|v)_proj", r"self_attn\.\w+", r"\w+\.\w+", "mlp.*", ".*mlp.*", "h.*",
        r"h\.1?3\..*", r"h\.(1)*3\.(attn|mlp)\.c_\w+?", "", "^", "$", ".*", "a|lm_head|b", "^model.*q_proj$",
        r"[qv]_proj", r"[q-v]_proj", r"[\w.]+", r"[^.]+", r"x{2}", r"layers.{0,4}self_attn.q_proj", "(layers.1.)?mlp.up_proj",
        r"layers\.(1|10)\.self_attn\.(q_proj|v_proj)", "Q_PROJ", r"(.*)_proj", r"(((a*)*)*)*q_proj", r"mlp\.(down|up)_proj|lm_head",
        "self_attn.q_proj|mlp", "{", "q{", r"layers\.{1}1\..*", r"^(?:model\.layers\.(?:0|1)\..*|lm_head)$", r"\S+\.\D+"]
    rows = []
    for key in keys:
        found = [path for path in paths if re.match(rf"(.*\.)?({key})$", path)]
        rows.append([key, [paths.index(path) for path in found]])
    return {"paths": paths, "keys": rows}


def main():
    for name, document in (("controls", controls()), ("module_patterns", module_patterns())):
        (HERE / f"{name}.json").write_text(
            json.dumps(document, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

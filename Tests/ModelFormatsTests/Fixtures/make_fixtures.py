#!/usr/bin/env python3
"""Makes the golden files of ModelFormatsTests: run `python3 make_fixtures.py` in this folder.

Made with Python 3.11.7, tokenizers 0.23.3, safetensors 0.8.0, transformers 5.23.0 (without
PyTorch) and numpy 2.4.6, all from PyPI.
The same versions make the same bytes: every random choice comes from one seeded generator.

tokenizers/FAMILY.json   a small tokenizer of each pre-tokenizer family, trained on lines of the
                         generator; "flags" is GPT-2's with every flag of added tokens in use.
tokenizers/lines.bin     the test lines: u16 length, then bytes that need not be UTF-8.
tokenizers/FAMILY.crc    for each line, u32 CRC-32 of its token ids as u32 (add_special_tokens
                         false; invalid bytes replaced, as by errors="replace").
tokenizers/FAMILY.expected.json
                         "ids": of every 40th line; "plain": of every 20th, special tokens
                         left as text (encode_special_tokens); "decode": ids, which need not make UTF-8, and
                         their text without and with special tokens.
classes.json             the code points of \\p{L}, \\p{N}, \\s by Oniguruma and of Rust's
                         is_numeric, as the package sees them; contraction letters under (?i:).
reference.safetensors    a file written by the reference implementation.
nfc.json                 strings and their NFC by the package: the edges of Hangul, and marks that
                         Unicode 3.2 knew, in random order.
configs/NAME.json        config.json files as transformers writes them.
"""

import json
import random
import struct
import sys
import unicodedata
import zlib
from pathlib import Path

import numpy
from safetensors.numpy import save as save_safetensors
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers
from transformers import GPT2Config, LlamaConfig

HERE = Path(__file__).resolve().parent
OUT = HERE / "tokenizers"
LINES = 21_000
RANDOM = random.Random(20_240_607)

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

WORDS = (
    "the of and to in is that it was for on as with be by at this have from or had not are but "
    "what all were when we there can an your which their said if do will each about how up out "
    "them then she many some so these would other into has more her two like him see time could "
    "no make than first been its who now people my made over did down only way find use may water "
    "long little very after words called just where most know server memory token model learning "
    "synapse neuron cortex function return value number string array pointer thread kernel buffer "
    "network session file system error option command default process directory character package"
).split()
SYLLABLES = "ba re lo ti mu na ke si do ver tan gor phi xen qua str ment tion ing ous al".split()
CODE = ["def", "return", "if", "else", "for", "while", "func", "let", "var", "int", "self", "class",
        "==", "!=", "<=", "->", "=>", "&&", "||", "::", "...", "();", "{}", "[]", "/*", "*/", "//",
        "#include", "<stdio.h>", "0x1F", "3.14", "\\n", "%d", "@property", "&mut", "$VAR", "`ls`"]
BLOCKS = [(0xC0, 0x17F), (0x180, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x530, 0x58F),
          (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x10A0, 0x10FF),
          (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20CF),
          (0x2150, 0x218F), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x2460, 0x24FF), (0x2E80, 0x2EFF),
          (0x3000, 0x303F), (0x3040, 0x30FF), (0x3220, 0x33FF), (0x4E00, 0x9FFF), (0xA640, 0xA69F),
          (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFE00, 0xFFEF),
          (0x10000, 0x1007F), (0x12400, 0x1246E), (0x1D100, 0x1D1FF), (0x1D400, 0x1D7FF),
          (0x1F100, 0x1F1FF), (0x20000, 0x2A6DF)]
EMOJI = ["😀", "👍🏽", "👩‍💻", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇯🇵🇺🇸", "1️⃣", "#️⃣", "❤️", "❤", "☕", "🤷🏿‍♀️",
         "🧑‍🚀", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "‍", "️", "🦾"]
SPACES = [" ", "  ", "\t", "\n", "\r", "\r\n", "\n\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f",
          "\x85", "\xa0", "\u1680", "\u180e", "\u2000", "\u2003", "\u200a", "\u200b", "\u200d",
          "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff"]
MARKS = [chr(c) for c in range(0x300, 0x370)] + ["\u05b0", "\u0651", "\u093c", "\u0f71", "\u20dd",
                                                  "\u3099", "\U0001d165", "\ufe20", "\u0334"]
COMPOSING = ["e\u0301", "\u212b", "\u1100\u1161\u11a8", "\uac00\u11a8", "\u0958", "\u0915\u093c",
             "q\u0307\u0323", "\u1e9b\u0323", "\u2126", "\ufb1d", "a\u0302\u0301", "\U0001d15e",
             "\u304b\u3099", "\u0344", "\u0387", "\u1fef", "o\u031b\u0323", "\u0b47\u0b3e"]
NUMBERS = ["0", "7", "42", "123", "2024", "3.14159", "1,000,000", "1e-5", "0xdeadbeef", "²", "½", "Ⅻ",
           "٣", "१२३", "〇", "一二三", "𝟘𝟙", "①②", "፩", "𒐀", "៤", "1234567890123"]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'lL", "'ſ",
                "'D", "'x", "'r", "'l", "'v", "''", "’s", "'K", "'E", "'M"]
SPECIAL = ["<|endoftext|>", "<|begin_of_text|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>", "<think>",
           "</think>", "<|im_start", "|>", "<|", "<a>", "<a>b", "[LEFT]", "[RIGHT]", "[BOTH]", "word",
           "café", "cafe\u0301", "<pad>", "[ gap ]"]


def pick(options):
    return options[RANDOM.randrange(len(options))]


def some(make, low, high, joint=" "):
    return joint.join(make() for _ in range(RANDOM.randint(low, high)))


def word():
    kind = RANDOM.random()
    if kind < 0.75:
        text = pick(WORDS)
    else:
        text = "".join(pick(SYLLABLES) for _ in range(RANDOM.randint(1, 4)))
    style = RANDOM.random()
    return text.capitalize() if style < 0.12 else text.upper() if style < 0.17 else text


def english():
    parts = []
    for _ in range(RANDOM.randint(2, 9)):
        end = RANDOM.random()
        parts.append(word() + (pick(CONTRACTIONS) if end < 0.1 else pick(",.;:!?") if end < 0.2 else ""))
    return " ".join(parts) + pick(["", ".", "...", "?!", "\n", " "])


def code():
    def atom():
        kind = RANDOM.random()
        if kind < 0.4:
            return pick(CODE)
        if kind < 0.7:
            return word() + pick(["", "_", "()", ".", "[i]"]) + (word() if RANDOM.random() < 0.4 else "")
        return pick(NUMBERS) if kind < 0.8 else pick(list("+-*/%=<>!&|^~?:;,.(){}[]\"'\\@#$`_"))
    indent = pick(["", "  ", "    ", "\t", "\t\t", " \t ", "        "])
    return indent + some(atom, 2, 9, pick(["", " ", " "])) + pick(["", ";", "\r\n", "\n    ", "  // x"])


def block():
    low, high = pick(BLOCKS)
    def letter():
        return chr(RANDOM.randint(low, high))
    return some(lambda: "".join(letter() for _ in range(RANDOM.randint(1, 5))), 1, 5, pick(["", " "]))


def anything():
    def scalar():
        while True:
            value = RANDOM.randint(0, 0x10FFFF if RANDOM.random() < 0.3 else 0x2FFFF)
            if not 0xD800 <= value < 0xE000 and unicodedata.category(chr(value)) != "Cn":
                return chr(value)
    return some(scalar, 1, 10, "")


def mixed():
    makers = [word, lambda: pick(EMOJI), lambda: pick(SPACES), lambda: pick(NUMBERS),
              lambda: pick(CONTRACTIONS), lambda: pick(COMPOSING), lambda: pick(SPECIAL),
              lambda: word() + "".join(pick(MARKS) for _ in range(RANDOM.randint(1, 3))),
              lambda: chr(RANDOM.randint(0, 0x9F)), lambda: pick(CODE)]
    return some(lambda: pick(makers)(), 2, 8, "")


def run_of_one():
    return pick(["a", " ", "\n", "ab", "!", "7", "的", "\t", "é", "\x00"]) * RANDOM.randint(2, 60)


def spaced_specials():
    return some(lambda: pick(SPACES + [" "] * 8) + pick(SPECIAL) + pick(SPACES + [" "] * 8)
                + pick(["", word(), word()]), 1, 4, "")


def invalid():
    kind = RANDOM.random()
    if kind < 0.3:
        return bytes(RANDOM.randrange(256) for _ in range(RANDOM.randint(1, 24)))
    data = bytearray((mixed() + block()).encode())
    for _ in range(RANDOM.randint(1, 4)):
        place = RANDOM.randrange(len(data))
        if RANDOM.random() < 0.4:
            del data[place:place + RANDOM.randint(1, 2)]
            data = data or bytearray(b"\xff")
        else:
            data[place:place + 1] = pick([b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82",
                                          b"\xf0\x9f\x98", b"\x80", b"\xff", b"\xf0\x80", b"\xe0\x9f"])
    return bytes(data)


MAKERS = [(english, 26), (code, 20), (block, 14), (anything, 8), (mixed, 14), (run_of_one, 2),
          (spaced_specials, 6), (invalid, 10)]


def line():
    maker = RANDOM.choices([m for m, _ in MAKERS], [w for _, w in MAKERS])[0]
    made = maker()
    return (made if isinstance(made, bytes) else made.encode())[:400]


def train(normalizer, pre_tokenizer, specials, corpus, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=1500, special_tokens=specials, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def families(corpus):
    level = pre_tokenizers.ByteLevel
    split = lambda p: pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(p), "isolated"), level(add_prefix_space=False, use_regex=False)])
    gpt2 = train(None, level(add_prefix_space=False), ["<|endoftext|>"], corpus)
    gpt2.post_processor = processors.ByteLevel(trim_offsets=False)

    llama3 = train(None, split(LLAMA3), [], corpus, ignore_merges=True)
    llama3.add_special_tokens(["<|begin_of_text|>", "<|eot_id|>"])
    begin = llama3.token_to_id("<|begin_of_text|>")
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|> $B",
            special_tokens=[("<|begin_of_text|>", begin)])])

    qwen = train(normalizers.NFC(), split(QWEN), [], corpus)
    qwen.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    qwen.add_tokens([AddedToken("<think>", normalized=False), AddedToken("</think>", normalized=False)])
    qwen.post_processor = processors.ByteLevel(trim_offsets=False)

    smollm = train(None, pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), level(add_prefix_space=False)]),
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], corpus)

    flags = json.loads(gpt2.to_str())
    flags["model"]["merges"] = [" ".join(pair) for pair in flags["model"]["merges"]]
    flags = Tokenizer.from_str(json.dumps(flags, ensure_ascii=False))
    flags.normalizer = normalizers.Sequence([normalizers.NFC()])
    flags.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=False), level(add_prefix_space=True)])
    flags.add_special_tokens([
        AddedToken("[LEFT]", lstrip=True, normalized=False), AddedToken("[RIGHT]", rstrip=True),
        AddedToken("<pad>", normalized=True)])
    flags.add_tokens([
        AddedToken("[BOTH]", lstrip=True, rstrip=True, normalized=False),
        AddedToken("word", single_word=True, normalized=False), AddedToken("<a>"), AddedToken("<a>b"),
        AddedToken("cafe\u0301", normalized=True, single_word=True),
        AddedToken("[ gap ]", normalized=False, rstrip=True)])
    return {"gpt2": gpt2, "llama3": llama3, "qwen": qwen, "smollm": smollm, "flags": flags}


def save(name, tokenizer, legacy_merges):
    document = json.loads(tokenizer.to_str())
    if legacy_merges:
        document["model"]["merges"] = [" ".join(pair) for pair in document["model"]["merges"]]
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    (OUT / f"{name}.json").write_text(text)
    return Tokenizer.from_str(text)


def expectations(name, tokenizer, lines):
    texts = [data.decode("utf-8", errors="replace") for data in lines]
    ids = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
    crcs = [zlib.crc32(struct.pack(f"<{len(i)}I", *i)) for i in ids]
    (OUT / f"{name}.crc").write_bytes(struct.pack(f"<{len(crcs)}I", *crcs))
    decode = []
    size = tokenizer.get_vocab_size()
    for index in range(400):
        # Random tokens break characters; low ids are mostly single bytes and break more of them.
        some_ids = [RANDOM.randrange(size if index % 2 else 270) for _ in range(RANDOM.randint(1, 12))]
        decode.append([some_ids, tokenizer.decode(some_ids, skip_special_tokens=True),
                       tokenizer.decode(some_ids, skip_special_tokens=False)])
    tokenizer.encode_special_tokens = True
    plain = [tokenizer.encode(t, add_special_tokens=False).ids for t in texts[::20]]
    document = {"ids": ids[::40], "plain": plain, "decode": decode}
    (OUT / f"{name}.expected.json").write_text(
        json.dumps(document, ensure_ascii=True, separators=(",", ":")))
    return sum(map(len, ids))


def code_points(matches):
    ranges = []
    for value in range(0x110000):
        if 0xD800 <= value < 0xE000 or not matches(chr(value)):
            continue
        if ranges and ranges[-1][1] == value - 1:
            ranges[-1][1] = value
        else:
            ranges.append([value, value])
    return ranges


def classes():
    def by_regex(pattern):
        splitter = pre_tokenizers.Split(Regex(pattern), "removed")
        return code_points(lambda c: not splitter.pre_tokenize_str(c))
    digits = pre_tokenizers.Digits(individual_digits=True)
    folded = {letter: code_points(lambda c, s=pre_tokenizers.Split(
        Regex(f"(?i:'{letter})"), "removed"): not s.pre_tokenize_str("'" + c)) for letter in "stmdrevl"}
    document = {"letter": by_regex(r"\p{L}"), "number": by_regex(r"\p{N}"), "space": by_regex(r"\s"),
                # A digit stands alone between two letters.
                "numeric": code_points(lambda c: len(digits.pre_tokenize_str(f"a{c}a")) == 3),
                "folded": folded}
    (HERE / "classes.json").write_text(json.dumps(document, separators=(",", ":")))


def reference_file():
    tensors = {
        "f32": numpy.arange(6, dtype=numpy.float32).reshape(2, 3) / 4,
        "f16": numpy.array([0.5, -2.0, 65504.0, 6e-8], dtype=numpy.float16),
        "f64": numpy.array([1e-3, 1e300]), "i64": numpy.array([[-1], [2**62]], dtype=numpy.int64),
        "u8": numpy.array([0, 255], dtype=numpy.uint8), "i32": numpy.array(7, dtype=numpy.int32),
        "flags": numpy.array([True, False, True]), "empty": numpy.zeros((0, 4), dtype=numpy.float32)}
    (HERE / "reference.safetensors").write_bytes(
        save_safetensors(tensors, {"format": "pt", "key \"é\"": "wörth\n"}))


def normal_forms():
    chance = random.Random(5)
    old = unicodedata.ucd_3_2_0
    scalars = [chr(c) for c in range(0x30000) if not 0xD800 <= c < 0xE000]
    marks = [c for c in scalars if old.combining(c)]
    composed = [c for c in scalars if old.decomposition(c) and "<" not in old.decomposition(c)]
    cases = [lead + vowel + trail for lead in "\u10ff\u1100\u1112\u1113"
             for vowel in "\u1160\u1161\u1175\u1176" for trail in "\u11a6\u11a7\u11a8\u11c2\u11c3a"]
    cases += [syllable + trail for syllable in "\uac00\uac01\ud788\ud7a3"
              for trail in "\u1161\u11a6\u11a7\u11a8\u11c2\u11c3"]
    for _ in range(1_200):
        tail = "".join(chance.choice(marks) for _ in range(chance.randint(0, 4)))
        cases.append(chance.choice(composed) + tail + chance.choice(["", "x", chance.choice(composed)]))
    nfc = normalizers.NFC()
    (HERE / "nfc.json").write_text(
        json.dumps([[c, nfc.normalize_str(c)] for c in cases], separators=(",", ":")))


def configs():
    llama3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
              "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    small = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3,
             "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 1000}
    made = {"llama": LlamaConfig(**small), "gpt2": GPT2Config(),
            "llama3": LlamaConfig(**small, head_dim=16, rope_parameters=llama3, attention_bias=True,
                                  tie_word_embeddings=True, bos_token_id=5, eos_token_id=[6, 7])}
    for name, config in made.items():
        (HERE / "configs").mkdir(exist_ok=True)
        (HERE / "configs" / f"{name}.json").write_text(config.to_json_string())


def main():
    OUT.mkdir(exist_ok=True)
    corpus = [line().decode("utf-8", errors="replace") for _ in range(6_000)]
    lines = [line() for _ in range(LINES)]
    (OUT / "lines.bin").write_bytes(b"".join(struct.pack("<H", len(d)) + d for d in lines))
    for name, tokenizer in families(corpus).items():
        tokenizer = save(name, tokenizer, legacy_merges=name == "flags")
        print(name, expectations(name, tokenizer, lines), "tokens", file=sys.stderr)
    classes()
    reference_file()
    normal_forms()
    configs()


if __name__ == "__main__":
    main()

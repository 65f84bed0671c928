"""Makes the golden files in gguf/: small tokenizers as GGUF files, and what others make of lines.

    python make_gguf_tokenizers.py

Made with tokenizers 0.23.3, sentencepiece 0.2.3, gguf 0.19.0, llama-cpp-python 0.3.36 and
transformers 5.24.0, all from PyPI.

The lines are every 42nd of tokenizers/lines.bin, invalid bytes replaced and NUL left out (it ends
a text for llama.cpp).

gguf/bpe.gguf       a byte-level vocabulary whose merges cross the borders of words, so that tokens
                    depend on how a text is cut first. `tokenizer.ggml.pre` is a placeholder, gpt-2.
gguf/bpe.PRE.crc    for each line, u32 CRC-32 of its token ids as u32, by the package tokenizers with
                    the pre-tokenizer that models of this family have in their tokenizer.json.
gguf/patterns.json  these pre-tokenizers, as tokenizer.json has them.
gguf/cuts.json      texts of few characters of many classes ("texts"), and for each family the CRC-32
                    of the ends of the pieces that each is cut to, characters, as u32.
gguf/spm.gguf       a BPE that sentencepiece trained, with byte tokens and user-defined ones.
gguf/spm.prefix.crc by llama.cpp; gguf/spm.bare.crc with add_space_prefix false.
gguf/spm.json       the "model" of the same as tokenizer.json.
gguf/spm.KIND.crc   by the package tokenizers.
gguf/expected.json  ids of the first 60 lines for every CRC file; bytes of random ids ("decode"); what
                    is before "model" in the tokenizer.json of Llama 2, of its later form
                    (Metaspace), of such a one that cuts at words, and of Gemma ("heads"), and the
                    texts that these decode the first 60 lines to ("texts").
"""

import json
import os
import pathlib
import random
import struct
import sys
import tempfile
import zlib

import gguf
import sentencepiece
from llama_cpp import Llama
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import trainers

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "gguf"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
END = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + END
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = (CONTRACTION + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + END)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cased(contraction, digits):
    lead = r"[^\r\n\p{L}\p{N}]?"
    return (f"{lead}{UPPER}*{LOWER}+{contraction}|{lead}{UPPER}+{LOWER}*{contraction}|{digits}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n/]*" + END)


DEEPSEEK3 = ("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
             "| ?[\\p{P}\\p{S}]+[\r\n]*" + END)
FAMILIES = {
    "gpt-2": ([GPT2], False),
    "smollm": ([r"\p{N}", GPT2], False),
    "llama-bpe": ([LLAMA3], True),
    "dbrx": ([LLAMA3], False),
    "qwen2": ([QWEN2], False),
    "qwen35": ([QWEN35], False),
    "tekken": ([cased("", r"\p{N}")], True),
    "gpt-4o": ([cased(CONTRACTION + "?", r"\p{N}{1,3}")], False),
    "deepseek-v3": ([r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", DEEPSEEK3], False),
    "deepseek-coder": (["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}"], False),
    "falcon": ([r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"], False),
    "default": ([r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"], False),
}


def lines():
    data = (HERE / "tokenizers" / "lines.bin").read_bytes()
    every, offset = [], 0
    while offset < len(data):
        (count,) = struct.unpack_from("<H", data, offset)
        every.append(data[offset + 2:offset + 2 + count].decode("utf-8", errors="replace"))
        offset += 2 + count
    return every


def checksums(name, ids):
    crcs = [zlib.crc32(struct.pack(f"<{len(i)}I", *i)) for i in ids]
    (OUT / f"{name}.crc").write_bytes(struct.pack(f"<{len(crcs)}I", *crcs))
    return ids[:60]


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama(path, texts):
    model = Llama(str(path), vocab_only=True, verbose=False)
    ids = [model.tokenize(t.encode(), add_bos=False, special=False) for t in texts]
    model.close()
    return ids


def byte_level(every, texts, expected):
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"[\s\S]{1,24}"), "isolated"), level])
    trained.train_from_iterator(every[:9000], trainers.BpeTrainer(
        vocab_size=1200, show_progress=False, special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    document = json.loads(trained.to_str())
    names = sorted(document["model"]["vocab"], key=document["model"]["vocab"].get)
    writer = gguf.GGUFWriter(OUT / "bpe.gguf", "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(names)
    writer.add_token_types([3] + [1] * (len(names) - 1))
    writer.add_token_merges([" ".join(pair) for pair in document["model"]["merges"]])
    for add in (writer.add_bos_token_id, writer.add_eos_token_id):
        add(0)
    finish(writer)
    patterns = {}
    alphabet = "AABbcs\u05d0\u02b0\u0301\u01c51\u06613 '\n\r/-$`,\u4e2d\u30fc\uac00\u3000\u00a0\t\u0002"
    cuts = {"texts": ["".join(RANDOM.choices(alphabet, k=RANDOM.randint(1, 24))) for _ in range(600)]}
    for family, (sources, ignore_merges) in FAMILIES.items():
        document["model"]["ignore_merges"] = ignore_merges
        tokenizer = Tokenizer.from_str(json.dumps(document))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(source), "isolated") for source in sources] + [level])
        tokenizer.encode_special_tokens = True
        cuts[family] = [
            zlib.crc32(b"".join(struct.pack("<I", end) for _, (_, end) in
                                tokenizer.pre_tokenizer.pre_tokenize_str(t))) for t in cuts["texts"]]
        patterns[family] = json.loads(tokenizer.to_str())["pre_tokenizer"]
        ids = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
        expected[f"bpe.{family}"] = checksums(f"bpe.{family}", ids)
        theirs = OUT / "other.gguf"
        data = (OUT / "bpe.gguf").read_bytes()
        key = b"tokenizer.ggml.pre" + struct.pack("<I", 8)
        old, new = (key + struct.pack("<Q", len(n)) + n for n in (b"gpt-2", family.encode()))
        theirs.write_bytes(data.replace(old, new))
        differing = [i for i, (a, b) in enumerate(zip(ids, llama(theirs, texts))) if a != b]
        theirs.unlink()
        print(family, "lines that llama.cpp reads otherwise:", len(differing), differing[:5])
    (OUT / "patterns.json").write_text(json.dumps(patterns, separators=(",", ":")))
    (OUT / "cuts.json").write_text(json.dumps(cuts, separators=(",", ":")))


def sentence_piece(every, texts, expected):
    with tempfile.TemporaryDirectory() as folder:
        corpus = pathlib.Path(folder) / "corpus.txt"
        # Other scripts fall back to bytes.
        corpus.write_text("\n".join(
            t.replace("\n", " ") for t in every[:9000] if all(c < "\u0400" or c == "的" for c in t)))
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=folder + "/m", model_type="bpe", vocab_size=1500,
            byte_fallback=True, character_coverage=0.985, split_digits=True, add_dummy_prefix=True,
            remove_extra_whitespaces=False, normalization_rule_name="identity", max_sentence_length=99999,
            allow_whitespace_only_pieces=True, minloglevel=2,
            user_defined_symbols=["\n", "\n\n", "<think>", "▁▁▁▁"], control_symbols=["<|im_end|>"])
        model = sentencepiece.SentencePieceProcessor(model_file=folder + "/m.model")
    names, scores, kinds = [], [], []
    for index in range(model.vocab_size()):
        kind = (2 if model.is_unknown(index) else 3 if model.is_control(index)
                else 6 if model.is_byte(index) else 1)
        name = model.id_to_piece(index)
        if name in ["\n", "\n\n", "<think>", "▁▁▁▁"]:
            # As the converter does it: a user-defined token is looked for in the text as it is.
            kind, name = 4, name.replace("▁", " ")
        names.append(name)
        scores.append(model.get_score(index))
        kinds.append(kind)
    for name, prefix in [("prefix", True), ("bare", False)]:
        path = OUT / ("spm.gguf" if prefix else "other.gguf")
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(names)
        writer.add_token_scores(scores)
        writer.add_token_types(kinds)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)
        writer.add_add_space_prefix(prefix)
        finish(writer)
        expected[f"spm.{name}"] = checksums(f"spm.{name}", llama(path, texts))
    decode_llama(expected)
    (OUT / "other.gguf").unlink()
    vocab = {model.id_to_piece(i): i for i in range(model.vocab_size())}
    # All ways to make a token of two, best score first: transformers' SentencePieceExtractor.
    merges = []
    for name, index in vocab.items():
        if kinds[index] != 1:
            continue
        local = [(name[:cut], name[cut:]) for cut in range(1, len(name))
                 if name[:cut] in vocab and name[cut:] in vocab]
        merges += [(left, right, scores[index]) for left, right in
                   sorted(local, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))]
    merges = [[left, right] for left, right, _ in sorted(merges, key=lambda m: -m[2])]
    bpe = models.BPE(vocab=vocab, merges=[tuple(m) for m in merges], byte_fallback=True, fuse_unk=True,
                     unk_token="<unk>")
    replace, mark = normalizers.Replace(" ", "▁"), decoders.Replace("▁", " ")
    tail = [decoders.ByteFallback(), decoders.Fuse()]
    kinds_of = {
        "llama": (normalizers.Sequence([normalizers.Prepend("▁"), replace]), None,
                  decoders.Sequence([mark, *tail, decoders.Strip(" ", 1, 0)])),
        "metaspace": (None, pre_tokenizers.Metaspace("▁", "first", False),
                      decoders.Sequence([mark, *tail, decoders.Strip(" ", 1, 0)])),
        "words": (None, pre_tokenizers.Metaspace("▁", "always", True),
                  decoders.Sequence([tail[0], decoders.Metaspace("▁", "always", True)])),
        "gemma": (replace, pre_tokenizers.Split(" ", "merged_with_previous"),
                  decoders.Sequence([mark, *tail])),
    }
    parts, texts_of = {}, {}
    for kind, (normalizer, pre_tokenizer, decoder) in kinds_of.items():
        tokenizer = Tokenizer(bpe)
        if normalizer:
            tokenizer.normalizer = normalizer
        if pre_tokenizer:
            tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.decoder = decoder
        tokenizer.add_special_tokens([AddedToken(n, normalized=False) for n in ["<unk>", "<s>", "</s>", "<|im_end|>"]])
        tokenizer.add_tokens([AddedToken(n, normalized=False) for n in ["\n", "\n\n", "<think>"]])
        document = json.loads(tokenizer.to_str())
        parts[kind] = json.dumps({key: document[key] for key in [
            "added_tokens", "normalizer", "pre_tokenizer", "decoder"]}, separators=(",", ":"))[1:-1]
        tokenizer.encode_special_tokens = True
        ids = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
        expected[f"spm.{kind}"] = checksums(f"spm.{kind}", ids)
        texts_of[kind] = [tokenizer.decode(i, skip_special_tokens=False) for i in ids[:60]]
    expected["texts"] = texts_of
    expected["heads"] = parts
    (OUT / "spm.json").write_text(json.dumps(
        document["model"], ensure_ascii=False, separators=(",", ":")))


def decode_llama(expected):
    """Bytes of random tokens, control tokens left out: by llama.cpp, hexadecimal."""
    for name, path in [("bpe", "bpe.gguf"), ("spm", "spm.gguf")]:
        model = Llama(str(OUT / path), vocab_only=True, verbose=False)
        size = model.n_vocab()
        cases = []
        for index in range(120):
            limit = size if index % 2 else 280
            ids = [RANDOM.randrange(limit) for _ in range(RANDOM.randint(1, 9))]
            # llama.cpp takes a token that merging made for a control token by its name.
            ids = [i for i in ids if not piece(model, i).startswith(b"<|")
                   and not piece(model, i, True).endswith(b"|>")]
            # Piece by piece: detokenize "cleans" spaces up.
            data = b"".join(piece(model, i) for i in ids)
            cases.append([ids, data.hex()])
        model.close()
        expected[f"decode.{name}"] = cases


def piece(model, token, special=False):
    import ctypes
    from llama_cpp import llama_token_to_piece
    buffer = ctypes.create_string_buffer(256)
    count = llama_token_to_piece(model._model.vocab, token, buffer, 256, 0, special)
    return buffer.raw[:max(0, count)]


RANDOM = random.Random(20_261_130)


def main():
    OUT.mkdir(exist_ok=True)
    every = lines()
    texts = [t.replace("\0", "") for t in every[::42]]
    expected = {}
    byte_level(every, texts, expected)
    sentence_piece(every, texts, expected)
    (OUT / "expected.json").write_text(json.dumps(expected, separators=(",", ":")))


if __name__ == "__main__":
    main()

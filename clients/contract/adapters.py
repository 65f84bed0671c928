"""Checks that what Hebb exports as an adapter is what other programs then compute.

    pip install torch transformers peft safetensors tokenizers gguf
    python clients/contract/adapters.py --hebb .build/release/hebb --core deploy/cores/folio-5m \
        --texts TEXTS

TEXTS is a folder of .txt files: the first is learned from, ten others are compared. It starts
servers of its own, on copies of the core with other rules, and goes through:

  learned   the layer site alone, next to no mixture and bound: export, load with transformers and
            peft, compare the surprise of every token
  shipped   the core's own rule with the layer site on beside the others: a partial export, with
            the rest fitted onto lm_head
  direction where the core has an SAE for the layer site (sae-layer): a control vector
  imported  a LoRA that peft trained on the first text, imported under the core's own rule and under
            the open one, and exported again

GGUF files are read back by the package gguf and compared with the PEFT files.

Two comparisons each. *Exact*: what transformers and peft compute with the exported files, against
what the server states in X-Fidelity that its own pass with them gave, in bits per byte over the
text that both read; they must agree within 0.1 %. *Fidelity*: the personal model's surprise of each
token (score with per_token) against transformers', on the ten other texts: the mean and the largest
difference, beside the divergence that was stated. Leaves with 1 when a check fails.
"""

import argparse
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import gguf
import numpy
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

SILENT = {"rate": 0}
failures = []


def check(name, holds, detail):
    print(f"  {'ok  ' if holds else 'FAIL'} {name}: {detail}")
    if not holds:
        failures.append(name)


def open_rule(rule):
    """The layer site alone, and what it says leaves nearly as it is."""
    rule = dict(rule)
    for site in ("bias", "feature", "matrix"):
        rule[site] = SILENT
    rule.update(order_rates=[], gain_rate=0)
    rule["episode"] = {**rule.get("episode", {}), "capacity": 0}
    rule["safe_zone"] = {
        **rule["safe_zone"], "maximum_divergence": 100, "initial_trust": 0.999,
        "maximum_trust": 0.999, "trust_share": 0}
    return rule


def with_layer(rule, block, dense=0, decoder=0):
    layer = {**rule.get("layer", {}), "block": block, "dense": {"rate": dense},
             "decoder": {"rate": decoder}}
    return {**rule, "layer": layer}


class Server:
    """A server of its own over a core with another rule."""

    def __init__(self, hebb, core, rule, tensors):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hebb-adapters-"))
        self.core = self.folder / core.name
        self.core.mkdir()
        for entry in core.iterdir():
            # Another rule than the sealed one: these servers run without a constitution.
            if not entry.name.startswith(("rule", "constitution")):
                (self.core / entry.name).symlink_to(entry.resolve())
        (self.core / "rule.json").write_text(json.dumps(rule))
        if tensors and (core / "rule.safetensors").exists():
            (self.core / "rule.safetensors").symlink_to((core / "rule.safetensors").resolve())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.session = f"{self.url}/v1/sessions/alice/default"
        self.process = subprocess.Popen(
            [hebb, "serve", "--core", self.core, "--data", self.folder / "data", "--port",
             str(port)], stdout=subprocess.DEVNULL, stderr=open(self.folder / "log", "w"))
        for _ in range(300):
            try:
                urllib.request.urlopen(self.url + "/health").read()
                return
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None:
                    raise SystemExit((self.folder / "log").read_text())
                time.sleep(0.1)
        raise SystemExit("the server did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)

    def post(self, path, **body):
        request = urllib.request.Request(
            self.session + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))

    def export(self, **query):
        """The file and what X-Fidelity says, or the refusal's text."""
        pairs = "&".join(f"{name}={value}" for name, value in query.items())
        try:
            answer = urllib.request.urlopen(f"{self.session}/delta?{pairs}")
        except urllib.error.HTTPError as error:
            return None, json.load(error)["error"]["message"]
        fields = dict(part.split("=") for part in answer.headers["X-Fidelity"].split("; "))
        return answer.read(), fields

    def put(self, archive):
        request = urllib.request.Request(
            self.session + "/delta", archive, {"Content-Type": "application/octet-stream"},
            method="PUT")
        return json.load(urllib.request.urlopen(request))


def archive_of(folder):
    names = ["adapter_config.json", "adapter_model.safetensors"]
    return subprocess.run(
        ["tar", "-C", folder, "-cf", "-", *names], check=True, stdout=subprocess.PIPE).stdout


def unpack(archive, folder):
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-C", folder, "-xf", "-"], input=archive, check=True)
    return folder


def load(core, adapter=None):
    model = AutoModelForCausalLM.from_pretrained(
        core, dtype=torch.float32, attn_implementation="eager")
    return (PeftModel.from_pretrained(model, adapter) if adapter else model).eval()


def surprise(model, start, tokens):
    """Bits of each token after the start token."""
    ids = torch.tensor([[start, *tokens]])
    with torch.no_grad():
        logits = model(ids[:, :-1]).logits[0].double()
    logp = torch.log_softmax(logits, -1)[torch.arange(len(tokens)), ids[0, 1:]]
    return (-logp / numpy.log(2)).numpy()


def compare(server, core, adapter, stated, learned, others):
    config = json.loads((core / "config.json").read_text())
    start = config["bos_token_id"]
    model, frozen = load(core, adapter), load(core)
    if stated["text"] == "session":
        score = server.post("/score", text=learned, per_token=True)
        tokens = [entry["token"] for entry in score["per_token"]]
        # Where a part was fitted, the last positions alone were measured.
        last = slice(len(tokens) - int(stated["tokens"]), None)
        # A token of the byte-level vocabulary has one letter a byte; its text alone may be part of
        # a character.
        vocabulary = Tokenizer.from_file(str(core / "tokenizer.json"))
        size = sum(len(vocabulary.id_to_token(token)) for token in tokens[last])
        for name, found in [("frozen", surprise(frozen, start, tokens)),
                            ("adapter", surprise(model, start, tokens))]:
            bits = found[last].sum() / size
            told = float(stated["bits_per_byte_" + name])
            check(f"exact, {name}", abs(bits - told) <= 1e-3 * told,
                  f"transformers {bits:.5f} bits/byte, stated {told:.5f}")
    own = server.post("/score", text=learned, per_token=True)["per_token"]
    near = difference(model, start, own)
    print(f"       the learned text: personal model and transformers differ by {near.mean():.2g} "
          f"nats a token, {near.max():.2g} at most")
    far = numpy.concatenate([
        difference(model, start, server.post("/score", text=text, per_token=True)["per_token"])
        for text in others])
    print(f"       {len(others)} other texts, {len(far)} tokens: they differ by {far.mean():.2g} "
          f"nats a token, {far.max():.2g} at most; stated divergence {stated['kl_mean']} a token, "
          f"{stated['kl_max']} at most; gain kept {stated['gain_kept']}")
    return near


def difference(model, start, score):
    """By how many nats the personal model's surprise of each token differs from a model's.

    Over the first window: a text longer than the context is read in several, which transformers
    does not do.
    """
    score = score[:model.config.max_position_embeddings - 1]
    found = surprise(model, start, [entry["token"] for entry in score])
    return numpy.abs(found - [entry["adapted"] for entry in score]) * numpy.log(2)


def trained_adapter(core, start, tokens, folder):
    """A LoRA of every projection, trained on the tokens of one text."""
    torch.manual_seed(1)
    model = get_peft_model(load(core), LoraConfig(
        r=8, lora_alpha=16, task_type="CAUSAL_LM",
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
                        "down_proj"]))
    ids = torch.tensor([[start, *tokens]])
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 2e-3)
    for _ in range(30):
        loss = model(ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder, save_embedding_layers=False)
    return folder


def products(folder):
    config = json.loads((folder / "adapter_config.json").read_text())
    factors = load_file(folder / "adapter_model.safetensors")
    scale = config["lora_alpha"] / config["r"]
    return {
        name.removesuffix(".lora_A.weight"):
            scale * factors[name.replace("lora_A", "lora_B")] @ a
        for name, a in factors.items() if "lora_A" in name}


def read_gguf(content, peft_folder, config):
    """Checks a GGUF LoRA against the PEFT files of the same engram."""
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        file.write(content)
        file.flush()
        reader = gguf.GGUFReader(file.name)
        tensors = {t.name: numpy.array(t.data).reshape(t.shape[::-1]) for t in reader.tensors}
        alpha = float(reader.fields["adapter.lora.alpha"].parts[-1][0])
        kind = bytes(reader.fields["adapter.type"].parts[-1]).decode()
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
             "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    worst, seen = 0.0, 0
    for name, expected in products(peft_folder).items():
        block, module = name.removeprefix("base_model.model.model.layers.").split(".", 1)
        stem = f"blk.{block}.{names[module]}.weight"
        a, b = tensors[stem + ".lora_a"], tensors[stem + ".lora_b"]
        found = alpha / a.shape[0] * b @ a
        expected = expected.numpy()
        if module in ("self_attn.q_proj", "self_attn.k_proj"):
            heads = config["num_attention_heads" if "q_" in module else "num_key_value_heads"]
            expected = expected.reshape(heads, 2, -1, expected.shape[1]).swapaxes(1, 2)
            expected = expected.reshape(found.shape)
        worst = max(worst, float(abs(found - expected).max() / abs(expected).max()))
        seen += 1
    check("gguf reads it back", kind == "lora" and len(tensors) == 2 * seen and worst < 1e-5,
          f"{seen} projections, α {alpha:g}, largest relative difference {worst:.1g}")


def check_direction(content, block, config, stated):
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        file.write(content)
        file.flush()
        tensors = {t.name: t.data for t in gguf.GGUFReader(file.name).tensors}
    found = tensors.get(f"direction.{block - 1}", numpy.zeros(0))
    check("gguf reads it back", found.shape == (config["hidden_size"],)
          and float(numpy.abs(found).max()) > 0,
          f"direction.{block - 1}, norm {numpy.linalg.norm(found):.3g}; {stated}")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--hebb", required=True)
    options.add_argument("--core", required=True, type=pathlib.Path)
    options.add_argument("--texts", required=True, type=pathlib.Path)
    options.add_argument("--block", type=int, help="the layer site's hookpoint (default: half way)")
    options.add_argument("--rate", type=float, default=0.3)
    options = options.parse_args()
    torch.set_num_threads(1)
    core = options.core.resolve()
    config = json.loads((core / "config.json").read_text())
    rule = json.loads((core / "rule.json").read_text())
    block = options.block or config["num_hidden_layers"] // 2
    files = sorted(options.texts.glob("*.txt"))
    learned, *others = [file.read_text(errors="replace")[:2500] for file in files[:11]]
    work = pathlib.Path(tempfile.mkdtemp(prefix="hebb-adapters-"))

    print("learned: the layer site alone")
    chosen = with_layer(open_rule(rule), block, options.rate)
    with Server(options.hebb, core, chosen, False) as server:
        seen = server.post("/observe", text=learned)["bits_per_byte"]
        print(f"       observed: {seen['frozen']:.4f} -> {seen['adapted']:.4f} bits/byte")
        archive, stated = server.export(format="peft")
        adapter = unpack(archive, work / "learned")
        compare(server, core, adapter, stated, learned, others)
        content, _ = server.export(format="gguf")
        read_gguf(content, adapter, config)

    print("shipped: the core's own rule with the layer site on")
    with Server(options.hebb, core, with_layer(rule, block, options.rate), True) as server:
        score = server.post("/score", text=learned, per_token=True)["per_token"]
        tokens = [entry["token"] for entry in score]
        server.post("/observe", text=learned)
        nothing, reason = server.export(format="peft")
        check("a part is not passed off as the whole", nothing is None, reason)
        archive, stated = server.export(format="peft", partial="true")
        adapter = unpack(archive, work / "shipped")
        compare(server, core, adapter, stated, learned, others)

    if (core / "sae-layer").exists():
        print("direction: the layer site's decoder alone")
        chosen = with_layer(open_rule(rule), block, decoder=options.rate)
        with Server(options.hebb, core, chosen, False) as server:
            server.post("/observe", text=learned)
            content, stated = server.export(format="gguf-control-vector")
            check_direction(content, block, config, stated)

    print("imported: a LoRA that peft trained")
    source = trained_adapter(core, config["bos_token_id"], tokens, work / "trained")
    for name, chosen, tensors in [("own", rule, True), ("open", open_rule(rule), False)]:
        with Server(options.hebb, core, chosen, tensors) as server:
            server.put(archive_of(source))
            archive, stated = server.export(format="peft")
            adapter = unpack(archive, work / f"imported-{name}")
            sent, received = products(source), products(adapter)
            worst = max(float((sent[key] - received[key]).abs().max()) for key in sent)
            check("comes out as it went in", sent.keys() == received.keys() and worst < 1e-7,
                  f"{len(sent)} projections, largest difference {worst:.1g}, rule: {name}")
            near = compare(server, core, adapter, stated, learned, others)
            if name == "open":
                check("acts as in transformers", near.mean() < 2e-3,
                      f"{near.mean():.2g} nats a token on the learned text")
                content, _ = server.export(format="gguf")
                read_gguf(content, adapter, config)
    shutil.rmtree(work)
    print("all checks hold" if not failures else f"{len(failures)} checks failed")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()

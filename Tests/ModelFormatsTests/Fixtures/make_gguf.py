"""Makes the golden files in adapters/: GGUF by the package `gguf`, tar by Python and by GNU tar.

    python make_gguf.py

Made with gguf 0.19.0, numpy 2.4.6, GNU tar 1.34. The numbers are ramps, 0, 1, 2, … / 16 from a
start; the permutation of queries and keys is that of llama.cpp's convert_hf_to_gguf.py
(LlamaModel.permute): rows (head, 2, half) become (head, half, 2).
"""

import io
import pathlib
import subprocess
import tarfile
import tempfile

import gguf
import numpy

HERE = pathlib.Path(__file__).parent / "adapters"


def ramp(start, *shape):
    count = int(numpy.prod(shape))
    return (numpy.arange(start, start + count, dtype=numpy.float32) / 16).reshape(shape)


def permute(weights, heads):
    return (weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
            .swapaxes(1, 2).reshape(weights.shape))


def padded(a, b, rank):
    return (numpy.pad(a, ((0, rank - a.shape[0]), (0, 0))),
            numpy.pad(b, ((0, 0), (0, rank - b.shape[1]))))


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def lora():
    writer = gguf.GGUFWriter(HERE / "lora.gguf", "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("general.name", "tiny")
    writer.add_string("general.description", "text=session")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0)
    a, b = padded(ramp(5, 1, 8), ramp(6, 4, 1), 2)
    for name, a, b in [
        ("blk.0.attn_q.weight", ramp(3, 2, 8), permute(ramp(4, 8, 2), 2)),
        ("blk.0.attn_k.weight", a, permute(b, 1)),
        ("blk.2.ffn_down.weight", ramp(1, 2, 12), ramp(2, 8, 2)),
    ]:
        writer.add_tensor(name + ".lora_a", numpy.ascontiguousarray(a))
        writer.add_tensor(name + ".lora_b", numpy.ascontiguousarray(b))
    finish(writer)


def control_vector():
    writer = gguf.GGUFWriter(HERE / "control-vector.gguf", "controlvector")
    writer.add_string("general.name", "tiny")
    writer.add_string("general.description", "d")
    writer.add_string("controlvector.model_hint", "llama")
    writer.add_uint32("controlvector.layer_count", 1)
    writer.add_tensor("direction.1", ramp(1, 8))
    finish(writer)


def archives():
    contents = {"adapter_config.json": b"{}\n", "notes.txt": b"a note\n"}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in contents.items():
            path = pathlib.Path(folder) / "adapter" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        subprocess.run(
            ["tar", "--format=gnu", "--owner=0", "--group=0", "--mtime=@0", "--sort=name", "-C",
             folder, "-cf", HERE / "gnu.tar", "./adapter"], check=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo("adapter/" + name)
            member.size = len(content)
            member.mtime = 1.5  # a fraction makes an extended header
            archive.addfile(member, io.BytesIO(content))
    (HERE / "pax.tar").write_bytes(buffer.getvalue())


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    lora()
    control_vector()
    archives()

"""A safetensors file of single precision in half precision (F16): half the bytes in the repository.

    python half.py IN OUT
"""
import json
import struct
import sys
from pathlib import Path


def main():
    data = Path(sys.argv[1]).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    body, entries, parts, end = data[8 + size:], {}, [], 0
    for name, entry in header.items():
        if name == "__metadata__":
            entries[name] = entry
            continue
        assert entry["dtype"] == "F32", f"{name} is {entry['dtype']}"
        start, stop = entry["data_offsets"]
        count = (stop - start) // 4
        values = struct.unpack(f"<{count}f", body[start:stop])
        parts.append(struct.pack(f"<{count}e", *values))
        entries[name] = {**entry, "dtype": "F16", "data_offsets": [end, end + 2 * count]}
        end += 2 * count
    head = json.dumps(entries, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    Path(sys.argv[2]).write_bytes(len(head).to_bytes(8, "little") + head + b"".join(parts))


if __name__ == "__main__":
    main()

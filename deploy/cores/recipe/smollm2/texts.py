"""The texts by which SmolLM2's autoencoder is trained and its rule is meta-learned.

    python texts.py --packages      the Debian packages it needs
    python texts.py DATA            DATA/extracted/<package>/ (see make-smollm2) -> the folders below

`sae-text/`: pages of manuals and books, and chats and dialogues of invented people (`train`), the
chats as the model reads them, through its template. `users/tuning/`: one text a user; a third
manuals, a third chats, a third dialogues. `generic/heldout.txt`: pages and talk that neither has.
"""
import hashlib
import random
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "people")]

import conversations
from corpus import cut, package_pages

PROSE = """anarchism debian-handbook gnome-user-docs fortunes fortunes-min debian-reference-en
    developers-reference git-doc vim-doc""".split()
MANUALS = "gnuplot-doc imagemagick-6-doc postfix-doc octave-doc".split()
SAE_CHARACTERS = 2_600_000
PAGE_CHARACTERS = 12_000
CHATS, DIALOGUES = 160, 120
USERS = 8                       # of each kind
USER_BYTES = (16_000, 9_000, 5_000)
GENERIC_BYTES = 120_000


def number(text):
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def write(folder, texts):
    folder.mkdir(parents=True, exist_ok=True)
    for n, text in enumerate(texts):
        (folder / f"{n:04}.txt").write_text(text)


def main():
    if sys.argv[1] == "--packages":
        return print("\n".join(PROSE + MANUALS))
    data = Path(sys.argv[1])
    with ProcessPoolExecutor(1) as pool:
        pages = {p: package_pages(data / "extracted", p, pool) for p in PROSE + MANUALS}
    prose = [(path, text) for p in PROSE for path, text in pages[p]]
    # One page in thirty is held back for measuring harm, book-long ones apart.
    held = [(path, text) for path, text in prose if number(path) % 30 == 0 and len(text) < 100_000]
    kept = [page for page in prose if page not in held]
    random.Random(1).shuffle(kept)
    sample, size = [], 0
    for _, text in kept:
        start = random.Random(len(text)).randrange(max(1, len(text) - PAGE_CHARACTERS))
        sample.append(text[start:start + PAGE_CHARACTERS])
        size += len(sample[-1])
        if size >= SAE_CHARACTERS:
            break
    chats = [conversations.chat(n, "train", 24, 2) for n in range(CHATS)]
    talks = [conversations.dialogue(n, "train", 3) for n in range(DIALOGUES)]
    write(data / "sae-text", sample + [conversations.templated(c) for c in chats]
          + [conversations.plain(t) for t in talks])

    users = data / "users/tuning"
    users.mkdir(parents=True, exist_ok=True)
    for n in range(USERS):
        size = USER_BYTES[n % 3]
        package = MANUALS[n % len(MANUALS)]
        text = "\n".join(t for _, t in pages[package])
        place = int(len(text.encode()) * (n // len(MANUALS) + .3) / 2)
        (users / f"manual-{n}.txt").write_text(cut(text, place, size))
        # Of other seeds than the autoencoder's.
        (users / f"chat-{n}.txt").write_text(
            cut(conversations.plain(conversations.chat(1000 + n, "train", 150, 12)), 0, size))
        (users / f"dialogue-{n}.txt").write_text(
            cut(conversations.plain(conversations.dialogue(1000 + n, "train", 16)), 0, size))
    held.sort(key=lambda page: number(page[0] + "order"))
    generic = data / "generic"
    generic.mkdir(parents=True, exist_ok=True)
    (generic / "heldout.txt").write_text(
        cut("\n".join(text[:4000] for _, text in held), 0, GENERIC_BYTES))
    for folder in ("sae-text", "users/tuning", "generic"):
        files = list((data / folder).iterdir())
        print(f"{folder}: {len(files)} files, {sum(f.stat().st_size for f in files):,} bytes")


if __name__ == "__main__":
    main()

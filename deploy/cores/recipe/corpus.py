"""Debian packages in, clean text out: the core's pages, held-out pages, and users' texts.

    python corpus.py DATA            needs DATA/extracted/<package>/ (see make-core)
    python corpus.py --packages      lists the packages it needs

Writes DATA/text/train.jsonl and heldout.jsonl (one page a line: package, path, text),
DATA/generic/{heldout,generic-100k}.txt, DATA/users/{tuning,validation}/*.txt and
DATA/text/sources.json with the bytes of each package.
"""
import hashlib
import json
import re
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from markup import page_text

CORE = """anarchism debian-handbook debian-reference-en python3.11-doc git-doc perl-doc manpages
    manpages-dev bash-doc zsh-doc vim-doc apache2-doc sqlite3-doc erlang-doc bind9-doc
    gnome-user-docs python-django-doc python-sqlalchemy-doc r-doc-html debian-faq
    developers-reference lintian swi-prolog-doc fortunes fortunes-min""".split()
TUNING = """gnuplot-doc imagemagick-6-doc postfix-doc octave-doc kicad-doc-en
    texlive-latex-base-doc""".split()
VALIDATION = "exim4-doc-html sbcl-doc gnucash-docs".split()

HELD_OUT_PER_MILLE = 15
USER_BYTES = 34_000
MAX_USERS = 18

# Another form of text that the package also has, source code, or lists without prose.
SKIP = re.compile(
    r"/_static/|/_modules/|/_sources/|genindex|modindex|search(index)?\.html|changelog|ChangeLog|"
    r"copyright|/NEWS|/lintian/overrides/|/doc-base/|\.chunk|/examples/.*\.(c|java|js|dat)(\.gz)?$|"
    r"/liboctave\.html/|/api\.html/|perldoc-search|/releaselog/|/licen[sc]es?/|\.dat$|"
    r"matrix/|/sitemap|/RelNotes|/vim/html/version\d|/doc/html/notes\.html|delta\.pod|perltoc|"
    r"/whatsnew/|/django-doc/html/releases/|/html/releases/|sqlite3/(changes|requirements)|"
    r"perluniprops|Config\.3perl", re.I)
LANGUAGES = """ar bg bn ca cs da de el eo es et eu fa fi fr gl gu he hi hr hu id it ja ka kk km
    kn ko lt lv mk ml mr nb ne nl nn oc pa pl pt ro ru sk sl sr sv ta te tg th tr ug uk vi
    zh""".split()
FOREIGN_PATH = re.compile(
    r"(?:/|-|\.)(?:%s)(?:[-_@][A-Za-z]+)?(?:/|\.utf8$|\.euc-kr$|\.iso[\w-]+$|$|\.html$)"
    % "|".join(LANGUAGES))
ONLY_UNDER = {"gnome-user-docs": "/help/C/", "debian-handbook": "/html/en-US/",
                "texlive-latex-base-doc": "/texlive-doc/"}
ENGLISH = set("""the of to a and is in that for it be with as this or are not on you by if
    can""".split())
OTHER = set("""der die das und ist nicht ein eine zu den les des une est dans pour que el los las
    por con del para uma com os il che di per een het van och att som nie jest sie na w je
    v""".split())


def kind_of(package: str, path: str) -> str | None:
    """Which reader a file needs, None to leave it out; one form of each text a package."""
    name = path.removesuffix(".gz")
    if SKIP.search(path) or (FOREIGN_PATH.search(name) and not package.startswith("r-doc")):
        return None
    only = ONLY_UNDER.get(package)
    if only and only not in path:
        return None
    if re.search(r"/man/man\d/", path):
        # perl's man1 pages are the pods again
        return None if package == "perl-doc" and "/man1/" in path else "man"
    if re.search(r"\.html?(\.en)?(\.utf8)?$", name):
        return "html"
    if name.endswith(".page"):
        return "page"
    if name.endswith(".pod"):
        return "pod"
    if package.startswith("fortunes") and "/games/fortunes/" in path and "." not in Path(path).name:
        return "text"
    if package == "lintian" and name.endswith((".tag", ".desc")):
        return "text"
    if package == "git-doc" and re.search(r"/(howto|technical)/.*\.txt$", name):
        return "text"
    if package == "texlive-latex-base-doc" and name.endswith(".pdf"):
        return "pdf"
    return None


def read(job):
    package, path, kind = job
    try:
        return package, path, page_text(Path(path), kind)
    except Exception as error:  # one unreadable page must not cost the rest
        print(f"skipped {path}: {error}", file=sys.stderr)
        return package, path, ""


def is_english(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text.lower())
    if len(words) < 40:
        return True
    english = sum(w in ENGLISH for w in words) / len(words)
    other = sum(w in OTHER for w in words) / len(words)
    letters = sum(c.isalpha() for c in text)
    exotic = sum(c.isalpha() and ord(c) > 127 for c in text)
    return english >= 0.03 and english > other and exotic < 0.1 * letters


def drop_boilerplate(pages: list[tuple[str, str]], keep_short: bool) -> list[tuple[str, str]]:
    """Removes lines that many pages of a package share: navigation, footers, notices."""
    seen = Counter()
    for _, text in pages:
        seen.update({line.strip() for line in text.split("\n")})
    often, very_often = max(12, 0.04 * len(pages)), max(8, 0.35 * len(pages))

    def repeated(line: str) -> bool:
        line = line.strip()
        if not line:
            return False
        return seen[line] > (often if len(line) >= 30 else len(pages) if keep_short else very_often)

    cleaned = []
    for path, text in pages:
        kept = "\n".join(line for line in text.split("\n") if not repeated(line))
        cleaned.append((path, re.sub(r"\n{3,}", "\n\n", kept).strip() + "\n"))
    return cleaned


def drop_duplicates(pages: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Keeps the first of pages that share over 60 % of their long lines (exact copies too)."""
    seen: set[int] = set()
    kept = []
    for path, text in pages:
        lines = [hash(line.strip()) for line in text.split("\n") if len(line.strip()) >= 30]
        if len(lines) >= 3 and sum(line in seen for line in lines) > 0.6 * len(lines):
            continue
        seen.update(lines)
        kept.append((path, text))
    return kept


def package_pages(root: Path, package: str, pool) -> list[tuple[str, str]]:
    files = sorted(p for p in (root / package).rglob("*") if p.is_file() and not p.is_symlink())
    jobs = [(package, str(p), kind) for p in files if (kind := kind_of(package, str(p)))]
    pages = [(path.removeprefix(str(root) + "/"), text)
             for _, path, text in pool.map(read, jobs, chunksize=8)]
    pages = [(path, text) for path, text in pages if len(text) >= 200 and is_english(text)]
    pages = drop_boilerplate(pages, keep_short=package.startswith(("manpages", "lintian", "perl")))
    return drop_duplicates([(path, text) for path, text in pages if len(text) >= 200])


def held_out(path: str, text: str) -> bool:
    """A fixed 1.5 % of the pages; a book-long page would outweigh all others, so it trains."""
    number = int(hashlib.sha256(path.encode()).hexdigest()[:8], 16)
    return len(text) < 100_000 and number % 1000 < HELD_OUT_PER_MILLE


def cut(text: str, start: int, size: int = USER_BYTES) -> str:
    """`size` bytes or slightly less from byte `start`, beginning and ending at a line break."""
    raw = text.encode()
    start = raw.rfind(b"\n", 0, start) + 1 if start else 0
    piece = raw[start:start + size]
    return piece[:piece.rfind(b"\n") + 1].decode()


def write_users(data: Path, root: Path, pool) -> None:
    for group, packages in (("tuning", TUNING), ("validation", VALIDATION)):
        folder = data / "users" / group
        folder.mkdir(parents=True, exist_ok=True)
        for package in packages:
            text = "\n".join(text for _, text in package_pages(root, package, pool))
            size = len(text.encode())
            if group == "validation":  # fixed place: 10 % into the text, past title and contents
                (folder / f"{package}.txt").write_text(cut(text, size // 10))
                count = 1
            else:
                count = max(1, min(MAX_USERS, size // (2 * USER_BYTES)))
                for k in range(count):
                    place = int(size * (k + 0.25) / count)
                    # Users of three lengths, so that the rule meets young engrams too.
                    piece = cut(text, place, USER_BYTES >> (k % 3))
                    (folder / f"{package}-{k + 1}.txt").write_text(piece)
            print(f"{group:10} {package:24} {size:10,} bytes, {count} users", flush=True)


def bytes_of(pages: list[tuple[str, str]]) -> int:
    return sum(len(text.encode()) for _, text in pages)


def write_core(data: Path, root: Path, pool) -> None:
    (data / "text").mkdir(parents=True, exist_ok=True)
    (data / "generic").mkdir(parents=True, exist_ok=True)
    sources, held = {}, []
    new = data / "text/train.jsonl.new"
    with open(new, "w") as train, open(data / "text/heldout.jsonl", "w") as test:
        for package in CORE:
            pages = package_pages(root, package, pool)
            out = [p for p in pages if held_out(*p)]
            for path, text in pages:
                line = json.dumps({"package": package, "path": path, "text": text}) + "\n"
                (test if held_out(path, text) else train).write(line)
            held += out
            sources[package] = {"pages": len(pages), "bytes": bytes_of(pages),
                                "held_out_bytes": bytes_of(out)}
            print(f"core       {package:24} {sources[package]}", flush=True)
    held.sort(key=lambda p: hashlib.sha256(p[0].encode()).digest())
    full = "\n".join(text for _, text in held)
    (data / "generic/heldout.txt").write_text(full)
    sample = "\n".join(text[:4000] for _, text in held)
    (data / "generic/generic-100k.txt").write_text(cut(sample, 0, 100_000))
    (data / "text/sources.json").write_text(json.dumps(sources, indent=1))
    new.rename(data / "text/train.jsonl")
    total = sum(source["bytes"] for source in sources.values())
    print(f"core total {total:,} bytes, held out {len(full.encode()):,}")


if __name__ == "__main__":
    if sys.argv[1] == "--packages":
        sys.exit(print("\n".join(CORE + TUNING + VALIDATION)))
    data = Path(sys.argv[1])
    with ProcessPoolExecutor(2) as pool:
        if not (data / "text/train.jsonl").exists():
            write_core(data, data / "extracted", pool)
        if not (data / "users/validation/gnucash-docs.txt").exists():
            write_users(data, data / "extracted", pool)

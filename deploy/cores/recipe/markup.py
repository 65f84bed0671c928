"""Turns one documentation file into plain text.

A language model for people's text should not spend its few parameters on tags,
so every format ends as lines of text: blocks and paragraphs become line breaks,
preformatted code keeps its layout, everything else collapses to single spaces.
"""
import gzip
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

BLOCKS = set("""address article aside blockquote body caption center dd div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main ol p pre section table
    tbody td th thead title tr ul br
    page note item steps list terms screen code-block listing media synopsis""".split())
# Mallard (GNOME help) uses <title>, <p>, <item>; HTML's <title> only repeats the heading.
SILENT = set("script style nav button select textarea svg math noscript head info".split())
VOID = set("area base br col embed hr img input link meta param source track wbr".split())
# Whole class, role or id names: "wy-nav-content" holds the page, "nav" does not.
NAVIGATION = re.compile(
    r"(?:^|\s)(sphinxsidebar\w*|related|nav|navbar|navigation|navheader|navfooter|footer|"
    r"headerlink|toc|contents|contentinfo|menubar|searchbox|search|skip-?link|breadcrumbs?|"
    r"prev-?next|langs|toplang|bottomlang|copyright|wy-nav-side|wy-nav-top|rst-footer-buttons|"
    r"wy-breadcrumbs\S*|toctree-wrapper|preamble-nav)(?:\s|$)")


class TextOfHtml(HTMLParser):
    """Collects the readable text of HTML, XHTML or Mallard XML."""

    def __init__(self, mallard: bool):
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.preformatted = 0
        self.muted_by: list[str] = []  # open tags since the first muted one
        self.silent = SILENT - {"head"} if mallard else SILENT
        self.pre = {"pre", "screen", "code-block"} if mallard else {"pre"}

    def handle_starttag(self, tag, attrs):
        tag = tag.split(":")[-1]
        if self.muted_by:
            if tag == self.muted_by[0]:
                self.muted_by.append(tag)
            return
        labels = " ".join(v or "" for k, v in attrs if k in ("class", "role", "id"))
        navigates = tag in ("div", "ul", "a", "table", "p", "section") and NAVIGATION.search(labels)
        if tag not in VOID and (tag in self.silent or navigates):
            self.muted_by = [tag]
            return
        if tag in self.pre:
            self.preformatted += 1
        if tag in ("td", "th"):
            self.parts.append("\t")
        elif tag == "li":
            self.parts.append("\n* ")
        elif tag in BLOCKS:
            self.parts.append("\n" if tag in ("br", "tr", "dd", "dt") else "\n\n")

    def handle_endtag(self, tag):
        tag = tag.split(":")[-1]
        if self.muted_by:
            if tag == self.muted_by[0]:
                self.muted_by.pop()
            return
        if tag in self.pre:
            self.preformatted = max(0, self.preformatted - 1)
        if tag in BLOCKS and tag not in ("td", "th", "br", "li", "tr", "dt"):
            self.parts.append("\n\n" if tag not in ("dd", "div") else "\n")

    def handle_data(self, data):
        if not self.muted_by:
            self.parts.append(data if self.preformatted else re.sub(r"\s+", " ", data))


def html_text(source: str, mallard: bool = False) -> str:
    parser = TextOfHtml(mallard)
    parser.feed(source)
    parser.close()
    return "".join(parser.parts)


def roff_text(path: Path) -> str:
    """Renders a man page by groff without colour, hyphens, justification or page breaks."""
    source = b".nr HY 0\n.hy 0\n.ad l\n" + read_bytes(path)
    command = ["groff", "-K", "utf-8", "-t", "-man", "-Tutf8", "-P-cbou",
               "-rLL=100n", "-rHY=0", "-dAD=l"]
    done = subprocess.run(command, input=source, capture_output=True)
    out = done.stdout.decode("utf-8", "replace")
    # The first and last line only repeat name, section, date and release of the page.
    lines = out.strip("\n").split("\n")
    return "\n".join(line.removeprefix("   ") for line in lines[1:-1])


def pod_text(source: str) -> str:
    source = re.sub(r"^=(?:begin|for|encoding)\b.*?(?=^=\w)", "", source, flags=re.M | re.S)
    source = re.sub(r"^=(head\d|item)\s+", "", source, flags=re.M)
    source = re.sub(r"^=\w+.*$", "", source, flags=re.M)
    source = re.sub(r"[XZ]<[^<>]*>", "", source)
    for _ in range(3):  # innermost first; codes nest a little: C<< I<x> >>
        source = re.sub(r"L<(?:([^<>|]*)\|)?([^<>]*)>", lambda m: m[1] or m[2], source)
        source = re.sub(r"[BICFS]<([^<>]*)>", r"\1", source)
        source = re.sub(r"[BICF]<<+ (.*?) >>+", r"\1", source)
    names = {"lt": "<", "gt": ">", "sol": "/", "verbar": "|"}
    return re.sub(r"E<(\w+)>", lambda m: names.get(m[1], ""), source)


def pdf_text(path: Path) -> str:
    done = subprocess.run(["pdftotext", "-enc", "UTF-8", "-nopgbrk", str(path), "-"],
                          capture_output=True)
    return done.stdout.decode("utf-8", "replace")


def read_bytes(path: Path) -> bytes:
    raw = path.read_bytes()
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


def decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def tidy(text: str) -> str:
    """Uniform line ends, no trailing blanks, at most one empty line, no odd control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    text = text.replace("\u00b6", "").replace("\u2010", "-").replace("\u00ad", "")
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f\u200b\ufeff\ufffd]", "", text)
    lines = [tidy_line(line) for line in text.split("\n")]
    # Texinfo repeats its way-marks ("Next: ..., Up: ... [Contents][Index]") above every node.
    mark = re.compile(r"(Next|Previous|Up): .*(\[Contents|Up: )")
    lines = [line for line in lines if not mark.match(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def tidy_line(line: str) -> str:
    """Table cells parted by one tab; no single leading blank, which markup leaves behind."""
    line = line.rstrip()
    if "\t" in line and not line.startswith("\t\t"):
        line = re.sub(r"[ \t]*\t[ \t]*", "\t", line).lstrip("\t")
    return re.sub(r"^ (?=\S)", "", line)


def page_text(path: Path, kind: str) -> str:
    """The tidy text of a file; kind is one of html, page, man, pod, pdf, text."""
    if kind == "man":
        text = roff_text(path)
    elif kind == "pdf":
        text = pdf_text(path)
    else:
        text = decode(read_bytes(path))
        if kind in ("html", "page"):
            text = html_text(text, mallard=kind == "page")
        elif kind == "pod":
            text = pod_text(text)
    return tidy(text)

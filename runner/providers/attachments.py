"""Files of a message as the model's own content blocks: pictures and PDFs by their bytes. Others are named, with their path.

What cannot be shown is named with the reason: the API refuses a whole request for one block that it cannot read.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Any

from runner.markup import escape

FILE = "_file"  # key of a block for us alone: the path it was made from. `bare` takes such keys off
PAGES = "_pages"  # of a PDF
LARGEST_READ = 30_000_000  # bytes of a file that is looked into
SHOWN = ("image/", "application/pdf")  # types that people expect to be seen by the model
READ = frozenset(  # what a whole file of would have been shown
    {
        "application/pdf",
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/bmp",
        "image/tiff",
        "image/avif",
        "image/x-icon",
        "image/vnd.microsoft.icon",
        "image/jp2",
        "image/x-portable-pixmap",
    }
)
TEXTUAL = frozenset(
    {".html", ".htm", ".xhtml", ".mht", ".txt", ".md", ".xml", ".svg", ".eml", ".vue", ".php"}
)
TABLES = frozenset({".csv", ".tsv", ".ics", ".vcf", ".rtf", ".log"})  # texts, but never a page
NUMBER = r"^\d{1,3}-"
HEIF = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")

Block = dict[str, Any]


class Attachments:
    """Reads each file once. `root` is where the host put the files of messages; those of tools' results lie in `workspace`.

    What a tool left can be altered by whoever works there: it counts as long as it has the digest that was recorded.
    """

    def __init__(self, root: Path, workspace: Path) -> None:
        self._root = root
        self._workspace = workspace
        self._read: dict[tuple[str, str], list[Block]] = {}

    def blocks(self, files: Sequence[dict[str, Any]]) -> list[Block]:
        made: list[Block] = []
        for file in files:
            key = str(file["path"]), str(file["type"])
            if key not in self._read:
                digest = str(file.get("digest", ""))
                place = self._workspace if digest else self._root
                self._read[key] = _blocks(place / key[0], *key, digest)
            made += self._read[key]
        return made


def name_of(path: str) -> str:
    """As people know it: without the number that the host puts before it."""
    name = PurePosixPath(path).name
    return re.sub(NUMBER, "", name) or name


def bare(blocks: Sequence[Block]) -> list[Block]:
    """As the API takes them, those within a tool's result too."""
    return [
        {
            key: bare(value) if key == "content" and isinstance(value, list) else value
            for key, value in block.items()
            if not key.startswith("_")
        }
        for block in blocks
    ]


def _blocks(file: Path, path: str, media_type: str, digest: str) -> list[Block]:
    try:
        found = file.lstat() if digest else file.stat()
        if not S_ISREG(found.st_mode):
            return _named(path, "is no file any more")
        if found.st_size > LARGEST_READ:
            return (
                _named(path, f"has {found.st_size:,} bytes and is not shown") if _is_shown(media_type) else []
            )
        data = file.read_bytes()
    except OSError as error:
        return _named(path, f"cannot be read: {error.strerror}")
    from hashlib import sha256

    if digest and sha256(data).hexdigest() != digest:
        return _named(path, "was changed since; it is not shown")
    return of_bytes(data, path, media_type)


def of_bytes(data: bytes, path: str, media_type: str = "") -> list[Block]:
    """The blocks of one file: itself where the model can look at it, and what there is to say of it."""
    if not data:
        return _named(path, "is empty")
    from runner.providers import pictures

    try:
        if shown := _shown(data, path):
            return shown
    except Exception as error:  # noqa: BLE001 - a stranger's bytes: decoders raise what they like, and it is one file's fault
        # "P1 incidents" and "BMW" begin as pictures do.
        is_other = _is_web_page(data) or (_is_text(data) and not _is_shown(media_type))
        if not is_other:
            reason = str(error) if isinstance(error, pictures.Unusable) else "is broken"
            return _named(path, f"{reason}; it is not shown")
    if reason := _other(data, path, media_type):
        return _named(path, f"{reason}; it is not shown")
    return []


def _shown(data: bytes, path: str) -> list[Block]:
    """Nothing where it is neither picture nor PDF."""
    from runner.providers import papers, pictures

    if papers.is_paper(data):
        paper = papers.paper(data)
        return [{**_block("document", "application/pdf", paper.data), FILE: path, PAGES: paper.pages}]
    if not pictures.is_picture(data):
        return []
    picture = pictures.picture(data)
    block = {**_block("image", picture.media_type, picture.data), FILE: path}
    return [block, *(_named(path, f"is shown {picture.note}") if picture.note else [])]


def _block(kind: str, media_type: str, data: bytes) -> Block:
    source = {"type": "base64", "media_type": media_type, "data": b64encode(data).decode("ascii")}
    return {"type": kind, "source": source}


def _named(path: str, what: str) -> list[Block]:
    return [{"type": "text", "text": f"<note>The file {escape(name_of(path))} {escape(what)}.</note>"}]


def _is_shown(media_type: str) -> bool:
    return media_type.startswith(SHOWN)


def _other(data: bytes, path: str, media_type: str) -> str:
    """Why something that is neither picture nor PDF is worth a word; '' where its name says all."""
    suffix = PurePosixPath(path).suffix.lower()
    if _is_web_page(data):
        if suffix in TEXTUAL or (media_type.startswith("text/") and suffix not in TABLES):
            return ""
        return "holds a web page instead of what its name says, most likely a page that asks to sign in"
    if data[4:8] == b"ftyp" and data[8:12] in HEIF:
        return "is a HEIC picture, which the model cannot read; a JPEG or PNG it could"
    if media_type == "image/svg+xml" or suffix == ".svg":
        return "is a drawing in SVG, which can be read as text"
    if not _is_shown(media_type):
        return ""
    kind = _kind(data)
    if kind == media_type:
        return f"is a broken {kind}" if kind in READ else f"is of a kind that cannot be shown: {kind}"
    return f"is said to be {media_type}, but {f'its bytes look like {kind}' if kind else 'its bytes are not'}"


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_web_page(data: bytes) -> bool:
    head = data[:4_096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<script")) or (
        head.startswith((b"<?xml", b"<!--")) and b"<html" in head
    )


def _kind(data: bytes) -> str:
    import puremagic

    try:
        return puremagic.from_string(data, mime=True)
    except (puremagic.PureError, ValueError):
        return ""

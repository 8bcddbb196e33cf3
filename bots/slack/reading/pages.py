"""Canvases and posts, which Slack keeps as HTML, as text; and transcripts, which it keeps as captions."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_APART = frozenset(
    {"address", "article", "blockquote", "br", "div", "figure", "hr", "p", "section", "table", "ul", "ol"}
)
_UNSEEN = frozenset({"head", "script", "style", "template", "title"})
_SIGN_IN = re.compile(
    rb"""type=["']?password|data-qa=["']login|<title>\s*(?:sign in|log in|slack\s*\|?\s*login)|/workspace-signin|/sso/saml""",
    re.IGNORECASE,
)
_TIMES = re.compile(r"^(?:\d+:)?\d{1,2}:\d{2}[.,]\d{3}\s*-->")


def is_sign_in(page: bytes) -> bool:
    """Slack answers with its sign-in page, and 200, when the token may not read a file."""
    return _SIGN_IN.search(page[:200_000]) is not None


def text_of(page: str) -> str:
    """With headings, lists, boxes, links and the rows of tables as Markdown has them."""
    reader = _Page()
    reader.feed(page)
    reader.close()
    lines = [
        " ".join(line.split()) if not line.startswith("    ") else line
        for line in "".join(reader.out).split("\n")
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._unseen = 0
        self._lists: list[int] = []  # the number of the last item; -1 where there are none
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in _UNSEEN:
            self._unseen += 1
        elif re.fullmatch("h[1-6]", tag):
            self.out.append("\n\n" + "#" * int(tag[1]) + " ")
        elif tag == "li":
            self.out.append("\n" + self._item(found))
        elif tag in ("td", "th"):
            self.out.append(" | ")
        elif tag == "a":
            self._links.append(found.get("href") or "")
        elif tag == "img" and found.get("alt"):
            self.out.append(f"[image: {found['alt']}]")
        elif tag in _APART or tag == "tr":
            self.out.append("\n")
        if tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else -1)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif (
            tag == "a"
            and self._links
            and (link := self._links.pop()).startswith(("http:", "https:", "mailto:"))
        ):
            self.out.append(f" ({link})")
        if tag in _APART or re.fullmatch("h[1-6]", tag):
            self.out.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.out.append(data.replace("\n", " "))

    def _item(self, found: dict[str, str | None]) -> str:
        if "checked" in (found.get("class") or ""):
            return "- [x] "
        if self._lists and self._lists[-1] >= 0:
            self._lists[-1] += 1
            return f"{self._lists[-1]}. "
        return "- "


def captions(vtt: str) -> str:
    """What is said in a WebVTT file, without times and places; a line that is said on is said once."""
    said: list[str] = []
    for cue in re.split(r"\n\s*\n", vtt.replace("\r\n", "\n").lstrip("\N{BYTE ORDER MARK}")):
        lines = cue.strip().split("\n")
        at = next((number for number, line in enumerate(lines) if _TIMES.match(line.strip())), None)
        if at is None:  # the head, a note, a style
            continue
        text = re.sub(r"<[^<>]*>", "", " ".join(line.strip() for line in lines[at + 1 :])).strip()
        if text and (not said or said[-1] != text):
            said.append(text)
    return " ".join(said)

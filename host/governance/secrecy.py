"""Which parts of a text are secrets, by rule. Pure, and as long in looking as the text is long, whoever wrote it.

A text is looked at as it is written and as it is shown: what a platform's markup takes out of it (`ghp\\_a`, `gh**p_a**`, a
character of no width) hides nothing. What encodes a secret (base64, backwards, in two messages) does.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from host.config.shapes import Shape, begun, run_of

SHORTEST_VALUE = 8  # characters of a secret of this host that is looked for: less is a common word
HIDDEN = "‹{}›"  # signs that no platform's markup knows
EXAMPLES = re.compile(r"example|your|placeholder|dummy|redacted|(.)\1{7}", re.IGNORECASE)
FEWEST_SIGNS = 6  # different ones in what was drawn by chance

Span = tuple[int, int, str]  # from, to, the rule's name


@dataclass(frozen=True, slots=True)
class Known:
    """A kind of token, as whoever issues it documents it."""

    name: str
    shape: Shape
    mixed: bool = True  # digits, or letters of both cases: no words with hyphens


def _known(name: str, signs: str, least: int, *begins: str, most: int = 0, mixed: bool = True) -> list[Known]:
    run = run_of(signs)
    return [Known(name, Shape(begin, run, least, most), mixed) for begin in begins]


KNOWN = (
    *_known("slack-token", "[A-Za-z0-9-]", 20, *(f"xox{kind}-" for kind in "abceoprs"), "xapp-"),
    *_known("slack-token", "[A-Za-z0-9-]", 20, "xoxe.xoxb-", "xoxe.xoxp-"),
    *_known("github-token", "[A-Za-z0-9_]", 30, *(f"gh{kind}_" for kind in "pousr"), "github_pat_"),
    *_known("gitlab-token", "[A-Za-z0-9_.-]", 20, "glpat-"),
    *_known("aws-key-id", "[A-Z0-9]", 16, "AKIA", "ASIA", most=16, mixed=False),
    *_known("anthropic-key", "[A-Za-z0-9_-]", 24, "sk-ant-"),
    *_known("openai-key", "[A-Za-z0-9_-]", 24, "sk-proj-", "sk-svcacct-", "sk-admin-"),
    *_known("stripe-key", "[A-Za-z0-9]", 16, "sk_live_", "rk_live_", "sk_test_", "rk_test_"),
    *_known("google-key", "[A-Za-z0-9_-]", 35, "AIza", most=35),
    *_known("google-token", "[A-Za-z0-9_.-]", 30, "ya29."),
    *_known("huggingface-token", "[A-Za-z0-9]", 30, "hf_"),
    *_known("npm-token", "[A-Za-z0-9]", 36, "npm_"),
    *_known("notion-token", "[A-Za-z0-9]", 40, "ntn_", "secret_"),
)
JWT = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{16,}+(?![A-Za-z0-9_-])"
)
HEADERS = {
    "bearer": re.compile(r"\bBearer[ \t]{1,4}([A-Za-z0-9._~+/-]{20,}+)", re.IGNORECASE),
    "basic": re.compile(r"\bBasic[ \t]{1,4}([A-Za-z0-9+/]{16,}+)", re.IGNORECASE),
}
IN_ADDRESS = re.compile(r"://[^\s/?#@:<>\"'`|\\]{0,128}+:([^\s/?#@<>\"'`|]{3,512}+)@")
STANDS_FOR_ONE = re.compile(
    r"\W.*|pass(?:word|wd|phrase)?|pwd|pw|secret|token|api-?key|x+|changeme", re.IGNORECASE
)
KEY_BEGINS = "-----BEGIN "
KEY = re.compile(r"-----BEGIN (?:(?!PRIVATE )[A-Z0-9]{1,20} ){0,4}+PRIVATE KEY(?: BLOCK)?-----")
KEY_LINES = re.compile(
    r"(?:(?:\s|>|\\n){0,80}+[A-Za-z0-9+/]{16,}+)++(?:\s{0,8}+[A-Za-z0-9+/]{1,80}+=)?={0,2}"
)
ENOUGH = re.compile(r"[A-Za-z0-9+/]{16}")  # of a key that has other lines before its own
LONGEST_KEY = 20_000  # characters from its beginning to its end

# What may have begun at the end of a text that goes on, beside what is known by its beginning.
_WORD = run_of(r"[!-~]")
_GOES_ON = (
    *(known.shape for known in KNOWN),
    *(Shape(begin, _WORD) for begin in ("eyJ", "Bearer ", "bearer ", "Basic ", "basic ")),
)
_ADDRESS = Shape("://", run_of(r"[^\s/@]"))
SURE = 4  # characters of a secret's beginning that are held back within a word, too

# What posts are without, or nobody sees: controls (of a file in UTF-16 one beside each letter), signs of no width, tags.
_UNSEEN = (
    r"\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    r"\u034f\u061c\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
)
_TAKEN_OUT = re.compile(
    rf"\\n|\\(?=[!-/:-@\[-`{{-~])|[*`{_UNSEEN}]|~~|\|\||</?[A-Za-z][A-Za-z0-9]{{0,15}}(?:\s[^<>\n]{{0,80}})?/?>"
    r"|!?\[\]\([^()\s]{0,200}\)"
    r"|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31});"
    # An address is shown with what it encodes.
    r"|%[0-7][0-9A-Fa-f]|%[CDcd][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]|%[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}"
    r"|%[Ff][0-7](?:%[89ABab][0-9A-Fa-f]){3}"
)
_NOTHING = re.compile(f"[{_UNSEEN}]")


@dataclass(frozen=True)
class Rules:
    """`values`: secrets of this host, and what they are called. `shapes`: the operator's, by name."""

    values: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, Shape] = field(default_factory=dict)

    def hide(self, text: str) -> tuple[str, Counter[str]]:
        """The text without them, and how many which rule found."""
        counts: Counter[str] = Counter()
        for view in (View, _as_shown):
            text = self._hide(text, view(text), counts)
        return text, counts

    def said(self, text: str) -> str:
        """As much of a text that goes on as no secret can begin in."""
        shown = _as_shown(text) or View(text)
        seen = shown.text
        ends = [
            *(shape.under_way(seen, apart=True) for shape in _GOES_ON),
            *(shape.under_way(seen) for shape in (_ADDRESS, *self.shapes.values())),
            *(_value_begun(seen, value) for value in self.values),
            _key_begun(seen),
        ]
        return text[: shown.at(min(ends))]

    def _hide(self, text: str, view: View | None, counts: Counter[str]) -> str:
        if view is None:
            return text
        parts: list[str] = []
        done = 0
        for at, end, name in _apart(self._found(view.text)):
            begin = view.at(at)
            parts += (text[done:begin], HIDDEN.format(f"masked: {name}"))
            done = view.at(end - 1) + 1
            counts[name] += 1
        return "".join((*parts, text[done:]))

    def _found(self, text: str) -> Iterator[Span]:
        for value, name in self.values.items():
            at = text.find(value)
            while at >= 0:
                yield at, at + len(value), name
                at = text.find(value, at + len(value))
        for name, shape in self.shapes.items():
            yield from ((at, end, name) for at, end in shape.found_in(text))
        yield from _tokens(text)
        yield from _marked(text)


def _tokens(text: str) -> Iterator[Span]:
    """By what they begin with."""
    for known in KNOWN:
        for at, end in known.shape.found_in(text, apart=True):
            if _by_chance(text[at + len(known.shape.begins) : end], mixed=known.mixed):
                yield at, end, known.name
    for found in JWT.finditer(text):
        yield *found.span(), "jwt"


def _marked(text: str) -> Iterator[Span]:
    """By what stands before them."""
    for name, header in HEADERS.items():
        for found in header.finditer(text):
            if _by_chance(found[1]):
                yield *found.span(1), name
    for found in IN_ADDRESS.finditer(text):
        if not STANDS_FOR_ONE.fullmatch(found[1]):
            yield *found.span(1), "address-password"
    for found in KEY.finditer(text):
        if end := _end_of_key(text, found.end()):
            yield found.start(), end, "private-key"


@dataclass(frozen=True)
class View:
    """A text, and where its parts stand in the one that it is a view of."""

    text: str
    begins: Sequence[int] = (0,)  # of the parts, in it
    stands: Sequence[int] = (0,)  # there

    def at(self, place: int) -> int:
        part = bisect_right(self.begins, place) - 1
        return self.stands[part] + place - self.begins[part]


def _as_shown(text: str) -> View | None:
    """None where that is the same."""
    parts: list[str] = []
    begins, stands = [], []
    done = length = 0
    for found in _TAKEN_OUT.finditer(text):
        instead = _instead(found[0])
        for part, stands_at in ((text[done : found.start()], done), (instead, found.start())):
            if part:
                parts.append(part)
                begins.append(length)
                stands.append(stands_at)
                length += len(part)
        done = found.end()
    if not done:
        return None
    begins.append(length)
    stands.append(done)
    return View("".join((*parts, text[done:])), begins, stands)


def _instead(taken: str) -> str:
    if taken == "\\n":
        return "\n"
    if taken.startswith(("&", "%")):
        shown = html.unescape(taken) if taken.startswith("&") else unquote(taken)
        return _NOTHING.sub("", shown[:1])
    return ""


def _apart(spans: Iterable[Span]) -> Iterator[Span]:
    """In turn; of those that overlap one, with the name of the first."""
    last: Span | None = None
    for span in sorted(spans, key=lambda one: (one[0], -one[1])):
        if last is not None and span[0] < last[1]:
            last = (last[0], max(last[1], span[1]), last[2])
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _by_chance(signs: str, *, mixed: bool = True) -> bool:
    """Whether it looks drawn, and not like an example or a word."""
    if EXAMPLES.search(signs) or len(set(signs)) < FEWEST_SIGNS:
        return False
    digits, large, small = (
        any(test(sign) for sign in signs) for test in (str.isdigit, str.isupper, str.islower)
    )
    return not mixed or digits or (large and small)


def _end_of_key(text: str, body: int) -> int:
    """0 where it is no key, as in a sentence about some. One whose end is not there is as long as its lines go on."""
    end = text.find("-----END ", body, body + LONGEST_KEY)
    lines = KEY_LINES.match(text, body)
    if end < 0:
        return lines.end() if lines is not None else 0
    if lines is None and ENOUGH.search(text, body, end) is None:
        return 0
    close = text.find("-----", end + len("-----END "), end + 80)
    return close + 5 if close >= 0 else len(text)


def _key_begun(text: str) -> int:
    at = text.rfind(KEY_BEGINS)
    if at < 0:
        return begun(text, KEY_BEGINS)
    whole = KEY.match(text, at) is not None or "\n" not in text[at:]
    return at if whole and "-----END " not in text[at:] else len(text)


def _value_begun(text: str, value: str) -> int:
    at = begun(text, value)
    return at if len(text) - at >= SURE else begun(text, value, apart=True)

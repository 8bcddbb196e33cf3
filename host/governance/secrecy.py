"""Which parts of a text are secrets, by rule. Pure, and as long in looking as the text is long, whoever wrote it.

A text is looked at as it is written and as it is shown: what a platform's markup takes out of it (`ghp\\_a`, `gh**p_a**`, a
link around a half of it, a character of no width) hides nothing. What encodes a secret (base64, backwards, in two messages) does.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from host.config.shapes import SHORTEST_BEGINNING, Shape, begun, run_of

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
    apart: bool = False  # words end in its beginning, as "task" in "sk"


def _known(name: str, signs: str, least: int, *begins: str, most: int = 0, mixed: bool = True) -> list[Known]:
    run = run_of(signs)
    return [
        Known(name, Shape(begin, run, least, most), mixed, begin.startswith(WORDS_END_SO)) for begin in begins
    ]


WORDS_END_SO = ("sk-", "sk_", "rk_", "hf_", "npm_", "ntn_", "ghs_", "ghu_")


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
_BY_BEGINNING: dict[str, list[Known]] = {}  # the fewer looks at a whole text, the better
for _one in KNOWN:
    _BY_BEGINNING.setdefault(_one.shape.begins[:SHORTEST_BEGINNING], []).append(_one)
JWT = re.compile(
    r"(?<![A-Za-z0-9_-])([A-Za-z0-9_-]{11,}+)\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{16,}+(?![A-Za-z0-9_-])"
)
SHORTEST_HEADER = 11  # signs of a JWT's
HEADERS = {
    "bearer": re.compile(r"(?<![A-Za-z])Bearer[ \t]{1,4}([A-Za-z0-9._~+/-]{20,}+)", re.IGNORECASE),
    "basic": re.compile(r"(?<![A-Za-z])Basic[ \t]{1,4}([A-Za-z0-9+/]{16,}+)", re.IGNORECASE),
}
LETTERS_OF_NO_CASE = "İıſ"  # an i or an s to a pattern that looks at no case
HEADER_BEGUN = re.compile(r"(?<![A-Za-z])(?:Bearer|Basic)[ \t]{1,4}([A-Za-z0-9._~+/=-]++)\Z", re.IGNORECASE)
IN_ADDRESS = re.compile(r"://[^\s/?#@:<>\"'`|\\]{0,128}+:([^\s/?#@<>\"'`|]{3,512}+)@")
STANDS_FOR_ONE = re.compile(
    r"\W.*|pass(?:word|wd|phrase)?|pwd|pw|secret|token|api-?key|x+|changeme", re.IGNORECASE
)
KEY_BEGINS = "-----BEGIN "
KEY_ENDS = re.compile(r"-----END [^-\n]{1,70}-----")
KEY = re.compile(r"-----BEGIN (?:(?!PRIVATE )[A-Z0-9]{1,20} ){0,4}+PRIVATE KEY(?: BLOCK)?-----")
KEY_LINES = re.compile(
    r"(?:(?:\s|>|\\n){0,80}+[A-Za-z0-9+/]{16,}+)++(?:\s{0,8}+[A-Za-z0-9+/]{1,80}+=)?={0,2}"
)
ENOUGH = re.compile(r"[A-Za-z0-9+/]{16}")  # of a key that has other lines before its own
LONGEST_KEY = 20_000  # characters from its beginning to its end

# What may have begun at the end of a text that goes on, beside what is known by its beginning.
_GOES_ON = (
    *(known.shape for known in KNOWN),
    Shape("eyJ", run_of("[A-Za-z0-9_.-]")),
    Shape("://", run_of(r"[^\s/@]")),
)

# What posts are without, or nobody sees: controls (of a file in UTF-16 one beside each letter), signs of no width, tags.
_UNSEEN = (
    r"\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    r"\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e0fff"
)
_WIDE = r"\uff01-\uff5e\U0001d400-\U0001d7ff"  # letters that are read as others
_MARKS = (
    rf"\\{{1,8}}+(?:[nrt]|u[0-9A-Fa-f]{{4}})|\\[!-/:-@\[-`{{-~]|\x1b\[[0-9;]{{0,20}}[A-Za-z]|[*`~{_UNSEEN}{_WIDE}]|\|\|"
    r"|(?:(?<! ) {2,80}+|\\)\r?\n"  # a line that is broken on purpose
    r"|</?[A-Za-z][A-Za-z0-9]{0,15}(?:\s[^<>\n]{0,500})?/?>|<!--[^<>\n]{0,500}-->"
    r"|!?\[\](?:\([^()\s]{0,200}\)|\[[^\[\]]{0,200}\])"
    r"|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31});"
    # An address is shown with what it encodes.
    r"|%[0-7][0-9A-Fa-f]|%[CDcd][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]|%[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}"
    r"|%[Ff][0-7](?:%[89ABab][0-9A-Fa-f]){3}"
)
# Of links only their labels, and no emphasis by underscores: not within a word, where they are none.
_LINKS = (
    r"!?\[|\](?:\(\s{0,8}+(?:<[^<>\n]{0,500}(?:>|\Z)|(?:[^()\s<]|\([^()\s]{0,100}(?:\)|\Z)){0,2000}+)"
    r"(?:\s{1,8}+(?:\"[^\"\n]{0,200}(?:\"|\Z)|'[^'\n]{0,200}(?:'|\Z)))?\s{0,8}+(?:\)|\Z)|\[[^\[\]]{0,200}(?:\]|\Z)|\Z)"
    r"|(?<!\w)_++|(?<!_)_++(?!\w)"
    r"|<[^<>|\s]{1,500}+\||>"  # as Slack writes them
)
_MORE = re.compile(_LINKS)


@dataclass(frozen=True, slots=True)
class _Marks:
    """`begin`: what the first sign of one can be, beside a pair of spaces. To look for that alone passes over words many times as
    fast."""

    begin: re.Pattern[str]
    begin_or_spaces: re.Pattern[str]
    mark: re.Pattern[str]

    @classmethod
    def of(cls, begin: str, mark: str) -> _Marks:
        return cls(re.compile(f"[{begin}]"), re.compile(f"[{begin}]|(?<! )  "), re.compile(mark))

    def found_in(self, text: str) -> Iterator[re.Match[str]]:
        """As `mark.finditer`."""
        begin, at = self.begin_or_spaces if "  " in text else self.begin, 0
        while (begun := begin.search(text, at)) is not None:
            at = begun.start() + 1
            if (found := self.mark.match(text, begun.start())) is not None:
                at = found.end()
                yield found


_BEGIN = rf"\\\x1b*`~|<!\[&%{_UNSEEN}{_WIDE}"
_TAKEN_OUT = _Marks.of(_BEGIN, _MARKS)
_TAKEN_OUT_OF_LABELS = _Marks.of(rf"{_BEGIN}\]_>", f"{_MARKS}|{_LINKS}")
# What may become one of these.
_MARK_BEGUN = re.compile(
    r"(?:\\{1,8}(?:u[0-9A-Fa-f]{0,3}|\r)?|\x1b\[?[0-9;]{0,20}|~{1,2}|\|{1,2}| {1,80}\r?|<[^<>\n]{0,520}"
    r"|!|!?\[\]?(?:\([^()\s]{0,200})?"
    r"|&[#A-Za-z0-9]{0,31}|(?:%[0-9A-Fa-f]{0,2}){1,4})\Z"
)
LONGEST_MARK = 600  # characters
_NOTHING = re.compile(f"[{_UNSEEN}]")


@dataclass(frozen=True)
class Rules:
    """`values`: secrets of this host, and what they are called. `shapes`: the operator's, by name."""

    values: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, Shape] = field(default_factory=dict)

    def hide(self, text: str) -> tuple[str, Counter[str]]:
        """The text without them, and how many which rule found."""
        counts: Counter[str] = Counter()
        # Of all views at once: what one shows as whole may be the beginning of what another does.
        views = [found for view in VIEWS if (found := view(text)) is not None]
        spans = list(self._stand_in(views))
        if not spans:
            return text, counts
        parts: list[str] = []
        done = 0
        for begin, end, name in _apart(spans):
            parts += (text[done:begin], HIDDEN.format(f"masked: {name}"))
            done = end
            counts[name] += 1
        return "".join((*parts, text[done:])), counts

    def said(self, text: str) -> str:
        """As much of a text that goes on as no secret can begin in."""
        mark = _MARK_BEGUN.search(text, max(len(text) - LONGEST_MARK, 0))
        wholes = (text, text[: mark.start()]) if mark is not None else (text,)
        sure = len(text)
        for whole in wholes:
            views = [found for view in VIEWS if (found := view(whole)) is not None]
            ends = min(self._sure_of(view) for view in views)
            sure = min(sure, ends) if ends < len(whole) else sure
        if sure == len(text):
            return text
        for begin, end, _ in _apart(self._stand_in(views)):
            if begin < sure < end:  # what is held back would leave the beginning of this one
                return text[:begin]
        return text[:sure]

    def _stand_in(self, views: Iterable[View]) -> Iterator[Span]:
        for view in views:
            for at, end, name in self._found(view.text):
                yield view.at(at), view.at(end - 1) + 1, name

    def _sure_of(self, view: View) -> int:
        seen = view.text
        header = HEADER_BEGUN.search(seen)
        ends = [
            *(shape.under_way(seen) for shape in (*_GOES_ON, *self.shapes.values())),
            *(begun(seen, value) for value in self.values),
            header.start(1) if header is not None else len(seen),
            _key_begun(seen),
        ]
        return view.at(min(ends))

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
    for known in (known for begins, some in _BY_BEGINNING.items() if begins in text for known in some):
        for at, end in known.shape.found_in(text, apart=known.apart):
            if _by_chance(text[at + len(known.shape.begins) : end], mixed=known.mixed):
                yield at, end, known.name
    for found in JWT.finditer(text) if ".eyJ" in text else ():
        at = found[1].find("eyJ")
        if 0 <= at <= len(found[1]) - SHORTEST_HEADER:
            yield found.start() + at, found.start() + len(found[0].rstrip("_")), "jwt"


def _marked(text: str) -> Iterator[Span]:
    """By what stands before them."""
    small, odd = text.lower(), any(sign in text for sign in LETTERS_OF_NO_CASE)
    for name, header in HEADERS.items():
        for found in header.finditer(text) if odd or name in small else ():
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
    return _without(_TAKEN_OUT, text)


def _as_read(text: str) -> View | None:
    """Of links the labels only. None where `_as_shown` is the same."""
    more = any(sign in text for sign in "[]_<>") and _MORE.search(text)
    return _without(_TAKEN_OUT_OF_LABELS, text) if more else None


def _without(marks: _Marks, text: str) -> View | None:
    parts: list[str] = []
    begins, stands = [], []
    done = length = 0
    for found in marks.found_in(text):
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
    if len(taken) == 1:
        return "" if taken.isascii() else _NOTHING.sub("", unicodedata.normalize("NFKC", taken)[:1])
    if taken.startswith("\\") and not taken.endswith("\n"):
        name = taken.lstrip("\\")
        if name.startswith("u"):
            return _NOTHING.sub("", chr(int(name[1:], 16)))
        return "\n" if name in ("n", "r", "t") else taken[-1]
    if taken.startswith(("&", "%")):
        taken = (html.unescape(taken) if taken.startswith("&") else unquote(taken))[:1]
        return _NOTHING.sub("", unicodedata.normalize("NFKC", taken)[:1])
    return ""


VIEWS: Sequence[Callable[[str], View | None]] = (View, _as_shown, _as_read)


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
    return at if whole and KEY_ENDS.search(text, at) is None else len(text)

"""What both platforms need done to raw text: odd characters out, lengths counted, mentions made harmless."""

import re
import unicodedata
from collections.abc import Collection, Iterable

ZERO = "\u200b"  # put into a mention, it shows nothing and keeps the platform from reading one

# Invisible or direction-changing characters that a platform may skip when it looks for a mention.
IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff"
)

_NEWLINES = re.compile("\r\n?|[\u0085\u2028\u2029\x0b\x0c]")
_FLAG_TAGS = "(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"
_DROPPED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u180e\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
    f"|{_FLAG_TAGS}"
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS = re.compile("(?:[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u200c\u200d]){9,}")
_MOST_MARKS = (
    8  # combining marks kept on one letter; more is no script, only a tower over the neighbours' lines
)


def tidy(text: str) -> str:
    """Without control characters, direction overrides and invisible padding; lone surrogates become U+FFFD.

    Joiners, variation selectors and the plain direction marks stay: emoji and real scripts need them.
    """
    text = _NEWLINES.sub("\n", text)
    text = _LONE_SURROGATE.sub("\ufffd", text)
    text = _DROPPED.sub("", text)
    return _MARKS.sub(lambda match: match[0][:_MOST_MARKS], text)


def units(text: str) -> int:
    """UTF-16 units: never fewer than code points, so it is safe whichever of the two a platform counts."""
    return len(text) + sum(1 for char in text if char > "\uffff") if not text.isascii() else len(text)


def shown(text: str) -> str:
    """The text without white space and what has no width: what must survive rendering, in this order."""
    return "".join(
        char
        for char in text
        if not char.isspace() and char != ZERO and not unicodedata.category(char).startswith("C")
    )


def spaced(names: Iterable[str]) -> str:
    """A pattern for any of the names, also with ignorable characters between their letters."""
    between = f"[{IGNORABLE}]*"
    return "(?:" + "|".join(between.join(map(re.escape, name)) for name in names) + ")"


def quiet(text: str, mass: re.Pattern[str], keep: Collection[str]) -> str:
    """Break every mention by a zero-width space, except those of people and channels whose ids are in `keep`.

    `mass` matches the character after which a mention of many people has to be broken. Idempotent.
    """

    def one(match: re.Match[str]) -> str:
        return match[0] if match["id"] in keep else f"<{ZERO}{match[0][1:]}"

    return mass.sub(lambda match: match[0] + ZERO, MENTION.sub(one, text))


MENTION = re.compile(
    rf"<(?=[\s{IGNORABLE}]*[@#])(?!{ZERO})(?:[@#]!?(?P<id>[A-Za-z0-9]{{1,32}})(?:\|[^<>\n]{{0,80}})?>)?"
)

"""Whether the words of a link pass for the address of somewhere else, as a person would read them.

An address among words is one by its form. What is as well a number, a sentence's end or a file's name counts where it
stands alone, has a scheme or a path, or ends as nothing but addresses do.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import urlsplit

from markdown_it.common.normalize_url import normalizeLink

from bots.markup import lookalikes

LEAST = 2**24  # numbers below it are not read as an address by themselves
BESIDE = 200  # characters beside a link that are looked at


def disguised(label: str, href: str, before: str = "", after: str = "") -> bool:
    """Whether a link's words look like an address, or have one among them, that is not the one it leads to.

    `before` and `after` is what stands beside them: "[bank](…).example" is read as one word, and "bank [.example](…)" may be.
    """
    if normalizeLink(label) == href.removeprefix("mailto:"):
        return not label.isascii() and lookalikes.deceives(_host(href))
    before, after = before[-BESIDE:], after[:BESIDE]
    return any(
        _makes_another(label, href, behind.search(before)[0], ahead.search(after)[0])  # type: ignore[index]  # they find '' anywhere
        for behind, ahead in ((_TOUCHING_BEFORE, _TOUCHING_AFTER), (_NEAR_BEFORE, _NEAR_AFTER))
    )


def told(words: str) -> str:
    """Plain words, of which platforms make links themselves: an address in letters that pass for others says what it is."""

    def said(address: re.Match[str]) -> str:
        deceives = lookalikes.deceives(address["host"])
        return f"{address[0]} ({normalizeLink(address[0])})" if deceives else address[0]

    return words if words.isascii() else _PLAIN.sub(said, words)


def _makes_another(label: str, href: str, before: str, after: str) -> bool:
    others = {claim for words in (before, after) if words for claim in _foreign(words, href)}
    return not others.issuperset(_foreign(before + label + after, href))


def _foreign(label: str, href: str) -> Iterator[object]:
    """The addresses among the words that are not this one."""
    said = _said(label)
    places = _places(href)
    host = _host(href)
    for claim in _CLAIM.finditer(said):
        if not claim["scheme"] and (_is_a_file(claim) or _ends_a_sentence(claim, said)):
            continue
        address = _bare(claim[0].rstrip(".,;:!?"))
        number = _ipv4(address.partition("/")[0].partition(":")[0])
        if address not in places and (number is None or number != _ipv4(host)):
            yield (claim["scheme"] or "").lower(), address
    yield from (number for number in _ipv6_of(said) if number != _ipv6(host))
    yield from (number for number in _ipv4_of(said) if number != _ipv4(host))


def _said(label: str) -> str:
    """The words as they are read: a dot is one however it is written or set apart."""
    said = "".join(c for c in unicodedata.normalize("NFKC", label) if unicodedata.category(c)[0] != "M")
    said = _HIDDEN.sub("", said).replace("。", ".").replace("\u2800", " ").strip()
    said = _LIKE_A_DOT.sub(".", said)
    said = _WRAPPED_DOT.sub(".", said)
    said = _TRAILING.sub("", _LEADING.sub("", said))
    apart = _APART.fullmatch(said)
    if apart and not _FILES.fullmatch(apart["ending"]) and not _SETTINGS.fullmatch(apart["ending"]):
        return re.sub(r"\s*\.\s*", ".", said)
    return _AMONG_WORDS.sub(_joined, said)


def _joined(match: re.Match[str]) -> str:
    """A dot before a word is set apart from an address; one behind a word, or spelled out, from what is nothing else."""
    ending = match["ending"]
    before = match["dot"][:1].isspace() and match["dot"].strip() == "."
    sentence = not before and "." in match["dot"] and ending.istitle()
    if sentence or _SETTINGS.fullmatch(ending) or _FILES.fullmatch(ending):
        return match[0]
    return f".{ending}" if before or _ONLY_ADDRESSES.fullmatch(ending) else match[0]


def _is_a_file(claim: re.Match[str]) -> bool:
    """Nothing lies below a file: "cash.sh/login" is an address."""
    return bool(_FILES.fullmatch(claim["ending"] or "")) and not re.match(r"/\w", claim["path"] or "")


def _ends_a_sentence(claim: re.Match[str], said: str) -> bool:
    """Among other words "done.Then" is no address; by itself "Bank.Then" is, and "Bank.Com" anywhere."""
    ending = claim["ending"] or ""
    sentence = claim[0] != said and ending[:1].isupper() and not ending.isupper()
    return sentence and not _ONLY_ADDRESSES.fullmatch(ending)


def _ipv6_of(said: str) -> Iterator[ipaddress.IPv6Address]:
    """Without brackets one needs a digit, for "a::b" is said of code."""
    for claim in _IPV6.finditer(said):
        number = _ipv6(claim[0].strip("[]"))
        if number is not None and (claim[0].startswith("[") or any(map(str.isdigit, claim[0]))):
            yield number


def _ipv4_of(said: str) -> Iterator[int]:
    """Those that browsers take for an address though they are written as one number, in parts of it, in hex or in octal."""
    for claim in _NUMBER.finditer(said):
        parts = claim["parts"].split(".")
        number = _ipv4(claim["parts"])
        odd = any(part[:2].lower() == "0x" and len(part) > 2 for part in parts)
        octal = len(parts) == 4 and any(len(part) > 1 and part.startswith("0") for part in parts)
        alone = claim[0] == said.strip(_AROUND) and len(parts) == 1
        if number is None or (len(parts) == 1 and number < LEAST and not claim["scheme"]):
            continue
        if claim["scheme"] or claim["more"] or odd or octal or alone:
            yield number


def _ipv4(host: str) -> int | None:
    """As browsers read it; None for what is no such number."""
    values: list[int] = []
    for part in host.split("."):
        base = 16 if part[:2].lower() == "0x" else 8 if len(part) > 1 and part.startswith("0") else 10
        try:
            values.append(int(part[2:] or "0" if base == 16 else part, base))
        except ValueError:
            return None
    *first, last = values
    room = 256 ** (4 - len(first))
    if len(first) > 3 or last >= room or any(value > 255 for value in first):
        return None
    for place, value in enumerate(first):
        last += value << 8 * (3 - place)
    return last


def _ipv6(host: str) -> ipaddress.IPv6Address | None:
    try:
        return ipaddress.IPv6Address(host)
    except ValueError:
        return None


def _host(href: str) -> str:
    try:
        return urlsplit(href).hostname or ""
    except ValueError:  # brackets that hold no address
        return ""


def _places(href: str) -> set[str]:
    """What may be said of where it leads: all of it, or where that is. What stands before an @ there is no part of it."""
    own = _bare(href.removeprefix("mailto:"))
    place = own.partition("/")[0] if href.startswith("mailto:") else own.partition("/")[0].rpartition("@")[2]
    return {own, place.partition("?")[0], _bare(_host(href))} - {""}


def _bare(address: str) -> str:
    return re.sub(r"^(?:https?:/{0,3}|//)?(?:www\.)?", "", address.strip().lower()).rstrip("/")


_PLAIN = re.compile(r"https?://(?P<host>[\w.-]{1,253})(?:[:/?#][^\s<>|]*)?", re.IGNORECASE)
_TOUCHING_BEFORE = re.compile(r"(?:(?<![\w@.:/-])[\w@.:/-]{1,80})?$")
_TOUCHING_AFTER = re.compile(r"^[\w@.:/-]{0,80}")
_NEAR_BEFORE = re.compile(
    r"(?:(?<![\w@.:/-])[\w@.:/-]{1,80}(?:[^\S\n]{1,8}(?:dot|\.)?)?)?[^\S\n]{0,8}$", re.IGNORECASE
)
_NEAR_AFTER = re.compile(
    r"^[^\S\n]{0,8}(?:(?:dot|\.)[^\S\n]{1,8})?(?:[\w@.:/-]{1,80})?", re.IGNORECASE
)  # with what a space sets apart
_CLAIM = re.compile(
    r"(?<![\w@./-])(?P<scheme>[a-z][a-z0-9+.-]{1,20}:/{1,3}|//|www\.)?(?:[^\s/@]{0,64}@)?"
    r"(?:(?:[\w-]{1,63}\.){1,8}(?P<ending>[^\W\d_]{2,24}|xn--[\w-]{1,59})|(?:\d{1,3}\.){3}\d{1,3}|localhost(?=:\d)"
    r"|(?<=[a-z]://)[^\W\d][\w-]{0,62})(?![\w-])(?::\d+)?(?P<path>[/?#]\S*)?",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?<![\w@./#-])(?P<scheme>(?:https?|ftp):/{0,3}|[a-z][a-z0-9+.-]{1,20}:/{1,3}|//)?"
    r"(?P<parts>(?:(?:0x[0-9a-f]{0,8}|\d{1,12})\.){0,3}(?:0x[0-9a-f]{1,8}|\d{1,12}))(?!\.?[\w-])(?P<more>(?::\d{2,5})?(?:/[^\W\d]\S*)?)",
    re.IGNORECASE,
)
_HIDDEN = re.compile(
    "[\\u00ad\\u061c\\u115f\\u1160\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\ufff0-\\ufff8\\U000e0000-\\U000e0fff]"
)  # those that Unicode lists as ignorable, but for marks
_AROUND = " ()[]{}<>\"'“”„«»‚‘’.,;:!?/*"  # what may stand around a number that is all that is said
_ONLY = "com|org|edu|gov|biz|io|uk|eu|ru|cn|jp|fr|dev|xyz|onion|example|localhost"
_ONLY_ADDRESSES = re.compile(f"{_ONLY}|xn--.*", re.IGNORECASE)  # endings that are no words of their own
_LIKE_A_DOT = re.compile(
    r"(?<=[^\W\d_])[\u0660\u06f0\u0701\u0702\ua4f8\ua60e\U00010a50\U0001d16d](?=[^\W\d_])"
    rf"|(?<=\w)[\u00b7\u0387\u2022\u2027\u2219\u22c5\u2e31\u2e33\u30fb](?=(?:{_ONLY})(?![\w-]))",
    re.IGNORECASE,
)  # those that Unicode lists as confusable with one, or, where nothing but an address ends so, that stand higher
_WRAPPED_DOT = re.compile(
    r"(\s?)(?:\[\s?(?:\.|dot)\s?\]|\(\s?(?:\.|dot)\s?\)|\{\s?(?:\.|dot)\s?\}|[<〔【]\s?(?:\.|dot)\s?[>〕】])\1",
    re.IGNORECASE,
)  # "bank[.]example"
_LEADING = re.compile(rf"^[./_-]+(?=(?:[\w-]{{1,63}}\.){{1,8}}(?:{_ONLY})(?![\w.-]))", re.IGNORECASE)
_TRAILING = re.compile(r"(?<=[^\W_])[-_]+(?=\s|$)")  # "bank.example_"
_APART = re.compile(
    r"[\w-]+(?:\s*\.\s*[\w-]+)*\s+\.\s*(?P<ending>[^\W\d_]{2,24})(?:/\S*)?"
)  # "bank .example", and nothing else
_AMONG_WORDS = re.compile(
    r"(?<=[\w-])(?P<dot>\s{1,8}\.\s{0,8}|\.\s{1,8}|[\s_-]{1,8}dot[\s_-]{1,8})(?P<ending>[^\W\d_]{2,24}|xn--[\w-]{1,59})(?![\w-])",
    re.IGNORECASE,
)  # "Go to bank .example now"
_SETTINGS = re.compile(
    r"NET|env|venv|ssh|aws|vscode|idea|\w*config|cache|mailmap|htaccess|(?:git|docker|bash|zsh|clang)\w*|\w+rc|\w+ignore|\w*profile"
)
_IPV6 = re.compile(
    r"(?<![\w:.])(?:\[[0-9a-f:.]{2,45}(?:%\w+)?\]|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}(?![\w:]))",
    re.IGNORECASE,
)
_FILES = re.compile(
    "md|py|rs|sh|so|cc|ts|js|zip|mov|json|toml|ya?ml|txt|log|csv|html|css|go|java|rb|pdf|docx?|xlsx?|pptx?|png|jpe?g"
    "|gif|svg|php|sql|xml|ini|cfg|lock|tsx|jsx|ipynb|gz|tar",
    re.IGNORECASE,
)  # endings of files' names, some of which are domains too

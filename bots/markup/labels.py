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

LEAST = 2**24  # numbers below it are not read as an address by themselves


def disguised(label: str, href: str, before: str = "", after: str = "") -> bool:
    """Whether a link's words look like an address, or have one among them, that is not the one it leads to.

    `before` and `after` is what touches them: "[bank](…).example" is read as one word.
    """
    if normalizeLink(label) == href.removeprefix("mailto:"):
        return False
    touching = _TOUCHING_BEFORE.search(before)[0], _TOUCHING_AFTER.search(after)[0]  # type: ignore[index]  # they find '' anywhere
    others = {claim for words in touching if words for claim in _foreign(words, href)}
    return not others.issuperset(_foreign(touching[0] + label + touching[1], href))


def _foreign(label: str, href: str) -> Iterator[object]:
    """The addresses among the words that are not this one."""
    said = _said(label)
    own = _bare(href.removeprefix("mailto:"))
    places = own, own.partition("/")[0], own.partition("/")[0].partition(":")[0]
    host = _host(href)
    for claim in _CLAIM.finditer(said):
        ending = claim["ending"] or ""
        if not claim["scheme"] and (_FILES.fullmatch(ending) or _ends_a_sentence(claim, said)):
            continue
        address = _bare(claim[0].rstrip(".,;:!?"))
        number = _ipv4(address.partition("/")[0].partition(":")[0])
        if address not in places and (number is None or number != _ipv4(host)):
            yield address
    yield from (number for number in _ipv6_of(said) if number != _ipv6(host))
    yield from (number for number in _ipv4_of(said) if number != _ipv4(host))


def _said(label: str) -> str:
    """The words as they are read: a dot is one however it is written or set apart."""
    said = _HIDDEN.sub("", unicodedata.normalize("NFKC", label)).replace("。", ".").strip()
    said = _LIKE_A_DOT.sub(".", said)
    said = _WRAPPED_DOT.sub(".", said)
    apart = _APART.fullmatch(said)
    if apart and not _FILES.fullmatch(apart["ending"]) and not _SETTINGS.fullmatch(apart["ending"]):
        return re.sub(r"\s*\.\s*", ".", said)
    return _AMONG_WORDS.sub(_joined, said)


def _joined(match: re.Match[str]) -> str:
    """A dot before a word is set apart from an address; one behind a word, or spelled out, from what is nothing else."""
    ending = match["ending"]
    before = match["dot"][:1].isspace() and match["dot"].strip() == "."
    if _SETTINGS.fullmatch(ending) or _FILES.fullmatch(ending):
        return match[0]
    return f".{ending}" if before or _ONLY_ADDRESSES.fullmatch(ending) else match[0]


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
        alone = claim[0] == said and len(parts) == 1
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


def _bare(address: str) -> str:
    return re.sub(r"^(?:(?:https?:)?//)?(?:www\.)?", "", address.strip().lower()).rstrip("/")


_TOUCHING_BEFORE = re.compile(r"(?:(?<![\w@.:/-])[\w@.:/-]{1,80})?$")
_TOUCHING_AFTER = re.compile(r"^[\w@.:/-]{0,80}")
_CLAIM = re.compile(
    r"(?<![\w@./-])(?P<scheme>(?:[a-z][a-z0-9+.-]{0,20}:)?//|www\.)?(?:[^\s/@]{0,64}@)?"
    r"(?:(?:[\w-]{1,63}\.){1,8}(?P<ending>[^\W\d_]{2,24}|xn--[\w-]{1,59})|(?:\d{1,3}\.){3}\d{1,3}|localhost(?=:\d)"
    r"|(?<=[a-z]://)[^\W\d][\w-]{0,62})(?![\w-])(?::\d+)?(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?<![\w@./#-])(?P<scheme>(?:[a-z][a-z0-9+.-]{0,20}:)?//)?(?P<parts>(?:(?:0x[0-9a-f]{0,8}|\d{1,11})\.){0,3}"
    r"(?:0x[0-9a-f]{1,8}|\d{1,11}))(?!\.?[\w-])(?P<more>(?::\d{2,5})?(?:/[^\W\d]\S*)?)",
    re.IGNORECASE,
)
_HIDDEN = re.compile("[\\u00ad\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufeff]")
_LIKE_A_DOT = re.compile(
    r"(?<=[^\W\d_])[\u0660\u06f0\u0701\u0702\ua4f8\ua60e\U00010a50\U0001d16d](?=[^\W\d_])"
)  # those that Unicode lists as confusable with one
_WRAPPED_DOT = re.compile(
    r"(\s?)(?:\[\s?(?:\.|dot)\s?\]|\(\s?(?:\.|dot)\s?\)|\{\s?(?:\.|dot)\s?\})\1", re.IGNORECASE
)  # "bank[.]example"
_APART = re.compile(
    r"[\w-]+(?:\s*\.\s*[\w-]+)*\s+\.\s*(?P<ending>[^\W\d_]{2,24})(?:/\S*)?"
)  # "bank .example", and nothing else
_AMONG_WORDS = re.compile(
    r"(?<=[\w-])(?P<dot>\s{1,8}\.\s{0,8}|\.\s{1,8}|\s{1,8}dot\s{1,8})(?P<ending>[^\W\d_]{2,24}|xn--[\w-]{1,59})(?![\w-])",
    re.IGNORECASE,
)  # "Go to bank .example now"
_ONLY_ADDRESSES = re.compile(
    "com|org|edu|gov|biz|io|uk|eu|ru|cn|jp|fr|dev|xyz|onion|example|localhost|xn--.*", re.IGNORECASE
)  # endings that are no words of their own
_SETTINGS = re.compile(
    r"NET|env|venv|ssh|aws|vscode|idea|config|cache|git\w*|docker\w*|\w+rc|\w+ignore|\w*profile"
)
_IPV6 = re.compile(
    r"(?<![\w:.])(?:\[[0-9a-f:.]{2,45}(?:%\w+)?\]|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}(?![\w:]))",
    re.IGNORECASE,
)
_FILES = re.compile(
    "md|py|rs|sh|pl|so|cc|ts|js|zip|mov|app|json|toml|ya?ml|txt|log|csv|html|css|go|java|rb|pdf|docx?|xlsx?|pptx?|png|jpe?g"
    "|gif|svg|php|sql|xml|ini|cfg|lock|tsx|jsx|ipynb|gz|tar",
    re.IGNORECASE,
)  # endings of files' names, some of which are domains too

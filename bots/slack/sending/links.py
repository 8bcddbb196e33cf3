"""Addresses as words, for calls that have no switch against previews: streams, updates, ephemerals.

A preview is fetched from where the address leads, with whatever the address carries: a way out for a model's words. What such
a call shows is not linkable; the answer itself goes by a call with the switch, and its links work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from bots.markup import grammar

JOINT = "\N{WORD JOINER}"
_TICKS = re.compile(r"\\.|(?P<ticks>`+)")  # an escaped one begins no code
_WHOLE = (
    re.compile(r"(?:https?|ftp|slack):(?=//)|(?:mailto|tel):", re.IGNORECASE),
    re.compile(r"(?<=[^\s.])\.(?=[^\W\d_][^\s.])"),  # some scripts' letters end in marks that are no letters
    re.compile(r"(?<=[\w.+-])@(?=\w)"),
    re.compile(r"\](?=\()"),
)
# Nothing is put before what a look forward sees: a text that grows at its end keeps what was shown of it. "1." begins a list.
_GROWING = (
    re.compile(r"(?:https?|ftp|slack|mailto|tel):", re.IGNORECASE),
    re.compile(r"(?<=[^\s\d.])\.|(?<=\d)\.(?=[^\W\d_])"),
    re.compile(r"(?<=[\w.+-])@"),
    re.compile(r"(?<!\[[xX ])\]"),
)


def growing(text: str) -> str:
    """Of a text that is shown while it grows: the same to the eye, and an address to nobody."""
    return _apart(text, _GROWING)


def unlinked(text: str) -> str:
    """Of plain words, in which a backtick is one, or nobody knows what it is."""
    return _apart(text, _WHOLE)


def in_markdown(text: str) -> str:
    """Code, in which nothing is a link, can still be copied; where it begins and ends is for a reader of Markdown to say."""
    lines = text.split("\n")
    code = {
        number
        for token in grammar.parser().parse(text)
        if token.type in ("fence", "code_block") and token.map
        for number in range(*token.map)
    }
    return "\n".join(
        line if number in code else "".join(_beside_code(line)) for number, line in enumerate(lines)
    )


def _beside_code(line: str) -> Iterator[str]:
    """A span ends in the line in which it begins, as it is written; where one does not, the line has none."""
    spans, end = [], 0
    while found := _TICKS.search(line, end):
        begin, end, ticks = found.start(), found.end(), found["ticks"]
        if ticks:
            closing = re.compile(rf"(?<!`){ticks}(?!`)").search(line, end)
            if closing is None:
                yield unlinked(line)
                return
            end = closing.end()
            spans.append((begin, end))
    at = 0
    for begin, end in spans:
        yield unlinked(line[at:begin]) + line[begin:end]
        at = end
    yield unlinked(line[at:])


def _apart(text: str, patterns: Sequence[re.Pattern[str]]) -> str:
    for pattern in patterns:
        text = pattern.sub(rf"\g<0>{JOINT}", text)
    return text


def shown(payload: Any) -> Any:
    """A message's text and blocks, for a call without the switch. What a button opens when it is pressed stays."""
    if isinstance(payload, list):
        return [shown(one) for one in payload]
    if not isinstance(payload, dict):
        return payload
    match payload:
        case {"type": "rich_text_preformatted"}:
            return payload
        case {"type": "text", "style": {"code": True, **other}} if (
            not other
        ):  # nobody says what more there may be of it
            return payload
        case {"type": "link", "url": str(url), "text": str(words), **rest}:
            said = words if words == url else f"{words} ({url})"
            return {**rest, "type": "text", "text": unlinked(said)}
        case {"type": "markdown", "text": str(text)}:
            return {**payload, "text": in_markdown(text)}
    return {
        key: unlinked(value) if key == "text" and isinstance(value, str) else shown(value)
        for key, value in payload.items()
    }

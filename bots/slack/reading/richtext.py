"""`rich_text`, what people's clients write, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from bots.common.shapes import DEEPEST, Json, items, joined, mapping, number, string
from bots.slack.reading import generic
from bots.slack.reading.names import Names

_MARKS = (("strike", "~~"), ("italic", "_"), ("bold", "**"))


def block(found: Json, names: Names, depth: int = 0) -> str:
    """A whole block, lists, quotations and code included. Never raises."""
    if depth > DEEPEST:
        return ""
    return joined([_paragraph(one, names, depth) for one in items(found.get("elements"))])


def _paragraph(found: Json, names: Names, depth: int) -> str:
    kind = found.get("type")
    if kind == "rich_text_list":
        return _list(found, names, depth)
    if kind == "rich_text_preformatted":
        code = "".join(_bare(one, names) for one in items(found.get("elements")))
        ticks = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", code)), 3)
        return f"{ticks}\n{code}\n{ticks}"
    if kind == "rich_text_quote":
        return "\n".join(f"> {line}" for line in _inline(found, names).split("\n"))
    if kind == "rich_text_section":
        return _inline(found, names)
    if items(found.get("elements")):  # one that did not exist when this was written
        return joined(
            [_paragraph(one, names, depth + 1) for one in items(found.get("elements"))]
            if depth < DEEPEST
            else []
        )
    return _element(found, names)


def _list(found: Json, names: Names, depth: int) -> str:
    indent = "    " * min(number(found.get("indent")), 8)
    first = number(found.get("offset")) + 1
    lines = []
    for place, one in enumerate(items(found.get("elements")), first):
        mark = f"{place}. " if found.get("style") == "ordered" else "- "
        said = _paragraph(one, names, depth + 1) if depth < DEEPEST else ""
        lines.append(indent + mark + said.replace("\n", f"\n{indent}{' ' * len(mark)}"))
    return "\n".join(lines)


def _inline(found: Json, names: Names) -> str:
    return "".join(_element(one, names) for one in items(found.get("elements")))


def _element(found: Json, names: Names) -> str:
    said = _bare(found, names)
    style = mapping(found.get("style"))
    core = said.strip()
    if not core or found.get("type") == "emoji":
        return said
    before, _, after = said.partition(core)
    if style.get("code"):
        core = f"`{core}`"
    for name, mark in _MARKS:
        if style.get(name) and "\n" not in core:
            core = f"{mark}{core}{mark}"
    return before + core + after


def _bare(found: Json, names: Names) -> str:
    kind = found.get("type")
    read = _ELEMENTS.get(kind) if isinstance(kind, str) else None
    return read(found, names) if read is not None else generic.line(found, names)


def _link(found: Json, names: Names) -> str:
    url, label = string(found.get("url")), string(found.get("text"))
    if not label or label == url:
        return url
    return f"[{label}]({url})" if url else label


def _date(found: Json, names: Names) -> str:
    said = string(found.get("fallback"))
    try:
        at = datetime.fromtimestamp(number(found.get("timestamp")), UTC).isoformat()
    except (ValueError, OSError, OverflowError):
        at = string(found.get("timestamp"))
    return f"{said} ({at})" if said else at


def _record(found: Json, names: Names) -> str:
    url = string(found.get("url"))
    said = f"Slack list {string(found.get('file_id'))}".strip()
    return f"[{said}]({url})" if url else said


_ELEMENTS: dict[str, Callable[[Json, Names], str]] = {
    "text": lambda found, names: string(found.get("text")),
    "link": _link,
    "user": lambda found, names: names.person(string(found.get("user_id"))),
    "usergroup": lambda found, names: "@" + string(found.get("usergroup_id")),
    "team": lambda found, names: "@" + string(found.get("team_id")),
    "channel": lambda found, names: names.place(string(found.get("channel_id"))),
    "broadcast": lambda found, names: "@" + string(found.get("range")),
    "emoji": lambda found, names: f":{string(found.get('name'))}:",
    "color": lambda found, names: string(found.get("value")),
    "date": _date,
    "list_record": _record,
}


def mentions(found: Json, user: str, depth: int = 0) -> tuple[bool, bool]:
    """Whether the person is named by the block's author, and whether in something that the author quotes."""
    own = quoted = False
    for one in items(found.get("elements")) if depth <= DEEPEST else ():
        if one.get("type") == "user" and one.get("user_id") == user:
            own = True
        inner_own, inner_quoted = mentions(one, user, depth + 1)
        if one.get("type") == "rich_text_quote":
            inner_own, inner_quoted = False, inner_own or inner_quoted
        own, quoted = own or inner_own, quoted or inner_quoted
    return own, quoted

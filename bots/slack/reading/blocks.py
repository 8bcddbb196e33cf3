"""Blocks of every kind as the words people see. Pure; whatever a block holds, reading it does not fail."""

from __future__ import annotations

from collections.abc import Callable

from bots.common.judging import SLACK_ACTION
from bots.common.shapes import DEEPEST, Json, items, joined, mapping, one_line, string
from bots.slack.reading import generic, richtext
from bots.slack.reading.names import Names
from host.ports import bill

BILL = "b:"  # before the answer's key: what it took, no word of it


def text(blocks: object, names: Names, depth: int = 0) -> str:
    """All blocks of a message, a card or a container."""
    if depth > DEEPEST:
        return ""
    return joined([block(one, names, depth) for one in items(blocks)])


def block(found: Json, names: Names, depth: int = 0) -> str:
    kind = found.get("type")
    read = _BLOCKS.get(kind) if isinstance(kind, str) else None
    return read(found, names, depth + 1) if read is not None else joined(list(generic.words(found, names)))


def object_text(value: object, names: Names) -> str:
    """A text object, or the bare string that some servers send."""
    if isinstance(value, str):
        return names.plain(value)
    found = mapping(value)
    if found.get("type") == "rich_text":
        return richtext.block(found, names)
    said = string(found.get("text"))
    return names.literal(said) if found.get("type") == "plain_text" else names.plain(said)


def element(found: Json, names: Names) -> str:
    """What one presses, chooses or fills in: its words in brackets."""
    if found.get("type") == "image":
        return _image(found, names, 0)
    if found.get("action_id") == SLACK_ACTION:
        return ""  # our own buttons under an answer: no word of it
    said = generic.line(found, names)
    return f"[{said}]" if said else ""


def _section(found: Json, names: Names, depth: int) -> str:
    fields = [one_line(object_text(one, names)) for one in items(found.get("fields"))]
    beside = mapping(found.get("accessory"))
    return joined([object_text(found.get("text"), names), *fields, element(beside, names) if beside else ""])


def _context(found: Json, names: Names, depth: int) -> str:
    if string(found.get("block_id")).startswith(BILL) and _is_bill(found):
        return ""
    said = [
        _image(one, names, depth) if one.get("type") == "image" else object_text(one, names)
        for one in items(found.get("elements"))
    ]
    return joined(said, " ")


def _is_bill(found: Json) -> bool:
    return all(bill.is_one(string(one.get("text"))) for one in items(found.get("elements")))


def _header(found: Json, names: Names, depth: int) -> str:
    return object_text(found.get("text"), names)


def _alert(found: Json, names: Names, depth: int) -> str:
    level, said = string(found.get("level")), object_text(found.get("text"), names)
    return f"{level}: {said}" if said and level in _SERIOUS else said


def _image(found: Json, names: Names, depth: int) -> str:
    file = mapping(found.get("slack_file"))
    where = string(found.get("image_url")) or string(file.get("url")) or string(file.get("id"))
    words = [names.literal(string(found.get("alt_text"))), object_text(found.get("title"), names)]
    said = joined(list(dict.fromkeys(one_line(word) for word in words)), " — ")
    return f"[image: {joined([said, where], ' ')}]" if said or where else ""


def _video(found: Json, names: Names, depth: int) -> str:
    words = [
        object_text(found.get("title"), names),
        object_text(found.get("description"), names),
        *(names.literal(string(found.get(key))) for key in ("alt_text", "author_name", "provider_name")),
        string(found.get("title_url")) or string(found.get("video_url")),
    ]
    return f"[video: {joined(list(dict.fromkeys(words)), ' — ')}]"


def _markdown(found: Json, names: Names, depth: int) -> str:
    return names.words(string(found.get("text")))


def _rich_text(found: Json, names: Names, depth: int) -> str:
    return richtext.block(found, names, depth)


def _elements(found: Json, names: Names, depth: int) -> str:
    return joined([element(one, names) for one in items(found.get("elements"))], " ")


def _input(found: Json, names: Names, depth: int) -> str:
    inner = mapping(found.get("element"))
    parts = [object_text(found.get("label"), names), object_text(found.get("hint"), names)]
    return joined([joined(parts, " — "), element(inner, names) if inner else ""], " ")


def _table(found: Json, names: Names, depth: int) -> str:
    rows = found.get("rows")
    lines = [_row(row, names) for row in rows if isinstance(row, list)] if isinstance(rows, list) else []
    if lines:
        lines.insert(1, "|" + " --- |" * max(1, len(items(rows[0])) if isinstance(rows, list) else 1))
    return joined([names.literal(string(found.get("caption"))), *lines])


def _row(row: list[object], names: Names) -> str:
    cells = [one_line(_cell(mapping(cell), names)).replace("|", "\\|") for cell in row]
    return f"| {' | '.join(cells)} |"


def _cell(found: Json, names: Names) -> str:
    if found.get("type") == "rich_text":
        return richtext.block(found, names)
    return string(found.get("text")) or string(found.get("value"))


def _file(found: Json, names: Names, depth: int) -> str:
    said = joined([string(found.get("source")), string(found.get("external_id"))], " ")
    return f"[file: {said}]" if said else ""


def _call(found: Json, names: Names, depth: int) -> str:
    call = mapping(mapping(found.get("call")).get("v1")) or mapping(found.get("call"))
    people = [
        string(one.get("display_name")) or names.person(string(one.get("slack_id")))
        for one in [*items(call.get("active_participants")), *items(call.get("all_participants"))]
    ]
    parts = [string(call.get("name")) or string(found.get("call_id"))]
    parts += [
        ", ".join(dict.fromkeys(people)),
        "over" if call.get("has_ended") else "",
        string(call.get("join_url")),
    ]
    return f"[call: {joined(parts, ' — ')}]"


def _divider(found: Json, names: Names, depth: int) -> str:
    return ""


def _container(found: Json, names: Names, depth: int) -> str:
    title = object_text(found.get("title"), names)
    rich = richtext.block(mapping(found.get("rich_text_title")), names, depth)
    icon = mapping(found.get("icon"))
    parts = [title, rich if rich != title else "", object_text(found.get("subtitle"), names)]
    return joined(
        [*parts, _image(icon, names, depth) if icon else "", text(found.get("child_blocks"), names, depth)]
    )


def _card(found: Json, names: Names, depth: int) -> str:
    words = [object_text(found.get(key), names) for key in ("title", "subtitle", "body", "subtext")]
    images = [_image(mapping(found.get(key)), names, depth) for key in ("icon", "hero_image")]
    return joined(
        [*words, *images, joined([element(one, names) for one in items(found.get("actions"))], " ")]
    )


def _carousel(found: Json, names: Names, depth: int) -> str:
    return text(
        [{**one, "type": one.get("type") or "card"} for one in items(found.get("elements"))], names, depth
    )


def _task(found: Json, names: Names, depth: int) -> str:
    status = string(found.get("status"))
    title = names.literal(string(found.get("title")))
    sources = [
        f"[{string(one.get('text'))}]({string(one.get('url'))})" for one in items(found.get("sources"))
    ]
    rich = [richtext.block(mapping(found.get(key)), names, depth) for key in ("details", "output")]
    return joined([f"{title} ({status})" if status else title, *rich, joined(sources, " ")])


def _plan(found: Json, names: Names, depth: int) -> str:
    tasks = [{**one, "type": one.get("type") or "task_card"} for one in items(found.get("tasks"))]
    title = found.get("title")
    return joined(
        [
            names.literal(title) if isinstance(title, str) else object_text(title, names),
            text(tasks, names, depth),
        ]
    )


_SERIOUS = ("warning", "error", "success")  # shown by a colour and a sign
_BLOCKS: dict[str, Callable[[Json, Names, int], str]] = {
    "actions": _elements,
    "alert": _alert,
    "call": _call,
    "card": _card,
    "carousel": _carousel,
    "container": _container,
    "context": _context,
    "context_actions": _elements,
    "data_table": _table,
    "divider": _divider,
    "file": _file,
    "header": _header,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "plan": _plan,
    "rich_text": _rich_text,
    "section": _section,
    "table": _table,
    "task_card": _task,
    "video": _video,
}

"""The whole conversation as readable Markdown in the shared folder, before a summary takes its place or it is forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessiondb.records import Step

if TYPE_CHECKING:
    from xml.etree import ElementTree

FOLDER = "conversations"
LONGEST_RESULT = 2_000  # characters of a tool's result that are kept
LONGEST_TITLE = 60


def write(shared: Path, steps: Sequence[Step], now: int) -> Path | None:
    """Returns the new file, `conversations/<date>-<title>.md`; None when nothing was said. `now` is ms UTC."""
    parts = [part for step in steps for part in _parts(step)]
    if not parts:
        return None
    title = _title(steps)
    folder = shared / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{datetime.fromtimestamp(now / 1000, UTC):%Y-%m-%d}-{_slug(title)}"
    path = folder / f"{stem}.md"
    number = 2
    while path.exists():
        path = folder / f"{stem}-{number}.md"
        number += 1
    path.write_text("\n\n".join([f"# {title}", *parts]) + "\n", "utf-8")
    return path


def _parts(step: Step) -> Iterator[str]:
    try:
        found = json.loads(step.content)
        if step.kind == "user":
            yield from (f"**{who}**:\n{_quoted(text)}" for who, text in _said(str(found["prompt"])))
        elif step.kind == "assistant":
            yield from _answer(found["content"])
        elif step.kind == "tool_result":
            text = str(found["text"])
            cut = "\n…" if len(text) > LONGEST_RESULT else ""
            yield _quoted(text[:LONGEST_RESULT] + cut)
    except (ValueError, KeyError, TypeError):
        yield "*(a step that could not be read)*"


def _quoted(text: str) -> str:
    """Whatever was not the agent's own stands behind this mark, line by line: nobody writes themselves out of it."""
    return "\n".join(f"> {line}" for line in text.splitlines()) or ">"


def _answer(blocks: Sequence[dict[str, Any]]) -> Iterator[str]:
    for block in blocks:
        if block["type"] == "text" and block["text"].strip():
            yield f"**Agent**: {block['text']}"
        elif block["type"] == "tool_use":
            yield f"*{block['name']}* `{json.dumps(block['input'], ensure_ascii=False)}`"


def _said(prompt: str) -> Iterator[tuple[str, str]]:
    """Who said what, with the id that no name can imitate; what they quoted, forwarded or attached stands below, with its
    author."""
    from xml.etree import ElementTree

    try:
        found = ElementTree.fromstring(f"<all>{prompt}</all>")  # noqa: S314 (nothing declares entities within an element)
    except ElementTree.ParseError:  # no prompt of the formatter's
        yield "prompt", prompt
        return
    for element in found:
        who = _one_line(element.get("from") or element.get("by") or element.tag)
        id_ = re.sub(r"[^\w.:-]", "", element.get("user_id", ""))
        lines = [(element.text or "").strip(), *map(_below, element)]
        yield f"{who} ({id_})" if id_ else f"[{who}]", "\n".join(line for line in lines if line)


def _below(part: ElementTree.Element) -> str:
    named = " ".join(_one_line(value) for key in ("from", "name", "title") if (value := part.get(key)))
    return _quoted(f"{part.tag} {named}: {part.text or ''}".rstrip(": "))


def _one_line(name: str) -> str:
    """A name as words: it closes no mark and begins no line."""
    return " ".join(re.sub(r"[*_`\[\]()<>\\]", " ", name).split())


def _title(steps: Sequence[Step]) -> str:
    for step in steps:
        if step.kind == "user":
            for _, text in _said(str(json.loads(step.content)["prompt"])):
                if line := " ".join(text.split()):
                    return line[:LONGEST_TITLE]
    return "conversation"


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "conversation"

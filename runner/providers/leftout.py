"""What is not sent: blocks that the API refused, for good, and the oldest files where a request would hold too many.

A refused block is recorded in the transcript by a key that a replay finds again: a file's path, else the block's digest.
So neither the next turn nor another process sends it. Pure.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from runner.providers.attachments import FILE, PAGES, bare, name_of
from sessiondb.frozen import frozen
from sessiondb.model_fields import BETWEEN
from sessiondb.records import Step

JSON = dict[str, Any]

NOTE = "left_out"  # key of the note that records it
MOST_FILES = 40  # pictures and PDFs in one request; the API takes 100
MOST_BYTES = 18_000_000  # of their base64; the API takes 32 MB in all
MOST_PAGES = 100  # of PDFs
MOST_NAMED = 5  # of the things left out, in the line that says so
LONG = 8_000  # characters of a text that is worth a shortened version
KEPT = 2_000  # characters of each end of a shortened text
FILES = frozenset({"image", "document"})
DROPPED = frozenset({"thinking", "redacted_thinking", "compaction"})  # nothing may stand in for them
REFUSED = "<note>{name} is left out here: the model API refused it.</note>"
NO_ROOM = "<note>Here {name} was shown; it is left out now to make room.</note>"
CUT = "\n<note>{count:,} characters are left out here: the whole was longer than a request may be.{where}</note>\n"

_POINTS = re.compile(
    rf"""\bmessages(?:[./\[]|["']\s*,\s*|\s*->\s*)(\d+)"""
    rf"(?:{BETWEEN}content(?:{BETWEEN}(\d+))?(?:{BETWEEN}(?:tool_result{BETWEEN})?content{BETWEEN}(\d+))?)?",
    re.IGNORECASE,
)


@frozen
class Left:
    """One block. `cut` is where the whole of a text that was too long lies; it is shown by its ends."""

    key: str
    name: str
    cut: str | None = None


def note_of(left: Sequence[Left]) -> str:
    return json.dumps({NOTE: [asdict(one) for one in left]})


def from_steps(steps: Iterable[Step]) -> list[Left]:
    """Everything that these steps say is left out."""
    return [left for step in steps if step.kind == "note" for left in from_note(step.content)]


def from_note(text: str) -> list[Left]:
    """Nothing where the note is about something else."""
    if not text.startswith(f'{{"{NOTE}"'):
        return []
    return [Left(str(one["key"]), str(one["name"]), one["cut"]) for one in json.loads(text)[NOTE]]


def key_of(block: JSON) -> str:
    if FILE in block:
        return f"file:{block[FILE]}"
    rendered = json.dumps(block, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(rendered.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def named(block: JSON) -> Left:
    return Left(key_of(block), _name(block))


def pointed_at(detail: str, sent: Sequence[JSON]) -> list[Left]:
    """The blocks of a request that a refusal points to; `sent` still has our own keys."""
    found = _POINTS.search(detail)
    if found is None:
        return []
    message, index, inner = (None if part is None else int(part) for part in found.groups())
    if message is None or message >= len(sent):
        return []
    blocks = sent[message]["content"]
    if index is None or index >= len(blocks):
        files = [block for block in blocks if block["type"] in FILES]
        return [named(block) for block in files or blocks]
    block = blocks[index]
    within = block.get("content")
    if inner is not None and isinstance(within, list) and inner < len(within):
        block = within[inner]
    return [named(block)]


def files_of(sent: Sequence[JSON]) -> list[Left]:
    """Newest first, those in the results of tools included."""
    blocks = [block for message in sent for block in _all(message["content"])]
    return [named(block) for block in reversed(blocks) if block["type"] in FILES]


def longest(sent: Sequence[JSON]) -> JSON | None:
    """The block with the longest text; nothing where none is long."""
    texts = [
        block for message in sent for block in _all(message["content"]) if len(text_of(block)) > 3 * LONG
    ]
    return max(texts, key=lambda block: len(text_of(block)), default=None)


def text_of(block: JSON) -> str:
    held = block.get("text") if block["type"] == "text" else block.get("content")
    return held if isinstance(held, str) and block["type"] in ("text", "tool_result") else ""


def without(messages: Sequence[JSON], left: dict[str, Left]) -> list[JSON]:
    """With words in place of what is left out; every message keeps something."""
    if not left:
        return list(messages)
    shown = []
    for message in messages:
        blocks = [stand for block in message["content"] for stand in _standing(block, left)]
        shown.append({**message, "content": blocks or [_text(REFUSED.format(name="A part"))]})
    return shown


def fitting(messages: Sequence[JSON]) -> list[JSON]:
    """Without the oldest files where there are too many. The cut moves in large steps: what is in front stays cached."""
    files = [b for message in messages for b in _all(message["content"]) if b["type"] in FILES]
    kept: list[JSON] = []
    for block in files:
        kept.append(block)
        if any(_held(kept, most) > 1 for most in _MOST):
            while len(kept) > 1 and any(_held(kept, most) > part for most, part in _HALVES):
                kept.pop(0)
    gone = {id(block) for block in files} - {id(block) for block in kept}
    if not gone:
        return list(messages)
    return [
        {**message, "content": [_away(block, gone) for block in message["content"]]} for message in messages
    ]


def as_sent(messages: Sequence[JSON]) -> list[JSON]:
    """Without our own keys, and of text that is text: half a surrogate pair makes a whole request invalid."""
    return [{**message, "content": _whole(bare(message["content"]))} for message in messages]


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return (
            value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(inner) for key, inner in value.items()}
    return value


_MOST = ("files", "bytes", "pages")
_HALVES = (("files", 0.5), ("bytes", 0.5), ("pages", 1.0))  # one PDF may have all the pages there are


def _held(blocks: Sequence[JSON], what: str) -> float:
    """How much of a request's room these files take, as a part of it."""
    if what == "files":
        return len(blocks) / MOST_FILES
    if what == "bytes":
        return sum(len(str(block["source"].get("data", ""))) for block in blocks) / MOST_BYTES
    return float(sum(block.get(PAGES, 0) for block in blocks)) / MOST_PAGES


def _away(block: JSON, gone: set[int]) -> JSON:
    within = block.get("content")
    if block["type"] == "tool_result" and isinstance(within, list):
        return {**block, "content": [_away(part, gone) for part in within]}
    return _text(NO_ROOM.format(name=_name(block))) if id(block) in gone else block


def _all(blocks: Sequence[JSON]) -> Iterator[JSON]:
    for block in blocks:
        within = block.get("content")
        if block["type"] == "tool_result" and isinstance(within, list):
            yield from within
        else:
            yield block


def _standing(block: JSON, left: dict[str, Left]) -> list[JSON]:
    gone = left.get(key_of(block))
    kind = block["type"]
    if gone is None:
        within = block.get("content")
        if kind == "tool_result" and isinstance(within, list):
            return [{**block, "content": [stand for part in within for stand in _standing(part, left)]}]
        return [block]
    text = REFUSED.format(name=gone.name)
    if gone.cut is not None:
        text = _shortened(text_of(block), gone.cut)
    if kind == "tool_result":
        return [{**block, "content": text}]
    if kind == "tool_use":
        return [{**block, "input": {}}]
    return [] if kind in DROPPED else [_text(text)]


def _shortened(text: str, where: str) -> str:
    told = f" It lies in {where}." if where else ""
    return text[:KEPT] + CUT.format(count=len(text) - 2 * KEPT, where=told) + text[-KEPT:]


def _name(block: JSON) -> str:
    if FILE in block:
        return f"the file {name_of(block[FILE])}"
    match block["type"]:
        case "image":
            return "a picture"
        case "document":
            return "a document"
        case "tool_use":
            return f"the arguments of {block['name']}"
        case "tool_result":
            return "the result of a tool"
        case "text":
            return "a part of the text"
    return "a part of an earlier answer"


def _text(text: str) -> JSON:
    return {"type": "text", "text": text}


def words(left: Sequence[Left]) -> str:
    """One line for the person, behind what is said; '' where nothing is left out."""
    if not left:
        return ""
    names = list(dict.fromkeys(one.name for one in left))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"\n\n_Left out, for the model did not take it: {', '.join(names[:MOST_NAMED])}{more}._"

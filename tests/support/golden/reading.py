"""A conversation as the model reads it, beside the one that a person has read: `GOLDEN=write` writes it down anew."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from pathlib import Path
from typing import Any

import apsw

from tests.fakes.model_api import RecordedRequest

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+\d:]*|\b\w+day \d{4}-\d\d-\d\d \d\d:\d\d\b")
_MINTED = re.compile(r"\b(?:m?[0-9a-f]{24,64}(?:-before-\d+)?|\d{17,20}|\d{10}\.\d{6}|call_\w+|toolu_\w+)\b")
_PORT = re.compile(r"127\.0\.0\.1:\d+")


def conversation(request: RecordedRequest) -> str:
    """Every message of the request; what differs from run to run (times, ids, a port) is named by its order."""
    names: dict[str, str] = {}
    text = "\n\n".join(_message(one) for one in request.json["messages"]) + "\n"
    text = _PORT.sub("HOST", _TIME.sub("TIME", text))
    return _MINTED.sub(lambda match: names.setdefault(match.group(), f"ID{len(names) + 1}"), text)


def paid_for(data: Path, model: str) -> int:
    """How many calls of the model the host has charged."""
    with contextlib.closing(apsw.Connection(str(data / "host.db"), flags=apsw.SQLITE_OPEN_READONLY)) as kept:
        return len(kept.execute("SELECT 1 FROM usage WHERE model = ? AND cost > 0", (model,)).fetchall())


def _message(message: dict[str, Any]) -> str:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return f"──── {message['role']}\n" + "\n".join(_block(block) for block in blocks)


def _block(block: dict[str, Any]) -> str:
    match block["type"]:
        case "text":
            return str(block["text"])
        case "tool_use":
            return f"[calls {block['name']} with {block['input']}]"
        case "tool_result":
            content = block["content"]
            inner = content if isinstance(content, str) else "\n".join(_block(one) for one in content)
            return f"[result]\n{inner}"
        case kind:
            source = block.get("source", {})
            return f"[{kind}: {source.get('media_type', source.get('type'))}]"


def check(name: str, found: str) -> None:
    path = Path(__file__).parent / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(found, "utf-8")
    known = path.read_text("utf-8")
    differences = difflib.unified_diff(
        known.splitlines(), found.splitlines(), "read", "found", lineterm="", n=1
    )
    assert found == known, "\n".join(differences)

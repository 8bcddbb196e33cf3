"""Made once from the published types, npm's discord-api-types 0.38.57: `python define.py UNPACKED > definitions.json`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

FILES = ("message", "poll", "sticker", "user", "emoji", "interactions", "_interactions/responses")
WANTED = "APIMessage"


def main() -> None:
    found: dict[str, dict[str, object]] = {}
    for name in FILES:
        text = Path(sys.argv[1], "payloads", "v10", f"{name}.d.ts").read_text("utf-8")
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
        found |= dict(_interfaces(text)) | dict(_enums(text)) | dict(_aliases(text))
    kept = _reached(found)
    print(json.dumps({name: found[name] for name in kept}, sort_keys=True, separators=(",", ":")))


def _interfaces(text: str):  # type: ignore[no-untyped-def]
    pattern = r"interface (\w+)(?:<(.*?)>)?(?: extends (.*?))? \{\n(.*?)\n?\}"
    for name, params, parents, body in re.findall(pattern, text, re.DOTALL):
        fields = re.findall(r"^    (\w+)(\??): ([^{};]+);$", body, re.MULTILINE)
        yield (
            name,
            {
                "params": [one.split()[0] for one in _split(params)],
                "of": _split(parents),
                "fields": {n: [" ".join(t.split()), bool(o)] for n, o, t in fields},
            },
        )


def _enums(text: str):  # type: ignore[no-untyped-def]
    for name, body in re.findall(r"enum (\w+) \{\n(.*?)\n\}", text, re.DOTALL):
        members = re.findall(r"(\w+) = (\"[^\"]*\"|-?\d+)", body)
        yield name, {"values": {member: json.loads(value) for member, value in members}}


def _aliases(text: str):  # type: ignore[no-untyped-def]
    for name, value in re.findall(r"type (\w+) = ([^;{}]+);", text):
        yield name, {"is": " ".join(value.split())}


def _split(text: str) -> list[str]:
    """At the commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "<") - (character == ">")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _reached(found: dict[str, dict[str, object]]) -> list[str]:
    kept, waiting = {WANTED}, [WANTED]
    while waiting:
        named = set(re.findall(r"\w+", json.dumps(found[waiting.pop()])))
        fresh = {name for name in named if name in found} - kept
        kept |= fresh
        waiting += fresh
    return sorted(kept)


if __name__ == "__main__":
    main()

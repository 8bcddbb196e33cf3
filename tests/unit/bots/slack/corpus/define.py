"""Made once from the published types: `python define.py UNPACKED_PACKAGE > definitions.json` (npm's @slack/types 3.2.0)."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

FILES = (
    "block-kit/blocks",
    "block-kit/block-elements",
    "block-kit/composition-objects",
    "block-kit/extensions",
    "message-attachments",
)


def main() -> None:
    found: dict[str, object] = {}
    for name in FILES:
        text = Path(sys.argv[1], "dist", f"{name}.d.ts").read_text("utf-8")
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
        for match in re.finditer(r"interface (\w+)(?: extends ([\w, ]+))? \{\n(.*?)\n\}", text, re.DOTALL):
            fields = re.findall(r"^    (\w+)(\??): ([^{};]+);$", match[3], re.MULTILINE)
            parents = [one.strip() for one in (match[2] or "").split(",") if one.strip()]
            found[match[1]] = {
                "of": parents,
                "fields": {n: [" ".join(t.split()), bool(o)] for n, o, t in fields},
            }
        for match in re.finditer(r"type (\w+) = ([^;{}]+);", text):
            found[match[1]] = {"is": " ".join(match[2].split())}
    print(json.dumps(found, sort_keys=True, separators=(",", ":")))


if __name__ == "__main__":
    main()

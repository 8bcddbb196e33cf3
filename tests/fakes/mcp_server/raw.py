"""An MCP server without a library, of the protocol before 2026: it sends what its script says, however wrong that is.

python raw.py FILE, or the script itself: '{"pages": [[{"name": "ping"}]], "result": {…}, "hangs": ["tools/list"]}'

`changes` and tells so with every call, `grows` and tells nobody, `restless`: says with every list that it has changed; `asks` its
client something during a call; `deaf` to signals; `log` is a file for the ids of its processes, `lists` one for a line per list.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

CHANGED = "notifications/tools/list_changed"
NEW = {"name": "new", "inputSchema": {"type": "object"}}


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(
    script: dict[str, Any], method: str, params: dict[str, Any], called: list[str]
) -> dict[str, Any] | None:
    """None for what it does not know."""
    if method == "initialize":
        capabilities = {"tools": {"listChanged": True}}
        about = {"name": "raw", "version": "1"}
        return {"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": about}
    if method == "tools/list":
        pages = script["pages"]
        at = int(params.get("cursor") or 0)
        added = [NEW] if (script.get("changes") or script.get("grows")) and called else []
        if script.get("lists"):
            with Path(script["lists"]).open("a") as log:
                log.write("listed\n")
        if script.get("restless"):
            send({"method": CHANGED})
        more = {"nextCursor": str(at + 1)} if at + 1 < len(pages) else script.get("last", {})
        return {"tools": [*pages[at], *added], **more}
    if method == "tools/call":
        called.append(params["name"])
        if params["name"] == "die":
            os._exit(1)
        if script.get("changes"):
            send({"method": CHANGED})
        if script.get("asks"):
            send({"id": "q", "method": script["asks"]})
        said = {"content": [{"type": "text", "text": f"{params['name']} was called"}]}
        found: dict[str, Any] = script.get("result", said)
        return found
    return None


def main(script: dict[str, Any]) -> None:
    if script.get("log"):
        with Path(script["log"]).open("a") as log:
            log.write(f"{os.getpid()}\n")
    if script.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    called: list[str] = []
    sys.stdout.write(script.get("greeting", ""))
    for line in sys.stdin:
        asked = json.loads(line)
        method = asked.get("method", "")
        if method in script.get("hangs", ()):
            time.sleep(600)
        if "id" not in asked or not method:
            continue
        found = answer(script, method, asked.get("params") or {}, called)
        unknown = {"code": -32601, "message": "no such method"}
        send({"id": asked["id"], **({"error": unknown} if found is None else {"result": found})})
    while script.get("deaf"):
        time.sleep(600)


if __name__ == "__main__":
    told = sys.argv[1]
    main(json.loads(told if told.startswith("{") else Path(told).read_text("utf-8")))

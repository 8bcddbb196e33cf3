#!/usr/bin/env bash
# mcp 2.3.0, seen with Python 3.11: a client session lists a server's tools again, unasked, after every call of a tool that stands
# beyond the first page of the server's list.
#
# `ClientSession.call_tool` checks a result against the tool's output schema. If it has not seen the tool listed, it calls
# `tools/list` for that, without a cursor: the first page alone. A tool of the second page is not on it, so the next call lists
# once more, and so for ever; a session that called a tool of the first page, or has read every page itself, lists no more. Each
# such call costs a second round trip behind the answer, which is handed out only when the list has come, and fails with the list.
#
# Output seen:
#   three calls of a tool of the first page: call list call call
#   three calls of a tool of the second page: call list call list call list
#   the same after both pages were read: list list call call call
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'mcp==2.3.0' 2>/dev/null
cat >"$work/server.py" <<'PY'
import json
import sys

PAGES = {"": ("first", "2"), "2": ("second", None)}


def answer(method, params):
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "paged", "version": "1"},
        }
    if method == "tools/list":
        name, cursor = PAGES[(params or {}).get("cursor") or ""]
        listed = {"tools": [{"name": name, "inputSchema": {"type": "object"}}]}
        return listed | ({"nextCursor": cursor} if cursor else {})
    if method == "tools/call":
        return {"content": [{"type": "text", "text": "done"}]}
    return None


with open(sys.argv[1], "a", buffering=1) as log:
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        method = message["method"]
        if method.startswith("tools/"):
            log.write(method.removeprefix("tools/") + "\n")
        result = answer(method, message.get("params"))
        reply = {"result": result} if result else {"error": {"code": -32601, "message": "Method not found"}}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **reply}), flush=True)
PY
cat >"$work/try.py" <<'PY'
import asyncio
import sys
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import PaginatedRequestParams

here = Path(sys.argv[1])


async def asked(name, read_pages=False):
    log = here / f"{name}{read_pages}.log"
    server = StdioServerParameters(command=sys.executable, args=[str(here / "server.py"), str(log)])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        if read_pages:
            page = await session.list_tools()
            await session.list_tools(params=PaginatedRequestParams(cursor=page.next_cursor))
        for _ in range(3):
            await session.call_tool(name, {})
    return " ".join(log.read_text().split())


async def main():
    print("three calls of a tool of the first page:", await asked("first"))
    print("three calls of a tool of the second page:", await asked("second"))
    print("the same after both pages were read:", await asked("second", read_pages=True))


asyncio.run(main())
PY
timeout 100 "$work/venv/bin/python" "$work/try.py" "$work" 2>/dev/null | tee "$work/seen"
diff - "$work/seen" <<'SEEN' || { echo "this has changed"; exit 1; }
three calls of a tool of the first page: call list call call
three calls of a tool of the second page: call list call list call list
the same after both pages were read: list list call call call
SEEN

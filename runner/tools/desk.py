"""Where other processes of the session use the running turn's tools: a private socket, one JSON object per line.

    {"list": true}                             → {"tools": [{"name", "description", "input_schema"}]}
    {"call": NAME, "arguments": {}, "id": ID}  → {"text", "is_error", "pictures": [{"media_type", "data"}]}

outbound.db keeps its one writer: the call runs here, in the runner, with the same record as the model's own calls.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runner.tools.box import Parked, Toolbox, ToolResult

log = logging.getLogger(__name__)

SOCKET = "DOVECOTE_TOOLS_SOCKET"  # the variable that tells children of the runner where
LONGEST_LINE = 4_000_000  # bytes of one request
LONGEST_ANSWER = 64_000_000  # bytes
NO_TURN = "no message is being answered right now; tools can be used only while one is"
ASKED = "A person has been asked. Finish now: their answer will come as a message of its own."


class Desk:
    def __init__(self, shown: Callable[[Sequence[dict[str, str]]], list[dict[str, Any]]]) -> None:
        """`shown` makes content blocks of the files of a result."""
        self._shown = shown
        self._toolbox: Toolbox | None = None
        self._folder = Path()
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[ToolResult]] = set()

    async def open(self) -> None:
        self._folder = _own_folder()
        path = self._folder / "tools.sock"
        self._server = await asyncio.start_unix_server(self._serve, path, limit=LONGEST_LINE)
        os.environ[SOCKET] = str(path)

    async def close(self) -> None:
        self.turn(None)
        os.environ.pop(SOCKET, None)
        if self._server is not None:
            self._server.close()
            await asyncio.to_thread(_remove, self._folder)

    def turn(self, toolbox: Toolbox | None) -> None:
        """The turn that runs from now on; what was called for the one before ends with it."""
        self._toolbox = toolbox
        for call in self._calls:
            call.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(json.loads(line))).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("A client of the tools went wrong: %s", error)
        finally:
            writer.close()

    async def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "list" in asked:
            tools = self._toolbox.tools if self._toolbox else []
            return {
                "tools": [
                    {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
                    for tool in tools
                ]
            }
        result = await self._call(str(asked["call"]), asked["arguments"], str(asked["id"]))
        blocks = [] if result.is_error else await asyncio.to_thread(self._shown, result.files)
        pictures = [block["source"] for block in blocks if block["type"] == "image"]
        return {"text": result.text, "is_error": result.is_error, "pictures": pictures}

    async def _call(self, name: str, arguments: object, call_id: str) -> ToolResult:
        if self._toolbox is None:
            return ToolResult(NO_TURN, is_error=True)
        call = asyncio.create_task(self._toolbox.call(name, arguments, f"desk-{call_id}"), name="desk")
        self._calls.add(call)
        try:
            return await asyncio.shield(call)
        except Parked:
            return ToolResult(ASKED)
        except asyncio.CancelledError:
            if call.cancelled():
                return ToolResult("the turn ended before the call did", is_error=True)
            raise
        finally:
            self._calls.discard(call)


def _remove(folder: Path) -> None:
    """What it holds is the socket, unless somebody in the container put something beside it."""
    try:
        for name in folder.iterdir():
            name.unlink()
        folder.rmdir()
    except OSError:
        from shutil import rmtree

        rmtree(folder, ignore_errors=True)


def _own_folder() -> Path:
    """What `tempfile` would make; importing that is a good part of a start."""
    folder = Path(os.environ.get("TMPDIR") or "/tmp", f"dovecote-{os.urandom(8).hex()}")  # noqa: S108 - nobody else's
    folder.mkdir(0o700)
    return folder

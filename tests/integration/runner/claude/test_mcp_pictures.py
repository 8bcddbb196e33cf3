"""Pictures that MCP servers answer with reach the model as pictures, now and when the conversation is told again."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.fakes.model_api import FakeModelAPI, ToolUse, answer
from tests.support.files import noise, pdf, picture
from tests.support.talking import talking

RAW = Path(__file__).resolve().parents[3] / "fakes" / "mcp_server" / "raw.py"
PING = {"name": "ping", "inputSchema": {"type": "object"}}


def told(kind: str, data: bytes, media_type: str) -> dict[str, Any]:
    return {"type": kind, "data": base64.b64encode(data).decode(), "mimeType": media_type}


def server(folder: Path, *content: Any, **more: Any) -> dict[str, Any]:
    script = folder / "script.json"
    script.write_text(json.dumps({"pages": [[PING]], "result": {"content": list(content), **more}}))
    return {"mcp": {"srv": {"command": sys.executable, "args": [str(RAW), str(script)]}}}


def content_of(api: FakeModelAPI, request: int) -> Any:
    """Of the first tool result of a request, wherever it stands."""
    blocks = [block for message in api.requests[request].json["messages"] for block in message["content"]]
    return next(block["content"] for block in blocks if block["type"] == "tool_result")


async def test_pictures_and_papers_are_shown_and_the_rest_is_named(api: FakeModelAPI, tmp_path: Path) -> None:
    paper = base64.b64encode(pdf()).decode()
    content = [
        {"type": "text", "text": "Here:"},
        told("image", picture(), "image/jpeg"),  # it is a PNG, whatever it is said to be
        told("image", noise(1800, 40), "image/png"),
        told("image", b"no picture", "image/png"),
        told("audio", b"RIFF", "audio/wav"),
        {"type": "resource", "resource": {"uri": "x:y", "blob": paper, "mimeType": "application/pdf"}},
    ]
    api.script(answer(ToolUse("mcp__srv__ping", {})), "Nice.", "Still nice.")
    async with talking(api, tmp_path, server(tmp_path, *content)) as talk:
        assert await talk.ask("Show me") == "Nice."
        shown = content_of(api, 1)
        assert [block["type"] for block in shown] == ["text", "image", "image", "text", "text", "document"]
        assert [block["source"]["media_type"] for block in shown[1:3]] == ["image/png", "image/png"]
        assert "scaled down" in shown[3]["text"]
        assert "is said to be image/png" in shown[4]["text"]
        for words in ("Here:", "[image, image/jpeg", "[audio, audio/wav, 4 bytes: in the workspace as mcp/"):
            assert words in shown[0]["text"]
        # Another process tells the conversation again, in the same bytes.
        for pid in talk.runner_pids():
            os.kill(pid, signal.SIGKILL)
        assert await talk.ask("Again") == "Still nice."
        assert content_of(api, 2) == shown


async def test_a_picture_that_was_changed_since_is_shown_no_more(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(answer(ToolUse("mcp__srv__ping", {})), "Nice.", "Gone.")
    async with talking(api, tmp_path, server(tmp_path, told("image", picture(), "image/png"))) as talk:
        assert await talk.ask("Show me") == "Nice."
        [kept] = talk.workspace().glob("mcp/*.png")
        kept.unlink()
        kept.symlink_to("/etc/hostname")
        for pid in talk.runner_pids():
            os.kill(pid, signal.SIGKILL)
        assert await talk.ask("Again") == "Gone."
        assert [block["type"] for block in content_of(api, 2)] == ["text", "text"]
        assert "is no file any more" in content_of(api, 2)[1]["text"]


async def test_an_error_has_no_pictures_for_the_api_takes_none(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(answer(ToolUse("mcp__srv__ping", {})), "Hm.")
    async with talking(
        api, tmp_path, server(tmp_path, told("image", picture(), "image/png"), isError=True)
    ) as talk:
        assert await talk.ask("Show me") == "Hm."
    assert content_of(api, 1).startswith("[image, image/png")


async def test_the_next_request_has_the_tools_that_a_call_brought(api: FakeModelAPI, tmp_path: Path) -> None:
    script = {"pages": [[PING]], "changes": True}
    changing = {"mcp": {"srv": {"command": sys.executable, "args": [str(RAW), json.dumps(script)]}}}
    use = ToolUse("mcp__srv__new", {})
    api.script(answer(ToolUse("mcp__srv__ping", {})), answer(use), "Done.")
    async with talking(api, tmp_path, changing) as talk:
        assert await talk.ask("Go") == "Done."
    offered = [{tool["name"] for tool in request.json["tools"]} for request in api.requests]
    assert ["mcp__srv__new" in names for names in offered] == [False, True, True]
    assert api.requests[2].tool_results[use.id] == "new was called"

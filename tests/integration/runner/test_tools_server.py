"""Dovecote's tools by a real MCP client: through stdio and the runner's socket into the running turn."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp_types import ImageContent

from host.ports.events import EventClass
from tests.fakes.platform import TIMEOUT
from tests.support.files import picture
from tests.support.hosting import config, serving

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ["bash", "send_message", "ask_user_question"]


async def _socket(data: Path) -> str:
    async with asyncio.timeout(TIMEOUT):
        while True:
            for found in data.glob("sessions/*/work/socket"):
                if path := found.read_text().strip():
                    return path
            await asyncio.sleep(0.02)


def _text(result: object) -> str:
    return str(getattr(result, "content")[0].text)  # noqa: B009 - one of several kinds of content


async def test_an_mcp_client_uses_the_tools_of_the_running_turn(tmp_path: Path) -> None:
    settings = config(tmp_path, agents={"default": {"options": {"tools": TOOLS}}})
    async with serving(settings) as (_, bot):
        await bot.say("c", '@@call bash {"command": "echo $DOVECOTE_TOOLS_SOCKET > socket; sleep 600"}')
        environment = {"DOVECOTE_TOOLS_SOCKET": await _socket(tmp_path), "PYTHONPATH": str(ROOT)}
        server = StdioServerParameters(command=sys.executable, args=["-m", "runner.tools"], env=environment)
        async with asyncio.timeout(TIMEOUT), Client(server) as client:
            listed = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert set(TOOLS) <= set(listed)
            assert listed["send_message"].input_schema["required"] == ["text"]
            sent = await client.call_tool("send_message", {"text": "from the harness"})
            assert not sent.is_error
            await bot.until(lambda: bot.said("c") == ["from the harness"])
            wrong = await client.call_tool("send_message", {"text": 3})
            assert wrong.is_error
            assert "must be of type string" in _text(wrong)
            asked = await client.call_tool("ask_user_question", {"question": "Sure?"})
            assert "Finish now" in _text(asked)
            await bot.until(lambda: bot.said("c")[-1] == "Sure?")
            await bot.say("c", "", event_class=EventClass.CONTROL, value="stop")
            await bot.until(lambda: bot.said("c")[-1].startswith("Stopped."))
            late = await client.call_tool("send_message", {"text": "too late"})
            assert late.is_error
            assert "no message is being answered" in _text(late)


async def test_a_picture_of_another_server_is_handed_on_as_a_picture(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    shown = {"type": "image", "data": base64.b64encode(picture()).decode(), "mimeType": "image/png"}
    tool = {"name": "ping", "inputSchema": {"type": "object"}}
    script.write_text(json.dumps({"pages": [[tool]], "result": {"content": [shown]}}))
    raw = ROOT / "tests" / "fakes" / "mcp_server" / "raw.py"
    options = {
        "tools": ["bash"],
        "mcp": {"srv": {"command": sys.executable, "args": [str(raw), str(script)]}},
    }
    async with serving(config(tmp_path, agents={"default": {"options": options}})) as (_, bot):
        await bot.say("c", '@@call bash {"command": "echo $DOVECOTE_TOOLS_SOCKET > socket; sleep 600"}')
        environment = {"DOVECOTE_TOOLS_SOCKET": await _socket(tmp_path), "PYTHONPATH": str(ROOT)}
        server = StdioServerParameters(command=sys.executable, args=["-m", "runner.tools"], env=environment)
        async with asyncio.timeout(TIMEOUT), Client(server) as client:
            said, seen = (await client.call_tool("mcp__srv__ping", {})).content
        await bot.say("c", "", event_class=EventClass.CONTROL, value="stop")
        await bot.until(lambda: any(text.startswith("Stopped.") for text in bot.said("c")))
    assert "in the workspace as mcp/" in getattr(said, "text")  # noqa: B009 - one of several kinds
    assert isinstance(seen, ImageContent)
    assert base64.b64decode(seen.data) == picture()


async def test_the_server_refuses_to_start_without_a_runner() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DOVECOTE_TOOLS_SOCKET"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "runner.tools",
        cwd=ROOT,
        env=environment,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(TIMEOUT):
        _, said = await process.communicate()
    assert process.returncode == 2
    assert b"DOVECOTE_TOOLS_SOCKET is not set" in said

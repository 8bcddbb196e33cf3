"""How Claude Code is started: which of its tools it has, where it keeps its files, how it reaches model and Dovecote."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner import instructions
from runner.markup import escape
from runner.settings import Settings
from runner.tools.box import Toolbox, ToolResult, call_of
from runner.tools.desk import SOCKET
from sessiondb import plan
from sessiondb.options import DEFAULT_MODEL, Options
from sessiondb.records import Step

SERVER = "dovecote"  # the name of Dovecote's tools among the harness's MCP servers
PREFIX = f"mcp__{SERVER}__"
LONGEST_CALL = 3_700_000  # ms the harness waits for one of Dovecote's tools; they have deadlines of their own
LARGEST_MESSAGE = 64_000_000  # bytes of one line of the harness

# What stands in for Dovecote's tools. Its own scheduling and messaging are not among them: ours have records and receipts.
BUILT_IN = {
    "bash": ("Bash",),
    "view_file": ("Read", "Glob", "Grep"),
    "create_file": ("Write",),
    "edit_file": ("Edit", "NotebookEdit"),
}
ALWAYS = ("Agent", "TodoWrite")  # work inside the harness
PLANS = "TodoWrite"  # its own list of what it does, which stands in for `update_plan`
_STATES = {"completed": plan.State.DONE, "in_progress": plan.State.NOW, "pending": plan.State.NEXT}
WEB = {"web_search": "WebSearch", "web_fetch": "WebFetch"}


def home(settings: Settings) -> Path:
    return settings.folder.outbound / "claude_code"


def knows(settings: Settings, session: str) -> bool:
    """Whether the harness has a conversation of this id."""
    return any(home(settings).glob(f"projects/*/{session}.jsonl"))


def options(
    settings: Settings, told: Options, tools: Toolbox, url: str, session: str, known: bool
) -> dict[str, Any]:
    """Arguments of `ClaudeAgentOptions`."""
    agent = settings.agent
    # A tool that asks a person first stays Dovecote's: only its call can wait for an answer.
    own = {tool.name for tool in tools.tools if tool.name in BUILT_IN and not tools.asks_first(tool)}
    built_in = [name for mine in BUILT_IN if mine in own for name in BUILT_IN[mine]]
    web = [
        WEB[name]
        for name, wanted in (("web_search", told.web_search), ("web_fetch", told.web_fetch))
        if wanted
    ]
    arguments: dict[str, Any] = {
        "system_prompt": {
            "type": "preset",
            "preset": "claude_code",
            "append": instructions.compose(settings, tools.destinations),
        },
        "tools": [*ALWAYS, *built_in, *web],
        "disallowed_tools": [f"{PREFIX}{name}" for name in sorted({*own, "update_plan"})],
        "mcp_servers": {SERVER: _server()},
        "strict_mcp_config": True,
        "setting_sources": [],
        "permission_mode": "bypassPermissions",  # the container is the boundary; what needs a yes is asked by our tools
        "verbatim_prompts": True,  # what people write is no command and names no file
        "include_partial_messages": True,
        "extra_args": {"replay-user-messages": None},
        "model": agent.model or DEFAULT_MODEL,
        "max_turns": told.max_calls,
        "max_buffer_size": LARGEST_MESSAGE,
        "cwd": str(settings.workspace),
        "add_dirs": [str(folder) for folder in settings.readable],
        "env": _environment(settings, told, url),
        ("resume" if known else "session_id"): session,
    }
    if told.effort:
        arguments["effort"] = told.effort
    if not told.thinking:
        arguments["thinking"] = {"type": "disabled"}
    return arguments


def _server() -> dict[str, Any]:
    environment = {SOCKET: os.environ[SOCKET], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return {"command": sys.executable, "args": ["-P", "-m", "runner.tools"], "env": environment}


def _environment(settings: Settings, told: Options, url: str) -> dict[str, str]:
    model = settings.agent.model or DEFAULT_MODEL
    environment = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "dovecote",  # the gateway adds the real one
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": model,  # its small requests: the agent may use no other model
        "CLAUDE_CODE_SUBAGENT_MODEL": model,
        "CLAUDE_CONFIG_DIR": str(home(settings)),
        "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(told.max_tokens),
        "CLAUDE_CODE_MAX_RETRIES": str(told.retries),
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
        "MCP_TOOL_TIMEOUT": str(LONGEST_CALL),
        "NO_PROXY": "127.0.0.1",
    }
    if told.compact_at:
        environment["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] = str(told.compact_at)
    else:
        environment["DISABLE_AUTO_COMPACT"] = "1"
    return environment


def plan_of(blocks: Sequence[object]) -> tuple[plan.Item, ...]:
    """What the harness's list says, where one of its calls wrote it anew; the calls come from the model."""
    for block in reversed(blocks):
        told = getattr(block, "input", None) if getattr(block, "name", "") == PLANS else None
        todos = told.get("todos") if isinstance(told, dict) else None
        if isinstance(todos, list):
            known = [todo for todo in todos[: plan.MOST] if isinstance(todo, dict)]
            made = [(todo.get("content"), _STATES.get(str(todo.get("status")))) for todo in known]
            return tuple(plan.item(t, s) for t, s in made if isinstance(t, str) and t.strip() and s)
    return ()


async def results(tools: Toolbox, resumed: Sequence[Step]) -> list[tuple[str, ToolResult]]:
    """What Dovecote's calls of an interrupted turn came to. One that a person has allowed since runs now, once."""
    found = []
    for step in resumed:
        if step.kind == "tool_call" and not tools.waits(step.tool_use_id):
            name, arguments = call_of(step)
            found.append((name, await tools.call(name, arguments, step.tool_use_id)))
    return found


def interrupted(calls: Sequence[tuple[str, ToolResult]]) -> str:
    """Tells the model of them: the harness may not have had their results."""
    lines = [f"{name}: {escape(result.text)}" for name, result in calls]
    done = "\nThese calls were made, do not repeat them:\n" + "\n".join(lines) if lines else ""
    return f"<note>Your work on this was interrupted. Go on where you were; nothing is to be done twice.{done}</note>"

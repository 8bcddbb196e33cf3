"""One script for every provider: what the model is to do, said to the fake model API or, for the mock, in the message."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.model_api import Answer, FakeModelAPI, Gate, ToolUse, Usage, answer
from tests.support.talking import Talk, talking

KINDS = ("claude", "claude_code", "mock")
WITH_A_MODEL = ("claude", "claude_code")


@dataclass(frozen=True)
class Call:
    """The model calls one of Dovecote's tools, by Dovecote's name for it."""

    tool: str
    arguments: dict[str, Any]
    gate: Gate | None = None  # held back until it opens


@dataclass(frozen=True)
class Say:
    text: str
    usage: Usage | None = None


@dataclass
class Act:
    """`says` makes a message and has the model do the steps when it comes."""

    kind: str
    talk: Talk

    def says(self, text: str, *steps: Call | Say) -> str:
        if self.kind == "mock":
            calls = [
                f"@@call {step.tool} {json.dumps(step.arguments)}" for step in steps if isinstance(step, Call)
            ]
            return "\n".join([*(step.text for step in steps if isinstance(step, Say)), *calls])
        self.script(*steps)
        return text

    def script(self, *steps: Call | Say) -> None:
        self.talk.api.script(*(self._answer(step) for step in steps))

    def script_own(self, tool: str, arguments: dict[str, Any]) -> None:
        """The model calls a tool of its harness."""
        self.talk.api.script(answer(ToolUse(tool, arguments)))

    def _answer(self, step: Call | Say) -> Answer:
        if isinstance(step, Say):
            return answer(step.text, usage=step.usage)
        name = f"mcp__dovecote__{step.tool}" if self.kind == "claude_code" else step.tool
        return answer(ToolUse(name, step.arguments), gate=step.gate)


def require(kind: str) -> None:
    """Skips a provider whose library is an extra that is not installed, where none is promised."""
    if kind != "claude_code" or importlib.util.find_spec("claude_agent_sdk") is not None:
        return
    reason = "claude_code needs the extra: pip install -r requirements-claude-code.lock"
    if os.environ.get("DOVECOTE_REQUIRE_CLAUDE_CODE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@asynccontextmanager
async def acting(
    kind: str, api: FakeModelAPI, data: Path, options: dict[str, Any] | None = None, **agent: Any
) -> AsyncIterator[Act]:
    require(kind)
    async with talking(api, data, options, provider=kind, **agent) as talk:
        yield Act(kind, talk)

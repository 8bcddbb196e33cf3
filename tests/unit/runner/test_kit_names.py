"""The names that options may use are those of the tools that there are."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from runner.inbound import InboundReader
from runner.settings import Agent, Settings
from runner.tools.kit import CONTAINER, Kit
from sessiondb import SessionFolder
from sessiondb.options import EVERYWHERE, ISOLATED, TOOLS, Options


def named(root: Path, **options: tuple[str, ...]) -> list[str]:
    agent = Agent("a", options=Options(**options))  # type: ignore[arg-type]
    settings = Settings(SessionFolder(root), Path("/nowhere"), Path("/nowhere"), "i", agent)
    return [tool.name for tool in Kit(settings, cast(InboundReader, None)).tools()]


def test_a_container_has_every_tool_and_a_process_only_those_that_need_no_walls() -> None:
    assert sorted(named(CONTAINER)) == sorted(TOOLS)
    assert sorted(named(Path("/elsewhere"))) == sorted(EVERYWHERE)


def test_an_agent_that_names_its_tools_has_these_alone() -> None:
    assert named(CONTAINER, tools=("bash", "send_message")) == ["send_message", "bash"]
    assert sorted(named(Path("/elsewhere"), tools=ISOLATED)) == sorted(ISOLATED)
    assert named(CONTAINER, tools=()) == []

"""What the agent is told: by its operator, about the place, about who speaks and when; and what it may look into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakes.model_api import FakeModelAPI, ToolUse, answer
from tests.support.talking import talking

SKILL = """---
name: invoices
description: How invoices are written here.
---
Always in euros.
"""


async def test_the_agent_knows_its_place_its_folder_its_skills_and_who_speaks(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    own = tmp_path / "agents" / "default"
    (own / "skills" / "invoices").mkdir(parents=True)
    (own / "instructions.md").write_text("You count beans.")
    skill = own / "skills" / "invoices" / "SKILL.md"
    skill.write_text(SKILL)
    reading = ToolUse("view_file", {"path": str(skill)})
    prying = ToolUse("view_file", {"path": str(tmp_path / "host.db")})
    api.script(answer(reading, prying), "In euros.")
    more: dict[str, Any] = {
        "instructions": "Be brief.",
        "destinations": {"news": {"platform": "memory", "channel": "n", "description": "for everyone"}},
    }
    routes = [{"channel": "c", "instructions": "Here they speak of money."}]
    options = {"tools": ["view_file"]}
    zone = {"zone": "Pacific/Auckland"}
    async with talking(api, tmp_path, options, {"routes": routes, "host": zone}, **more) as talk:
        assert await talk.ask("How are invoices written?") == "In euros."
    system, said = api.requests[0].system_text, api.requests[0].user_text
    for told in ("Be brief.", "You count beans.", "- news: for everyone", "Here they speak of money."):
        assert told in system
    assert f"- invoices: How invoices are written here. ({skill})" in system
    assert 'from="Ada" user_id="U1" trusted="no"' in said
    assert 'local_time="Wednesday 2023-11-15 11:13 Pacific/Auckland"' in said
    results = api.requests[1].tool_results
    assert "Always in euros." in results[reading.id]
    assert "outside the folder" in results[prying.id]

"""Which agent a thread is to be given to: by the name that people see, or as the configuration has it."""

from __future__ import annotations

import pytest

from host.config import Config
from host.controls.handing import _named_in, _told_apart

CONFIG = Config.model_validate(
    {
        "agents": {
            "scribe-1": {"name": "Scribe"},
            "scribe": {"name": "Old Scribe"},
            "poet": {"name": "Muse"},
            "owl": {"name": "Muse"},
            "plain": {},
        }
    }
)


@pytest.mark.parametrize(
    ("text", "found", "asked"),
    [
        ("@plain go on", ["plain"], "go on"),
        ("Scribe, what now?", ["scribe"], "what now?"),  # the configuration's own name comes first
        ("@old   scribe what now?", ["scribe"], "what now?"),
        ("@scribe-1: sing", ["scribe-1"], "sing"),
        ("@MUSE", ["poet", "owl"], ""),
        ("@muses sing", [], "sing"),
        ("@nobody sing", [], "sing"),
        ("", [], ""),
    ],
)
def test_an_agent_is_found_by_the_name_that_people_see(text: str, found: list[str], asked: str) -> None:
    assert _named_in(text, CONFIG)[1:] == (found, asked)


def test_agents_are_told_by_that_name_and_two_of_one_name_apart() -> None:
    assert _told_apart(CONFIG, list(CONFIG.agents)) == ["Scribe", "Old Scribe", "poet", "owl", "plain"]

"""Whom a list names: an id everywhere on its platform, or in one workspace, where another may have the same id."""

from __future__ import annotations

import pytest

from host.config import people

LISTED = ("slack:U1", "slack:T1/U2", "slack:T2/U3", "discord:U4", "slack:T1/U1", "console:U5", "nobody")


@pytest.mark.parametrize(
    ("platform", "workspace", "named"),
    [
        ("slack", "T1", ("U1", "U2")),
        ("slack", "T2", ("U1", "U3")),
        ("slack", "", ("U1",)),
        ("slack", "T", ("U1",)),
        ("discord", "T1", ("U4",)),
        ("memory", "T1", ()),
    ],
)
def test_a_workspace_has_those_who_are_named_for_it_or_for_all(
    platform: str, workspace: str, named: tuple[str, ...]
) -> None:
    assert people.there(LISTED, platform, workspace) == named

"""Whose words whoever runs the host may read: those of public channels and of its own terminal."""

from __future__ import annotations

import pytest

from host.governance import sight
from host.ports.events import Privacy
from host.registry.sessions import scope_name
from sessiondb import Address


@pytest.mark.parametrize(
    ("address", "privacy", "common"),
    [
        (Address("slack", "T1", "C1"), "public", True),
        (Address("discord", "1", "2", "3"), "public", True),
        (Address("slack", "T1", "C1"), "private", False),
        (Address("slack", "T1", "D1"), "dm", False),
        (Address("discord", "", "2"), "dm", False),
        (Address("console", "local", "you"), "dm", True),
    ],
)
def test_what_is_common_is_public_or_of_the_terminal(
    address: Address, privacy: Privacy, common: bool
) -> None:
    assert sight.is_common(address, scope_name(privacy, address, "U1")) is common


@pytest.mark.parametrize(
    "scope", ["", "public", "slack-T1-public", "slack-T2-public-0a1b2c3d", "slack-T1-private-public"]
)
def test_a_scope_that_only_looks_public_is_not(scope: str) -> None:
    assert not sight.is_common(Address("slack", "T1", "C1"), scope)


def test_the_public_scope_of_another_workspace_is_not_this_ones() -> None:
    other = scope_name("public", Address("slack", "T2", "C1"), "")
    assert not sight.is_common(Address("slack", "T1", "C1"), other)

"""Processes that begin with everything imported are forked of one for all workers of pytest-xdist: each would import for three
seconds of a core, and hold as much memory again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import commands

SEVERAL = 3  # workers; fewer run a part of the suite, which may need none


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of whoever distributes the tests, for each worker."""
    if (node.config.getoption("numprocesses", None) or 0) >= SEVERAL:
        node.workerinput["forked_of"] = commands.lent()


def pytest_sessionstart(session: pytest.Session) -> None:
    address = getattr(session.config, "workerinput", {}).get("forked_of", "")
    if address:
        commands.borrowed(address)

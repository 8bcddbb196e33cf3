"""Tests of a group run in one process, one after the other (`xdist_group`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection_finish(session: pytest.Session) -> Iterator[None]:
    """pytest-xdist tells who distributes the tests by an id's end which group it is of, and writes that to where pytest 9.2
    reads no ids any more: groups were none. Here the ids have that end while they are told, and in no report."""
    marked: list[Any] = [item for item in session.items if "_nodeid" in vars(item)]
    own = [item._id for item in marked]
    for item in marked:
        item._id = item._nodeid
    yield
    for item, plain in zip(marked, own, strict=True):
        item._id = plain

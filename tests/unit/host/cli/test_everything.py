"""Looks go on side by side, each with a bound, and none ends in more than a finding."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from host.cli.looks import everything
from host.cli.looks.everything import Look
from host.ports.findings import Finding
from tests.fakes.platform import TIMEOUT


def saying(what: str) -> Look:
    async def look() -> Sequence[Finding]:
        return [Finding(what, True)]

    return Look(what, look)


async def test_one_that_hangs_or_fails_is_a_finding_and_the_others_are_told() -> None:
    async def hangs() -> Sequence[Finding]:
        await asyncio.Event().wait()
        return []

    async def fails() -> Sequence[Finding]:
        raise RuntimeError("the cable is cut")

    async with asyncio.timeout(TIMEOUT):
        found = await everything.told(
            [Look("Slow", hangs, 0.01), saying("One"), Look("Bad", fails), saying("Two")]
        )
    assert [(one.what, one.well) for one in found] == [
        ("Slow", False),
        ("One", True),
        ("Bad", False),
        ("Two", True),
    ]
    assert "no answer within" in found[0].sentence
    assert found[2].seen == "the cable is cut"


async def test_they_go_on_side_by_side() -> None:
    both = asyncio.Barrier(2)

    async def meets() -> Sequence[Finding]:
        await both.wait()
        return [Finding("Met", True)]

    async with asyncio.timeout(TIMEOUT):
        assert await everything.told([Look("A", meets), Look("B", meets)]) == [Finding("Met", True)]


async def test_a_job_aside_gives_what_it_returns_or_raises_and_is_left_when_it_hangs() -> None:
    assert await everything.aside(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await everything.aside(lambda: 1 // 0)
    over = threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await everything.aside(over.wait)
    over.set()


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (Finding("Disk", False, "full", "Make room"), "Disk: full. Make room."),
        (Finding("Disk", False, "It is full.", "Make room."), "Disk: It is full. Make room."),
        (Finding("Disk", True), "Disk."),
    ],
)
def test_a_finding_is_a_sentence(finding: Finding, sentence: str) -> None:
    assert finding.sentence == sentence

"""Who may write how much: what one may write at once, its share after that, and how long it is held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from host.folders import written
from host.runners import pace
from host.runners.launch.fake import FakeLauncher, FakeRunner
from host.runners.pace import (
    AT_ONCE,
    LEAST_HELD,
    MANY,
    MIB,
    MOST_HELD,
    MOST_OWED,
    Account,
    Pace,
    charge,
    held_for,
    shares,
)
from tests.support.launching import spec
from tests.support.waiting import DEADLINE, eventually

TOGETHER = 48 * MIB


def of_going_on(rate: float, count: int) -> list[Account]:
    """After ten minutes in which each writes so many bytes a second, whatever is decided."""
    accounts = [Account() for _ in range(count)]
    for _ in range(600):
        going_on, others = shares(accounts, TOGETHER)
        for account in accounts:
            charge(account, int(rate), 1.0, going_on if account.goes_on else others)
    return accounts


def test_what_is_written_at_once_is_nobodys_business() -> None:
    account = Account()
    charge(account, AT_ONCE - MIB, 1.0, shares([account], TOGETHER)[1])

    assert held_for(account, shares([account], TOGETHER)[0]) == 0


def test_one_that_goes_on_alone_has_the_share_of_all() -> None:
    [account] = of_going_on(TOGETHER * 0.9, 1)

    assert held_for(account, shares([account], TOGETHER)[0]) == 0


@pytest.mark.parametrize("count", [10, 50])
def test_many_that_go_on_are_held_once_they_write_more_than_their_share(count: int) -> None:
    fair, greedy = of_going_on(TOGETHER / count * 0.9, count), of_going_on(TOGETHER / count * 2, count)

    assert all(held_for(account, shares(fair, TOGETHER)[0]) == 0 for account in fair)
    assert all(held_for(account, shares(greedy, TOGETHER)[0]) > 0 for account in greedy)


def test_who_writes_little_beside_ten_that_go_on_is_never_held() -> None:
    quiet, others = Account(), [Account(left=-MOST_OWED) for _ in range(MANY)]
    for _ in range(600):
        going_on, resting = shares([quiet, *others], TOGETHER)
        charge(quiet, MIB, 1.0, going_on if quiet.goes_on else resting)

    assert quiet.whole


def test_a_hold_is_as_long_as_the_share_needs_within_bounds() -> None:
    rate = TOGETHER / MANY

    assert held_for(Account(left=-1), rate) == LEAST_HELD
    assert held_for(Account(left=-3 * rate), rate) == pytest.approx(3.0)
    assert held_for(Account(left=-MOST_OWED), rate) == MOST_HELD


def test_nobody_owes_more_than_can_be_worked_off() -> None:
    account = Account()
    charge(account, 100 * AT_ONCE, 1.0, 0.0)

    assert account.left == -MOST_OWED


# ── held and let go ──────────────────────────────────────────────────────────────────────────────────────────


class Writer:
    """A runner whose container has written what the test says, as the kernel tells of it."""

    def __init__(self, folder: Path, launcher: FakeLauncher, runner: FakeRunner, pace: Pace) -> None:
        self.folder, self.launcher, self.runner, self.pace = folder, launcher, runner, pace
        self.kept = asyncio.create_task(pace.keep(runner, 1))
        (folder / "1" / "ns").mkdir(parents=True)
        (folder / "1" / "ns" / "pid").touch()
        self.has_written(0)

    def has_written(self, bytes_: int) -> None:
        (self.folder / "1" / "io").write_text(f"write_bytes: {bytes_}\n")
        (self.folder / "vmstat").write_text(f"pgpgout {bytes_ // 1024}\n")

    async def looked_at(self) -> None:
        await eventually(lambda: any(paced.counted is not None for paced in self.pace._paced))

    async def until(self, held: bool) -> None:
        async with asyncio.timeout(DEADLINE):
            while self.runner.held is not held:
                self.launcher.changed.clear()
                await self.launcher.changed.wait()


@pytest.fixture
async def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Writer]:
    for name, much in {
        "SELDOM": 0.02,
        "OFTEN": 0.01,
        "BREATH": 0.01,
        "LEAST_HELD": 0.02,
        "MOST_HELD": 0.05,
        "MUCH": -1,
    }.items():
        monkeypatch.setattr(pace, name, much)
    monkeypatch.setattr(written, "PROC", tmp_path / "proc")
    launcher = FakeLauncher()
    runner = await launcher.start(spec(tmp_path))
    pacing = Pace(launcher, TOGETHER)
    writer = Writer(tmp_path / "proc", launcher, runner, pacing)
    yield writer
    writer.kept.cancel()
    await asyncio.wait([writer.kept])
    pacing.close()


async def test_who_goes_on_is_held_again_and_again_and_runs_in_between(writer: Writer) -> None:
    await writer.looked_at()
    for number in range(1, 4):
        writer.has_written(number * 10 * AT_ONCE)
        await writer.until(held=True)
        await writer.until(held=False)


@pytest.mark.parametrize("owes", [True, False])
async def test_who_still_owes_after_a_breath_is_held_again_without_a_look(writer: Writer, owes: bool) -> None:
    await writer.looked_at()
    assert writer.pace._rounds is not None
    writer.pace._rounds.cancel()  # nobody looks from now on
    [paced] = writer.pace._paced
    paced.account.left = -MOST_OWED if owes else 0.0
    await writer.launcher.hold(writer.runner)
    running = asyncio.create_task(writer.pace._let_run(paced, TOGETHER / MANY))
    await writer.until(held=False)
    async with asyncio.timeout(DEADLINE):
        await running
    assert writer.runner.held is owes


async def test_who_is_held_is_let_go_though_the_engine_fails_for_a_while(writer: Writer) -> None:
    for what in ("hold", "let_go", "let_go"):  # it was held, though the answer to that was lost
        writer.launcher.fail_next(what)
    await writer.looked_at()
    writer.has_written(10 * AT_ONCE)
    await writer.until(held=True)
    await writer.until(held=False)


async def test_another_life_is_no_way_out_of_what_one_owes(writer: Writer) -> None:
    await writer.looked_at()
    writer.has_written(10 * AT_ONCE)
    await writer.until(held=True)
    writer.kept.cancel()
    await asyncio.wait([writer.kept])

    assert not writer.pace._account(writer.runner.session_id).whole

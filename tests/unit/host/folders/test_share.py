"""The folder that nodes share: known by its mark, and never waited for without an end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.folders import share
from host.folders.share import MARK, Patient, Unfit

SOON = 0.1  # s
NOBODY = 65_534


@contextlib.contextmanager
def hanging(path: Path) -> Iterator[None]:
    """Whoever opens it waits for a writer, who comes in the end."""
    os.mkfifo(path)
    try:
        yield
    finally:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


def test_a_folder_without_a_mark_is_no_share_and_gets_none(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="there is no such folder"):
        share.marked(tmp_path / "mnt")
    with pytest.raises(Unfit, match="not mounted there, or it is a new one") as error:
        share.claim(tmp_path, "i1")
    assert error.value.remedy == f"Mount it; of a new one it is made once: touch {tmp_path / MARK}"
    assert list(tmp_path.iterdir()) == []


def test_the_first_node_says_in_the_mark_which_folder_it_is_and_all_others_ask_for_that_one(
    tmp_path: Path,
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / MARK).touch()
    known = share.claim(one, "i1")
    assert share.claim(one, "i1") == known  # as after a crash before the database knew it
    share.require(one, known)
    with pytest.raises(Unfit, match="another folder than the one that the nodes of this database share"):
        share.require(other, known)
    share.claim(other, "i1")
    with pytest.raises(Unfit, match="another folder"):
        share.require(other, known)
    with pytest.raises(Unfit, match="another installation's"):
        share.claim(one, "i2")
    (other / MARK).write_text(f"{known}\n")  # as its remedy says
    share.require(other, known)


async def test_of_nodes_that_begin_at_once_all_find_the_same_mark(tmp_path: Path) -> None:
    (tmp_path / MARK).touch()
    patient = Patient()
    async with asyncio.timeout(30):
        found = await asyncio.gather(*(patient.run(share.claim, tmp_path, "i1") for _ in range(8)))
    assert {share.marked(tmp_path)} == set(found)
    assert [path.name for path in tmp_path.iterdir()] == [MARK]


async def test_a_node_that_was_slow_takes_no_mark_that_another_one_wrote_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / MARK).touch()
    looked, others = share._written, list[str]()

    def slowly(root: Path) -> str:
        found = looked(root)
        if not others:
            others.append("")
            others[0] = share.claim(root, "i1")
        return found

    monkeypatch.setattr(share, "_written", slowly)
    assert [share.claim(tmp_path, "i1")] == others
    assert share.marked(tmp_path) == others[0]
    assert [path.name for path in tmp_path.iterdir()] == [MARK]


def test_a_folder_that_cannot_be_written_is_said_to_be_so() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / MARK).touch()
        folder.chmod(0o555)
        with nobody(), pytest.raises(Unfit, match="it cannot be used: Permission denied"):
            share.require_writable(folder)


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Root may write everywhere, and anybody in a folder of their own."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_a_folder_that_does_not_answer_is_waited_for_a_while(tmp_path: Path) -> None:
    with hanging(tmp_path / MARK), pytest.raises(Unfit, match="does not answer"):
        share.at_once(tmp_path, lambda: share.marked(tmp_path), SOON)


async def test_calls_that_hang_cost_so_many_threads_and_then_none_begins_until_one_is_back(
    tmp_path: Path,
) -> None:
    patient, opened = Patient(SOON, most=2), threading.Event()
    with hanging(tmp_path / MARK):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await patient.run(share.marked, tmp_path)
        with pytest.raises(TimeoutError):
            await patient.run(opened.set)
    assert not opened.is_set()
    async with asyncio.timeout(5):
        while not opened.is_set():
            with contextlib.suppress(TimeoutError):
                await patient.run(opened.set)

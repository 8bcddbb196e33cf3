"""Tasks whose place is closed or whose owner is gone: what rests, who is told, and what follows when that is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.config.recurrence import Schedule
from host.mailbox.inbound import InboundWriter
from host.mailbox.tasks import Task
from host.registry import standing
from host.registry.notices import Notice
from host.registry.standing import Ended
from host.schedule import ended
from sessiondb.records import Address

AT = 1_790_000_000_000  # ms UTC
PLACE = Address("slack", "T1", "C1")
OPEN = Ended(place="roost")
ARCHIVED = Ended(why=standing.WORDS["archived"], place="roost")
GONE = Ended(place="roost", gone={"U1": "Zoe"})
BOTH = Ended(why=ARCHIVED.why, place="roost", gone=GONE.gone)


class File:
    """A session's file as the schedule looks at it, a minute later each time."""

    def __init__(self, path: Path) -> None:
        self.now = AT
        self.writer = InboundWriter(path, lambda: self.now)

    def with_task(self, id_: str, owner: str) -> None:
        with self.writer.writing():
            self.writer.tasks.put(a_task(id_, owner))

    def seen(self, here: Ended) -> list[Notice]:
        """What is owed by that look."""
        self.now += 60_000
        ended.rest(self.writer, here, self.now)
        owed = self.writer.owed()
        with self.writer.writing():
            self.writer.paid(about for about, _ in owed)
        return [Notice.decode(kept) for _, kept in owed]

    def task(self, id_: str = "t1") -> Task:
        found = self.writer.tasks.get(id_)
        assert found is not None
        return found


def a_task(id_: str, owner: str) -> Task:
    return Task(
        id=id_,
        title="Weekly",
        prompt="the week",
        schedule=Schedule(cron="0 9 * * 1", zone="UTC"),
        script="",
        missed="run_once",
        mentions=(),
        state="active",
        next_at=AT + 3_600_000,
        last_occurrence=0,
        failures=0,
        problem="",
        owner=owner,
        source="person" if owner else "file",
        made_in="",
        address=PLACE,
        created_at=AT,
    )


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    made = File(tmp_path / "inbound.db")
    yield made
    made.writer.close()


def test_a_place_that_closes_and_opens_again_is_told_of_once_each_time(file: File) -> None:
    file.with_task("t1", "U1")
    [paused] = file.seen(ARCHIVED)
    assert paused.private_to == "U1"
    assert "#roost, where it posts, was archived" in paused.text
    assert (file.task().state, file.task().problem) == ("paused", "#roost was archived")
    assert file.seen(ARCHIVED) == []
    [free] = file.seen(OPEN)
    assert free.private_to == "U1"
    assert free.otherwise == PLACE
    assert "I can write in #roost again" in free.text
    assert (file.task().state, file.task().problem) == ("paused", "#roost was archived, which is over")
    assert file.seen(OPEN) == []
    # Nobody took it up: when it closes once more there is nothing to pause, and its opening is told again.
    assert file.seen(ARCHIVED) == []
    assert file.task().problem == "#roost was archived"
    assert [notice.private_to for notice in file.seen(OPEN)] == ["U1"]


def test_a_task_without_an_owner_goes_on_by_itself(file: File) -> None:
    file.with_task("t1", "")
    assert file.seen(ARCHIVED) == []  # nobody asked for it: the log tells its operator
    assert file.task().state == "paused"
    [told] = file.seen(OPEN)
    assert told.address == PLACE
    assert "go on with the task “Weekly”" in told.text
    assert (file.task().state, file.task().problem) == ("active", "")
    assert file.task().next_at > file.now


def test_whoever_is_back_is_asked_and_whoever_is_gone_leaves_it_to_the_place(file: File) -> None:
    file.with_task("t1", "U1")
    file.with_task("t2", "U2")
    [paused] = file.seen(GONE)
    assert (paused.address, paused.private_to) == (PLACE, "")
    assert "Zoe, who asked for it, is gone" in paused.text
    assert file.task().problem == ended.OWNER_GONE
    assert file.task("t2").state == "active"
    [back] = file.seen(OPEN)
    assert back.private_to == "U1"
    assert back.text.startswith("▶️ You are back.")
    assert file.seen(OPEN) == []


def test_of_a_place_that_opens_for_somebody_who_is_gone_the_place_hears(file: File) -> None:
    file.with_task("t1", "U1")
    file.seen(BOTH)
    [told] = file.seen(GONE)
    assert (told.address, told.private_to) == (PLACE, "")
    assert file.task().problem == ended.OWNER_GONE  # so that whoever resumes it takes it over


def test_what_a_person_paused_is_no_business_of_the_places(file: File) -> None:
    file.with_task("t1", "U1")
    with file.writer.writing():
        file.writer.tasks.rest(file.task(), "")
    assert file.seen(ARCHIVED) == []
    assert file.seen(OPEN) == []
    assert file.task().problem == ""

"""Who may have a task run elsewhere, with what is kept there at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from host.config import Config
from host.config.recurrence import ScheduleError
from host.config.settings import Settings
from host.folders.disk import ThreadDisk
from host.ports.bot import Bots, Offline
from host.registry.db import HostDB
from host.registry.sessions import scope_name
from host.schedule import readers
from host.schedule.readers import NOT_FOR_GUESTS, NOT_THEIRS, Readers
from sessiondb import Address
from tests.fakes.platform import MemoryBot

HERE = Address("memory", "w", "D1")
PLACE = Address("memory", "w", "C5", "a-thread")
PUBLIC, PRIVATE = scope_name("public", PLACE, ""), scope_name("private", PLACE, "")
PEOPLE: dict[str, list[tuple[str, int | None]]] = {  # by id: where they wrote, and what they were there
    "member": [("w", 0)],
    "guest": [("w", 1)],
    "of both": [("w", 0), ("elsewhere", 1)],
    "untold": [("w", None)],
    "told in the channel": [("", None), ("w", 0)],
    "never here": [("elsewhere", 0)],
    "owner": [("w", 1)],
}


@pytest.fixture
async def judged(tmp_path: Path) -> AsyncIterator[tuple[Readers, MemoryBot]]:
    db = await HostDB.open(tmp_path / "host.db", ThreadDisk())
    rows = [("memory", where, id_, apart, 1) for id_, there in PEOPLE.items() for where, apart in there]
    await db.write(
        lambda c: c.executemany(
            "INSERT INTO users (channel_type, workspace_id, user_id, apart, seen_at) VALUES (?, ?, ?, ?, ?)",
            rows,
        )
    )
    bot = MemoryBot()
    bot.members = {"member": {"C5"}, "guest": {"C5"}}
    settings = Settings(Config.model_validate({"access": {"owners": ["memory:owner"]}}))
    yield Readers(settings, db, Bots({"memory": bot})), bot
    await db.close()


async def refusal(found: Readers, people: Sequence[str], scope: str, place: Address = PLACE) -> str:
    try:
        await found.judge(people, HERE, place, scope)
    except ScheduleError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("people", "public", "private"),
    [
        (["member"], "", ""),
        (["owner"], "", ""),
        (["owner", "member"], "", ""),
        (["of both"], "", NOT_THEIRS),
        (["told in the channel"], "", NOT_THEIRS),
        (["guest"], NOT_FOR_GUESTS, NOT_FOR_GUESTS),
        (["member", "guest"], NOT_FOR_GUESTS, NOT_FOR_GUESTS),
        (["owner", "guest"], NOT_FOR_GUESTS, NOT_FOR_GUESTS),
        (["untold"], NOT_FOR_GUESTS, NOT_FOR_GUESTS),
        (["never here"], NOT_FOR_GUESTS, NOT_FOR_GUESTS),
        (["a hook"], NOT_FOR_GUESTS, NOT_FOR_GUESTS),
        ([""], NOT_FOR_GUESTS, NOT_FOR_GUESTS),
        ([], NOT_FOR_GUESTS, NOT_FOR_GUESTS),
    ],
    ids=str,
)
async def test_a_task_elsewhere_is_for_whom_what_it_has_at_hand_is_for(
    judged: tuple[Readers, MemoryBot], people: list[str], public: str, private: str
) -> None:
    found, _ = judged
    assert (await refusal(found, people, PUBLIC), await refusal(found, people, PRIVATE)) == (public, private)


@pytest.mark.parametrize(
    "fault", [Offline("no connection"), ValueError("a surprise"), TimeoutError()], ids=repr
)
async def test_a_platform_that_tells_nothing_opens_no_private_channel(
    judged: tuple[Readers, MemoryBot], fault: Exception
) -> None:
    found, bot = judged
    bot.tells_nothing = fault
    assert await refusal(found, ["member"], PRIVATE) == NOT_THEIRS
    assert await refusal(found, ["member"], PUBLIC) == ""


async def test_a_private_channel_of_another_platform_is_nobodys_here(
    judged: tuple[Readers, MemoryBot],
) -> None:
    found, _ = judged
    far = PLACE._replace(channel_type="console")
    assert await refusal(found, ["member"], scope_name("private", far, ""), far) == NOT_THEIRS
    assert await refusal(found, ["member"], scope_name("public", far, ""), far) == ""


def test_a_platform_has_so_long_to_tell() -> None:
    assert readers.LONGEST <= 5.0

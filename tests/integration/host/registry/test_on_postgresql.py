"""A host whose own records are in PostgreSQL: what it says, keeps and forgets is what it would with host.db."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from host.cli import tasks_ordered
from host.cli.looks import records
from host.config import Config
from host.live import policy as live_policy
from host.ports import faults
from host.ports.bot import HostBusy
from host.registry import forgetting
from host.registry.where import ELSEWHERE, NotYet
from sessiondb import SessionError
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.dovecote import Folder
from tests.support.hosting import config, now_ms, serving
from tests.support.postgres import Server
from tests.support.viewing import ADA, BOB, answered
from tests.support.waiting import eventually


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.database()


def settings(folder: Path, url: str) -> Config:
    return config(folder / "data", cluster={"database": url})


async def test_a_node_whose_lease_is_over_changes_nothing_that_people_see_and_its_runners_end(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from host.registry import leases

    for name, seconds in (("LEASE", 1.5), ("GRACE", 0.3), ("BEAT", 0.1)):
        monkeypatch.setattr(leases, name, seconds)
    monkeypatch.setattr(live_policy, "OPEN_AFTER", 0.05)
    bot = MemoryBot()
    async with serving(settings(tmp_path, url), bot) as (host, _):
        await bot.say("C1", "@@stream 0.2\n" + "word " * 25)
        await bot.until(lambda: "updated" in bot.live_log)
        house = host.house
        house.records.db._beats._ending.set()  # type: ignore[attr-defined] # as where it reaches no database
        await eventually(lambda: not house.records.db.leads())
        seen = len(bot.live_log), len(bot.shown)
        await eventually(lambda: not any(life.runner for life in list(house.supervisor.lives.values())))
    assert (len(bot.live_log), len(bot.shown), len(bot.live)) == (*seen, 1)
    assert bot.said("C1") == []
    async with serving(settings(tmp_path, url), bot):  # the next life takes it over
        await bot.say("C1", "again")
        await bot.until(lambda: "again" in bot.said("C1") and not bot.live)
    assert bot.live_log.count("opened") == bot.live_log.count("removed")


async def test_a_conversation_goes_on_through_cut_connections_and_restarts(
    postgres: Server, url: str, tmp_path: Path
) -> None:
    bot = MemoryBot()
    async with serving(settings(tmp_path, url), bot):
        await answered(bot, "C1", "one")
        postgres.cut_off(url)
        await answered(bot, "C1", "two")
    async with serving(settings(tmp_path, url), bot):
        await answered(bot, "C1", "three")
        await asyncio.to_thread(postgres.stop)
        event = bot.event("C1", "four")
        early = asyncio.create_task(bot.ingested(event))
        await asyncio.to_thread(postgres.start)  # from here on the server takes connections
        try:
            await early
        except HostBusy:  # it was asked while the server was starting; a platform delivers it again
            await bot.ingested(event)
        await bot.until(lambda: "four" in bot.said("C1"))
    assert bot.said("C1") == ["one", "two", "three", "four"]
    assert (
        sorted(path.name for path in (tmp_path / "data").iterdir() if path.name.startswith("host.db")) == []
    )
    assert (
        postgres.says(url, "SELECT count(*), count(DISTINCT session_id) FROM inbox WHERE state = 'stored'")
        == "4|1"
    )
    assert postgres.says(url, "SELECT count(*) FROM ledger WHERE state = 'sent'") == "4"


async def test_a_host_that_another_took_over_from_ends_and_says_so(
    postgres: Server, url: str, tmp_path: Path
) -> None:
    bot = MemoryBot()

    async def taken_over() -> None:
        async with serving(settings(tmp_path, url), bot) as (host, _):
            await answered(bot, "C1", "one")
            postgres.says(url, "UPDATE leader SET epoch = epoch + 1")
            async with asyncio.timeout(TIMEOUT):
                await host._stopping.wait()

    with pytest.raises(SessionError, match="another host leads"):
        await taken_over()
    assert bot.said("C1") == ["one"]


async def test_commands_find_the_records_where_the_folder_says(
    postgres: Server, url: str, tmp_path: Path
) -> None:
    (tmp_path / "dovecote.toml").write_text(f'[cluster]\ndatabase = "{url}"\n')
    folder = Folder(tmp_path)
    told = await asyncio.to_thread(folder.chat, "hello")
    assert b"hello" in told.stdout, told.stderr.decode()
    assert (tmp_path / "data" / ELSEWHERE).read_text() == f"{url}\n"

    async def said(*arguments: str, command: str) -> str:
        process = folder.start(*arguments, command=command)
        out, errors = await asyncio.to_thread(process.communicate, timeout=TIMEOUT)
        assert process.returncode == 0, errors.decode()
        return out.decode()

    [session] = json.loads(await said("--json", command="sessions"))
    assert "goes on" not in await said(command="pause")
    assert postgres.says(url, "SELECT count(*) FROM paused") == "1"
    assert "goes on" in await said(command="resume")
    assert session["id"] in await said("--json", command="sessions")
    [node] = json.loads(await said("--json", command="nodes"))
    assert node["id"] == (tmp_path / "data" / "node").read_text().strip()
    assert not node["serves"]  # it has ended, and given its lease back
    assert node["name"] in await said(command="nodes")
    [message] = postgres.says(url, "SELECT message_id FROM inbox").split()
    assert "hello" in await said(message, command="why")


async def test_a_task_is_ordered_where_the_records_are_and_makes_no_others(
    postgres: Server, url: str, tmp_path: Path
) -> None:
    asked, data = settings(tmp_path, url), tmp_path / "data"
    data.mkdir()
    task = {
        "to": ["memory", "w", "C1", ""],
        "wish": {"title": "News", "prompt": "the news", "cron": "0 9 * * *"},
    }
    with pytest.raises(NotYet) as early:
        tasks_ordered.add(asked, task)
    assert "dovecote up" in faults.of(early.value)
    async with serving(asked):
        pass
    await asyncio.to_thread(tasks_ordered.add, asked, task)
    assert not (data / "host.db").exists()
    async with serving(asked):
        assert postgres.says(url, "SELECT count(*) FROM due") == "1"


async def test_a_person_is_forgotten_there_as_well(postgres: Server, url: str, tmp_path: Path) -> None:
    bot = MemoryBot()
    async with serving(settings(tmp_path, url), bot) as (host, _):
        await answered(bot, "C1", "my word is sesame", author=ADA)
        await answered(bot, "C1", "and mine is another", author=BOB)
        assert "sesame" in postgres.says(url, "SELECT content FROM mailbox_copies")
        await host.house.ordered.forgetting.forget(forgetting.Person("memory", ADA.id), None)
        assert "sesame" not in postgres.says(url, "SELECT content FROM mailbox_copies")
        await answered(bot, "C1", "mine is still another", author=BOB)
        assert "still another" in postgres.says(url, "SELECT content FROM mailbox_copies")
    rows = postgres.says(url, "SELECT event FROM inbox") + postgres.says(
        url, "SELECT user_id, name FROM users"
    )
    assert "sesame" not in rows
    assert f'"{ADA.id}"' not in rows
    assert "and mine is another" in rows
    assert f'"{BOB.id}"' in rows


async def test_the_doctor_looks_at_the_database(postgres: Server, url: str, tmp_path: Path) -> None:
    asked = settings(tmp_path, url)
    (tmp_path / "data").mkdir()

    def seen(of: Config) -> tuple[bool, str, str]:
        [found] = records.look(of, tmp_path / "data", now_ms(), before_start=False).findings[:1]
        return found.well, found.seen, found.remedy

    assert seen(asked)[:2] == (True, "the database answers: no host has run on it here")
    async with serving(asked) as (_, bot):
        await answered(bot, "C1", "one")
        assert seen(asked)[0]
    well, problem, remedy = seen(settings(tmp_path, url.replace("host=/", "host=/nowhere/")))
    assert (well, problem.startswith("PostgreSQL: ")) == (False, True)
    assert "[cluster] database" in remedy

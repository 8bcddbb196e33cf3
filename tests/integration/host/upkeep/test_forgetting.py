"""Forgetting a person: nothing of them is left in the data folder, and everybody else's is."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection
from pathlib import Path

import pytest

from host.app import Host
from host.cli import backups, forgetting, pausing
from host.cli.ending import NothingFoundError
from host.folders import logs
from host.folders.lock import DataLock
from host.governance import audit
from host.ports.bot import Unsent
from host.ports.controls import Judged
from host.ports.events import Author, EventClass, Said, Viewer
from host.registry.db import open_registry
from host.registry.forgetting import Person
from host.registry.port import Statements
from host.upkeep.backups.making import make
from host.upkeep.forgetting import NotForgotten
from sessiondb import Address
from sessiondb.content import Part
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.viewing import BOB, answered

EVE = Author("UEVE77", "Evelyn Quill")
ID = Person("memory", EVE.id)
HERS = (b"sesame", EVE.id.encode(), EVE.name.encode())


def left(data: Path, words: tuple[bytes, ...] = HERS) -> list[str]:
    """Files that hold one of them, whatever they are: free pages count."""
    return sorted(
        f"{path.relative_to(data)}: {word!r}"
        for path in data.rglob("*")
        for word in words
        if word in str(path.relative_to(data)).encode() or (path.is_file() and word in path.read_bytes())
    )


async def talk(bot: MemoryBot) -> None:
    """In a direct message with a file and a note to the agent's folder, and among others."""
    file = bot.file("sesame.txt", b"open sesame")
    await answered(bot, "dm-eve", "my sesame", author=EVE, privacy="dm", files=(file,))
    note = '@@call mock_append {"file": "notes", "line": "sesame", "shared": true}'
    await answered(bot, "dm-eve", note, author=EVE, privacy="dm")
    there = {"privacy": "public", "mentioned": True}
    await answered(bot, "general", "sesame for all", author=EVE, **there)
    await answered(bot, "general", "I like poppies", author=BOB, **there)
    await answered(bot, "dm-bob", "poppies again", author=BOB, privacy="dm")


async def test_nothing_of_a_person_is_left_and_everything_of_others_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.registry.forgetting.PORTION", 2)  # whoever commits meanwhile comes in between
    bot = MemoryBot()
    async with serving(config(tmp_path), bot) as (host, _):
        await talk(bot)
        assert forgetting.counts(tmp_path, ID).startswith("there is: 3 messages")
        told = await host.house.ordered.forgetting.ordered(json.dumps({"person": str(ID), "by": "ann"}))
        assert told.startswith("forgotten: 3 messages, 0 model calls, 1 names, ")
        assert told.endswith(", 1 direct messages, 1 conversations")
        again = await host.house.ordered.forgetting.forget(ID, None)  # harmless
        assert set(again.found.values()) == {0}
        before = len(bot.said("general"))
        await bot.say("general", "and poppies now?", author=BOB, privacy="public", mentioned=True)
        await bot.until(lambda: len(bot.said("general")) > before)  # the conversation goes on
    assert left(tmp_path) == []
    assert left(tmp_path, (b"poppies",)) != []
    registry = open_registry(tmp_path)
    try:
        [(user, action, detail)] = registry.execute("SELECT user, action, detail FROM audit").fetchall()
        assert (user, action) == ("console:ann", "forget")
        assert str(detail).startswith("3 messages")
        assert registry.execute("SELECT count(*) FROM inbox").fetchone() == (6,)  # that something came stays
        assert registry.execute("SELECT count(*) FROM users WHERE user_id = ?", (BOB.id,)).fetchone() == (1,)
    finally:
        registry.close()


async def everywhere(bot: MemoryBot, host: Host, data: Path) -> None:
    """In every place where something of hers may lie besides her messages."""
    there = {"privacy": "public", "mentioned": True}
    await talk(bot)
    said = Said("sesame in a thread", EVE.name, EVE.id)
    await answered(bot, "thread", "what is that?", author=BOB, thread_so_far=(said,), **there)
    quoted = Part("forwarded", "sesame, forwarded", author=EVE.name, author_id=EVE.id)
    await answered(bot, "dm-bob", "see this", author=BOB, parts=(quoted,), privacy="dm")
    await answered(bot, "alone", "sesame for me", author=EVE, **there)
    reaction = {"event_class": EventClass.REACTION, "author": EVE, "value": "sesame", **there}
    await bot.say("general", "", natural_id=f"n4:{EVE.id}:sesame:+", platform_message_id="n4", **reaction)
    await bot.say("dm-eve", "!sesame", author=EVE, privacy="dm")
    dm = next(data.glob("sessions/*"))
    (dm / "inbound" / "inbound.db.damaged-1").write_bytes(b"SQLite format 3 sesame")
    for folder in data.glob("sessions/*"):
        (folder / "runner.log").write_text(f"{EVE.name} said sesame")
        (folder / "outbound" / "progress.json").write_text('{"text": "sesame"}')
    (data / "backups").mkdir()
    (data / "backups" / "before-upgrade-9.1-to-10.1-2026-11-28T120000Z.tar.gz").write_bytes(b"sesame")

    def records(connection: Statements) -> None:
        connection.execute("INSERT INTO raises VALUES (?, 20261128, 5)", (f"person {ID}",))
        connection.execute(
            "INSERT INTO audit VALUES (NULL, 1, 'memory:U9', 'Olga', '', '', '', '', 'access', ?, '')",
            (f"{EVE.name} ({ID}) allowed",),
        )

    await host.house.records.db.write(records)


async def test_on_a_running_host_nothing_of_them_is_left_in_any_file_not_even_where_it_was_overwritten(
    tmp_path: Path,
) -> None:
    bot = MemoryBot()
    own = {"platform": "memory", "channel": "alone", "session": "user", "engage": "mention"}
    settings = config(tmp_path, routes=[own, {"platform": "memory", "engage": "mention"}])
    async with serving(settings, bot) as (host, _):
        await everywhere(bot, host, tmp_path)
        lock = DataLock(tmp_path)
        try:
            assert await asyncio.to_thread(forgetting.forget, tmp_path, ID)
        finally:
            lock.release()
        assert left(tmp_path) == []
        assert left(tmp_path, (b"poppies",)) != []
        told = await answered(bot, "general", "and poppies?", author=BOB, privacy="public", mentioned=True)
        assert told
        again = await answered(bot, "alone", "poppies for me", author=BOB, privacy="public", mentioned=True)
        assert again


async def test_an_answer_that_is_on_its_way_to_them_goes_and_one_to_others_is_still_said(
    tmp_path: Path,
) -> None:
    bot = MemoryBot()
    async with serving(config(tmp_path), bot) as (host, _):
        for channel, author in (("general", BOB), ("general", EVE), ("dm-eve", EVE)):
            bot.failures[channel].extend(Unsent("away") for _ in range(100))  # until it is back
            asked = "poppies" if author is BOB else "sesame"
            before = len(bot.failures[channel])
            privacy = "dm" if channel == "dm-eve" else "public"
            await bot.say(channel, asked, author=author, privacy=privacy, mentioned=True)
            await bot.until(lambda c=channel, n=before: len(bot.failures[c]) < n)  # type: ignore[misc]
        await host.house.ordered.forgetting.forget(ID, None)
        assert left(tmp_path) == []
        bot.failures.clear()
        await bot.until(lambda: bool(bot.said("general")))
        assert (bot.said("general"), bot.said("dm-eve")) == (["poppies"], [])


async def test_where_records_are_damaged_they_go_whole_and_it_is_said(tmp_path: Path) -> None:
    """Quarantined, damaged in a page that nobody has read since, moved aside by hand: the conversation begins anew."""
    bot = MemoryBot()
    there = {"privacy": "public", "mentioned": True}
    async with serving(config(tmp_path), bot) as (host, _):
        for channel in ("general", "moved"):
            await answered(bot, channel, "sesame for all", author=EVE, **there)
        await answered(bot, "dm-eve", "my sesame", author=EVE, privacy="dm")
        await answered(bot, "dm-bob", "poppies", author=BOB, privacy="dm")
        for life in list(host.house.supervisor.lives.values()):
            await host.house.supervisor.stop(life.session)
            await asyncio.wait([life.task])
        folders = {
            life.address.platform_id: life.folder
            for life in await host.house.records.db.read(
                lambda connection: host.house.records.sessions.load(connection, "TRUE", ())
            )
        }
        with folders["general"].outbound_db.open("r+b") as file:
            file.write(b"sesame, and no header any more")
        size = folders["dm-eve"].outbound_db.stat().st_size
        with folders["dm-eve"].outbound_db.open("r+b") as file:
            file.seek(4096)
            file.write(b"sesame " * ((size - 4096) // 7))
        moved = folders["moved"]
        moved.outbound_db.rename(moved.outbound_db.with_suffix(".old"))
        (moved.root / "inbound.db.bak").write_text("sesame")
        assert len(left(tmp_path, (b"sesame",))) > 3
        told = await host.house.ordered.forgetting.ordered(json.dumps({"person": str(ID), "by": "ann"}))
        assert told.startswith("forgotten: 3 messages")
        assert told.endswith(", 4 damaged or set-aside files")
        assert left(tmp_path) == []
        assert left(tmp_path, (b"poppies",)) != []
        for channel in ("general", "moved"):
            assert await answered(bot, channel, "and poppies?", author=BOB, **there)


async def test_the_terminals_transcripts_and_the_log_of_a_chat_are_reached_and_an_order_comes_before_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No host runs when it is given; the next one obeys before it hears anybody."""
    console = tmp_path / "console"
    console.mkdir()
    log = tmp_path / "logs" / "host.log"
    for name in ("handlers", "level"):  # put back afterwards
        monkeypatch.setattr(logging.getLogger(), name, [] if name == "handlers" else logging.INFO)
    logs.set_up(file=log)
    logging.getLogger("host").info("access.owners += %s; UEVE777 was there before", EVE.id)

    class Terminal(MemoryBot):
        channel_type = "console"

    you = Author("you", "you")
    person = Person("console", "you")
    async with serving(config(tmp_path), Terminal()) as (_, bot):
        for channel, author, text in (("main", you, "my sesame"), ("other", BOB, "somebody's poppies")):
            place = Address("console", "local", channel)
            await answered(bot, channel, text, author=author, address=place, privacy="dm")
        for name in ("main.jsonl", "history"):
            (console / name).write_text("my sesame")
        (console / "other.jsonl").write_text("poppies")
    assert await asyncio.to_thread(forgetting.forget, tmp_path, person)
    assert await asyncio.to_thread(forgetting.forget, tmp_path, ID)
    async with serving(config(tmp_path), Terminal()):
        assert left(tmp_path, (b"sesame",)) == []
    assert [path.name for path in console.iterdir()] == ["other.jsonl"]
    logging.getLogger("host").info("it goes on")
    lines = log.read_text().splitlines()
    assert lines[0].count("(forgotten)") == 1
    assert "UEVE777" in lines[0]
    assert "it goes on" in lines[-1]


class Keeping(MemoryBot):
    """It has notes of its own on people, and may fail to take them away."""

    def __init__(self) -> None:
        super().__init__()
        self.forgot: list[tuple[str, int]] = []
        self.fails = True

    async def forget(self, user: str, keys: Collection[str]) -> None:
        if self.fails:
            raise OSError("the notes are stuck")
        self.forgot.append((user, len(keys)))


async def test_what_a_bot_keeps_of_them_goes_first_and_its_failure_is_said(tmp_path: Path) -> None:
    bot = Keeping()
    async with serving(config(tmp_path), bot) as (host, _):
        ask = '@@call ask_user_question {"question": "sesame?", "options": ["sesame", "no"]}'
        await answered(bot, "dm-eve", ask, author=EVE, privacy="dm")
        order = json.dumps({"person": str(ID), "by": "ann"})
        told = await host.house.ordered.forgetting.ordered(order)
        assert told == (
            "refused: not everything could be taken away; order it again: memory: the notes are stuck"
        )
        bot.fails = False
        assert (await host.house.ordered.forgetting.ordered(order)).startswith("forgotten: ")
    assert left(tmp_path) == []
    assert [user for user, _ in bot.forgot] == [EVE.id]


async def test_what_they_asked_for_and_is_under_way_is_answered_no_more(tmp_path: Path) -> None:
    bot = MemoryBot()
    async with serving(config(tmp_path), bot) as (host, _):
        await bot.say("dm-eve", "sesame\n@@sleep 60", author=EVE, privacy="dm")
        await bot.until(lambda: bool(bot.shown))
        await host.house.ordered.forgetting.forget(ID, None)
        assert bot.said("dm-eve") == []
        assert not host.house.supervisor.lives
    assert left(tmp_path) == []


async def test_a_restored_backup_forgets_them_again_by_the_list(tmp_path: Path) -> None:
    first, second, file = tmp_path / "first", tmp_path / "second", tmp_path / "backup"
    bot = MemoryBot()
    async with serving(config(first), bot) as (host, _):
        await talk(bot)
        with file.open("wb") as to:
            make(first, to, lambda _: None)
        await host.house.ordered.forgetting.forget(ID, None)
    marks = tmp_path / "forgotten"
    marks.write_text(forgetting.marks(first))
    assert EVE.id not in marks.read_text()
    backups.read(file, second, identity="", forgotten=marks)
    assert left(second) != []
    pausing.resume(config(second), "", answer=False)
    async with serving(config(second), MemoryBot()):
        pass
    assert left(second) == []
    assert left(second, (b"poppies",)) != []


async def test_a_crash_in_the_middle_is_made_good_by_the_next_start(tmp_path: Path) -> None:
    bot = MemoryBot()

    async def breaks(host: Host) -> None:
        """The folder of a conversation cannot be emptied this time."""
        [folder] = tmp_path.glob("sessions/*/work")
        folder.parent.rename(tmp_path / "away")
        (tmp_path / "sessions" / folder.parent.name).write_text("no folder")
        with pytest.raises(NotForgotten):
            await host.house.ordered.forgetting.forget(ID, None)

    async with serving(config(tmp_path), bot) as (host, _):
        await answered(bot, "dm-eve", "my sesame", author=EVE, privacy="dm")
        for life in list(host.house.supervisor.lives.values()):
            await host.house.supervisor.stop(life.session)
            await asyncio.wait([life.task])
        await breaks(host)
    [broken] = (tmp_path / "sessions").iterdir()
    broken.unlink()
    (tmp_path / "away").rename(broken)
    async with serving(config(tmp_path), MemoryBot()):
        pass
    assert left(tmp_path) == []


async def test_of_two_people_with_one_id_in_two_workspaces_the_one_who_is_named_is_forgotten(
    tmp_path: Path,
) -> None:
    class SlackLike(MemoryBot):
        channel_type = "slack"

    bot = SlackLike()
    one, other = (("T0ONE", "Evelyn Quill", "sesame"), ("T0OTHER", "Erna Falk", "poppies"))
    owner = ("slack:T0ONE/U0OWNER", "slack:T0OTHER/U0OWNER")
    access = {"unknown": "deny", "users": ["slack:U1"], "owners": list(owner)}
    async with serving(config(tmp_path, access=access), bot) as (host, _):
        for team, name, word in (one, other):
            for channel, privacy in (("C1", "public"), ("D1", "dm")):
                where = {"address": Address("slack", team, channel), "privacy": privacy, "mentioned": True}
                before = len(bot.sent)
                await bot.say(channel, f"{word} in {channel}", author=Author("U1", name), **where)
                await bot.until(lambda before=before: len(bot.sent) > before)  # type: ignore[misc]
            viewer = Viewer(Author("U1", name), Address("slack", team, "C1"), "public")
            judged = [sent for sent in bot.sent if sent.address == viewer.address][-1].key
            await host.controls.judge(viewer, Judged(judged, "bad", 1, word))
            await host.house.records.db.write(
                lambda c, viewer=viewer, word=word: audit.record(c, viewer, "access", f"by U1, {word}", 1)  # type: ignore[misc]
            )
        with pytest.raises(NothingFoundError, match="write slack:T0ONE/U1, slack:T0OTHER/U1"):
            forgetting.named(tmp_path, "slack:U1")
        her = forgetting.named(tmp_path, "slack:T0ONE/U1")
        assert forgetting.counts(tmp_path, her).startswith(
            "there is: 2 messages, 0 model calls, 1 names, 1 d"
        )
        told = await host.house.ordered.forgetting.ordered(json.dumps({"person": str(her), "by": "ann"}))
        assert told.startswith("forgotten: 2 messages")
        assert forgetting.counts(tmp_path, Person("slack", "U1", "T0OTHER")).startswith(
            "there is: 2 messages"
        )
    assert [line for line in left(tmp_path, (b"sesame", b"Evelyn")) if "host.db" not in line] == []
    registry = open_registry(tmp_path)
    try:
        kept = {
            table: registry.execute(f"SELECT user FROM {table} ORDER BY user").fetchall()
            for table in ("judgements", "audit")
        }
        assert kept["judgements"] == [("slack:T0OTHER/U1",)]
        assert kept["audit"] == [("",), ("console:ann",), ("slack:T0OTHER/U1",)]
        names = registry.execute("SELECT workspace_id, name FROM users").fetchall()
        assert names == [("T0OTHER", "Erna Falk")]
    finally:
        registry.close()


def test_what_names_nobody_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match="'eve' names nobody: write platform:id"):
        forgetting.named(tmp_path, "eve")
    for slip in ("SLACK:U1", "slack:u1", "slack:<@U1>", "slack:U1/..", "irc:U1", "discord:ada"):
        with pytest.raises(
            NothingFoundError, match=r"(is no (person|workspace)'s id of|says not where it belongs)"
        ):
            forgetting.named(tmp_path, slip)
    odd = tmp_path / "list"
    odd.write_text("[1]")
    with pytest.raises(NothingFoundError, match="is not what `dovecote forget --list` prints"):
        forgetting.read(odd)

"""A single machine's records move into a database and back, while no host runs; whoever is killed on the way begins again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from typer.testing import CliRunner

from host.cli.main import app
from host.config import Config
from host.registry.db import open_host_db
from host.registry.nodes import Led
from host.registry.where import ELSEWHERE, NotYet, noted
from sessiondb import SessionError
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.postgres import Server
from tests.support.viewing import answered

MOVING = "SELECT value FROM meta WHERE key = 'moving'"


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.database()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def on_file(data: Path) -> Config:
    return config(data)


def on_database(data: Path, url: str) -> Config:
    return config(data, cluster={"database": url})


def move(data: Path, to: str) -> str:
    """By the command, as an operator does. Raises what it raised."""
    settings = data.parent / "dovecote.toml"
    settings.write_text(f'data = "{data}"\n')
    found = CliRunner().invoke(app, ["migrate", "--to", to, "--config", str(settings)])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == 0, found.output
    return found.output


def rows(data: Path) -> dict[str, Any]:
    with closing(apsw.Connection(str(data / "host.db"), flags=apsw.SQLITE_OPEN_READONLY)) as records:
        names = [
            str(name) for (name,) in records.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            name: sorted(records.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in names
        }


def aside(data: Path) -> list[Path]:
    return sorted(data.glob("host.db.moved-*"))


async def test_a_conversation_goes_on_after_its_records_moved_and_after_they_moved_back(
    postgres: Server, url: str, data: Path
) -> None:
    bot = MemoryBot()
    async with serving(on_file(data), bot):
        await answered(bot, "C1", "one 🕊️ ' \" \\ \t \x7f \ud83d".replace("\ud83d", "half"))
    said = move(data, url)
    assert f'database = "{url}"' in said
    assert [path.name.startswith("host.db.moved-") for path in aside(data)] == [True]
    assert not (data / "host.db").exists()
    async with serving(on_database(data, url), bot):
        await answered(bot, "C1", "two")
    assert postgres.says(url, "SELECT count(*), count(DISTINCT session_id), max(id) FROM inbox") == "2|1|2"
    assert postgres.says(url, "SELECT carried = node FROM sessions") == "t"
    for node in ("(SELECT node FROM lease)", "'bob'"):
        postgres.says(url, f"INSERT INTO packed (place, session_id, node) SELECT {node}, '', {node}")
        postgres.says(url, f"INSERT INTO packed_portions SELECT {node}, 'serial', 0, 'bytes'")
    assert "in " in move(data, "host.db")
    assert noted(data) == ""
    moved = rows(data)
    assert moved["mailbox_copies"] == []
    # What another node packed last is still to be unpacked here.
    assert [row[0] for row in moved["packed"]] == ["bob"]
    assert moved["packed_portions"] == [("bob", "serial", 0, b"bytes")]
    async with serving(on_file(data), bot):
        await answered(bot, "C1", "three")
    assert [text.split()[0] for text in bot.said("C1")] == ["one", "two", "three"]
    with pytest.raises(SessionError, match="moved to a host"):
        async with serving(on_database(data.parent / "other", url)):
            pass


async def test_there_and_back_leaves_every_row_as_it_was_and_no_id_is_given_twice(
    url: str, data: Path
) -> None:
    async with serving(on_file(data)) as (_, bot):
        await answered(bot, "C1", "one")
    odd = ["", "NULL", "\\N", "a\tb\nc\\", "{}", "🕊️" * 3_000, "'\"", "\\.", "%s"]
    with closing(open_host_db(data / "host.db")) as records:
        for number, text in enumerate(odd):
            records.execute("INSERT INTO meta VALUES (?, ?)", (f"odd{number}", text))
        records.execute("UPDATE sqlite_sequence SET seq = 700 WHERE name = 'inbox'")
        records.execute("DELETE FROM orders")
        records.execute("DELETE FROM sqlite_sequence WHERE name = 'orders'")
        records.execute("INSERT INTO sqlite_sequence VALUES ('orders', 55)")
        records.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = rows(data)
    move(data, url)
    move(data, "host.db")
    with closing(apsw.Connection(str(data / "host.db"))) as records:
        node = (data / "node").read_text().strip()
        assert records.execute("SELECT DISTINCT node FROM sessions").fetchall() == [(node,)]
        records.execute("UPDATE sessions SET node = ''")  # the only thing that the folder knows more
    after = rows(data)
    assert {name: found for name, found in after.items() if found != before[name]} == {}
    assert {("inbox", 700), ("orders", 55)} <= set(after["sqlite_sequence"])


async def test_a_move_that_was_killed_between_any_two_steps_serves_nobody_and_ends_when_it_is_begun_again(
    postgres: Server, url: str, data: Path
) -> None:
    async with serving(on_file(data)) as (_, bot):
        await answered(bot, "C1", "one")
    move(data, url)
    node = (data / "node").read_text().strip()
    # Killed when all rows were there, before the folder said so: host.db is the truth, and the database serves nobody.
    [old] = aside(data)
    old.rename(data / "host.db")
    (data / ELSEWHERE).unlink()
    postgres.says(url, f"INSERT INTO meta VALUES ('moving', 'from {node}'); DELETE FROM inbox")
    with pytest.raises(SessionError, match="being moved into it"):
        async with serving(on_database(data.parent / "other", url)):
            pass
    move(data, url)
    assert postgres.says(url, "SELECT count(*) FROM inbox") == "1"
    # Killed when the folder said so, before host.db was set aside: no host serves, from neither.
    [old] = aside(data)
    old.rename(data / "host.db")
    postgres.says(url, f"INSERT INTO meta VALUES ('moving', 'from {node}')")
    for settings, why in ((on_file(data), "names none"), (on_database(data, url), "are in host.db")):
        with pytest.raises(SessionError, match=why):
            async with serving(settings):
                pass
    move(data, url)
    assert postgres.says(url, MOVING) == ""
    # Killed before the mark went.
    postgres.says(url, f"INSERT INTO meta VALUES ('moving', 'from {node}')")
    with pytest.raises(SessionError, match="being moved into it"):
        async with serving(on_database(data, url)):
            pass
    move(data, url)
    assert postgres.says(url, MOVING) == ""
    # Back, killed in the midst of writing, and once more when host.db was there and the note still was.
    postgres.says(url, f"INSERT INTO meta VALUES ('moving', 'to {node}')")
    (data / "host.db.moving").write_bytes(b"the beginning of one")
    move(data, "host.db")
    (data / ELSEWHERE).write_text(f"{url}\n")
    move(data, "host.db")
    assert noted(data) == ""
    async with serving(on_file(data), bot):
        await answered(bot, "C1", "two")
    assert bot.said("C1") == ["one", "two"]


async def test_what_cannot_be_moved_is_refused_in_words_and_changes_nothing(
    postgres: Server, url: str, data: Path
) -> None:
    data.mkdir()
    with pytest.raises(NotYet, match="no host has run"):
        move(data, url)
    with pytest.raises(SessionError, match="in no database"):
        move(data, "host.db")
    for wrong in ("mysql://x/y", "postgresql://me:secret@x/y", "nowhere"):
        found = CliRunner().invoke(app, ["migrate", "--to", wrong])
        assert found.exit_code == 2
        assert "Traceback" not in found.output
    async with serving(on_file(data), MemoryBot()) as (_, bot):
        await answered(bot, "C1", "one")
    before = rows(data)
    other = data.parent / "other"
    async with serving(on_database(other, url), MemoryBot()) as (_, theirs):
        await answered(theirs, "C1", "hello")
        with pytest.raises(Led, match="another host serves"):
            move(data, url)
    with pytest.raises(SessionError, match="has records already"):
        move(data, url)
    assert rows(data) == before
    assert noted(data) == ""
    assert postgres.says(url, "SELECT count(*) FROM inbox") == "1"
    with pytest.raises(SessionError, match="already"):
        move(other, url)


async def test_a_conversation_that_went_on_elsewhere_begins_anew_and_its_people_are_told(
    postgres: Server, url: str, data: Path
) -> None:
    async with serving(on_file(data)) as (_, bot):
        await answered(bot, "C1", "one")
    move(data, url)
    other = data.parent / "other"
    async with serving(on_database(other, url), bot):
        await bot.say("C1", "two")
        await bot.until(lambda: "two" in bot.said("C1"))
    assert "on another machine: 1." in move(data, "host.db")
    async with serving(on_file(data), bot):
        await bot.say("C1", "three")
        await bot.until(lambda: "three" in bot.said("C1"))
    said = bot.said("C1")
    assert [text for text in said if not text.startswith("⚠️")] == ["one", "two", "three"]
    told = [text for text in said if "on another machine than before" in text]
    assert len(told) == len(said) - 3 == 1, "once a day"

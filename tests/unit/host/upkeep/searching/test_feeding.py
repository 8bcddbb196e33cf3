"""What a conversation's files hold is in its scope's index: new, changed, moved, too old, damaged or not there at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from host.folders.disk import ThreadDisk
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage
from host.ports.outlet import Outlet
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.sessions import Session, Sessions, session_id
from host.upkeep.searching import feeding, index
from host.upkeep.searching.feeding import DAY, Feeding
from host.upkeep.searching.index import Index
from sessiondb import Address, SessionFolder, Status, content

NOW = 100 * DAY
PLACE = Address("memory", "w", "square")


@dataclass
class Town:
    data: Path
    db: HostDB
    feeding: Feeding
    news: Outlet[Session]

    async def session(self, channel: str, scope: str, active_at: int = NOW) -> str:
        place = PLACE._replace(platform_id=channel)
        return await self.db.write(lambda c: sessions.upsert(c, "default", place, scope, active_at))

    def writer(self, id_: str) -> InboundWriter:
        folder = SessionFolder(self.data / "sessions" / id_)
        folder.create()
        return InboundWriter(folder.inbound_db, lambda: NOW)

    def say(self, id_: str, *texts: str, at: int = NOW) -> list[str]:
        with closing(self.writer(id_)) as writer, writer.writing():
            ids = [f"m{abs(hash((id_, text))):024}"[:25] for text in texts]
            for message, text in zip(ids, texts, strict=True):
                place = PLACE
                writer.insert(NewMessage(message, "chat", place, content.Chat(text), created_at=at))
        return ids

    async def everything(self) -> None:
        self.feeding._since = 0
        await self.feeding.everything()

    def found(self, scope: str, question: str) -> int:
        return len(index.find([index.path_of(self.data, scope)], index.asked(question), 0, 1_000))


@pytest.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    monkeypatch.setattr(feeding, "REST", 0.0)
    disk = ThreadDisk()
    db = await HostDB.open(tmp_path / "host.db", disk)
    news = Outlet[Session]()
    yield Town(tmp_path, db, Feeding(tmp_path, db, lambda: NOW, 90, news), news)
    await db.close()
    disk.close()


async def test_everything_is_read_once_however_much_there_is(town: Town) -> None:
    id_ = await town.session("square", "public")
    town.say(id_, *[f"number{n} word" for n in range(3 * feeding.PORTION + 7)])
    await town.session("empty", "public")  # nobody opened its file yet
    await town.everything()
    assert town.found("public", "word") == 607
    assert town.found("public", "number606") == 1
    await town.everything()
    assert town.found("public", "word") == 607


async def test_what_still_waits_is_read_again_until_it_does_not(town: Town) -> None:
    id_ = await town.session("square", "public")
    first, second = town.say(id_, "kestrel", "osprey")
    await town.everything()
    with closing(town.writer(id_)) as writer, writer.writing():
        writer.replace_content(first, content.Chat("wren"))  # its author edited it before it was read
    await town.everything()
    assert (town.found("public", "kestrel"), town.found("public", "wren")) == (0, 1)
    with closing(town.writer(id_)) as writer, writer.writing():
        for message in (first, second):
            writer.settle(message, Status.COMPLETED)
    await town.everything()
    with closing(Index(index.path_of(town.data, "public"))) as made:
        assert made.marks(id_).heard >= 4  # neither has to be read a third time
    assert town.found("public", "osprey") == 1


async def test_a_conversation_of_another_scope_leaves_the_first_ones_file(town: Town) -> None:
    id_ = await town.session("square", "public")
    town.say(id_, "kestrel")
    await town.everything()
    await town.db.write(lambda c: c.execute("UPDATE sessions SET scope = 'private' WHERE id = ?", (id_,)))
    await town.everything()
    assert town.found("private", "kestrel") == 1
    assert [path.stem for path in index.files(town.data)] == ["private"]
    await town.db.write(lambda c: c.execute("DELETE FROM sessions"))
    await town.everything()
    assert index.files(town.data) == []


async def test_what_is_older_than_is_kept_is_not_to_be_found(town: Town) -> None:
    id_ = await town.session("square", "public")
    town.say(id_, "kestrel", at=NOW - 91 * DAY)
    town.say(id_, "osprey", at=NOW - 89 * DAY)
    await town.everything()
    await town.everything()
    assert (town.found("public", "kestrel"), town.found("public", "osprey")) == (0, 1)


async def test_a_file_that_is_damaged_or_a_conversation_that_is_holds_up_no_other(town: Town) -> None:
    sick, well = await town.session("sick", "public"), await town.session("well", "public")
    town.say(sick, "kestrel")
    town.say(well, "osprey")
    SessionFolder(town.data / "sessions" / sick).inbound_db.write_bytes(b"no database" * 1_000)
    await town.everything()
    assert town.found("public", "osprey") == 1
    index.path_of(town.data, "public").write_bytes(b"no database" * 1_000)
    await town.everything()
    assert town.found("public", "osprey") == 1


async def test_what_is_no_file_among_those_that_are_searched_holds_up_no_other(town: Town) -> None:
    """Both before and between the others: everything was begun anew every ten seconds, and came no further."""
    for scope in ("a", "public", "z"):
        town.say(await town.session(scope, scope), "osprey")
    for scope in ("a", "b"):
        (index.path_of(town.data, scope) / "no file").mkdir(parents=True)
    await town.everything()
    assert [town.found(scope, "osprey") for scope in ("public", "z")] == [1, 1]


async def test_what_is_forgotten_takes_its_file_with_it_and_the_rest_comes_back(town: Town) -> None:
    ids = [await town.session(channel, "public") for channel in ("one", "two")]
    town.say(ids[0], "kestrel")
    town.say(ids[1], "osprey")
    await town.everything()
    store = Sessions(town.data)
    [session] = await town.db.read(lambda c: store.load(c, "id = ?", (ids[0],)))
    with closing(town.writer(ids[0])) as writer, writer.writing():
        writer.forget_messages([message.id for message in writer.pending()])
    await town.feeding.forget(session)
    assert index.files(town.data) == []
    await town.everything()
    assert (town.found("public", "kestrel"), town.found("public", "osprey")) == (0, 1)
    await town.feeding.forget(session)
    await town.feeding.forget(session)  # told twice is told once
    await town.feeding.off()
    await town.feeding.off()
    assert not (town.data / index.FOLDER).exists()


async def test_news_are_noted_while_somebody_searches_and_not_otherwise(town: Town) -> None:
    id_ = await town.session("square", "public")
    town.say(id_, "kestrel")
    store = Sessions(town.data)
    [session] = await town.db.read(lambda c: store.load(c, "id = ?", (id_,)))
    town.news(session)
    await town.feeding._latest()
    assert index.files(town.data) == []
    town.feeding._on = True
    town.news(session)
    town.news(session)
    await town.feeding._latest()
    assert town.found("public", "kestrel") == 1
    assert session_id("default", PLACE) == id_


async def test_a_file_that_is_lost_while_everything_is_looked_at_is_made_again(town: Town) -> None:
    """Told in the middle of a look: what was read before it would be missing for ever."""
    ids = [await town.session(channel, "public") for channel in ("one", "two", "three")]
    for id_ in ids:
        town.say(id_, f"word of {id_}")
    store = Sessions(town.data)
    [session] = await town.db.read(lambda c: store.load(c, "id = ?", (ids[0],)))
    feed = town.feeding._feed
    told: list[str] = []

    async def forgetful(id_: str, scope: str, active_at: int) -> None:
        await feed(id_, scope, active_at)
        if not told:
            told.append(id_)
            await town.feeding.forget(session)

    town.feeding._feed = forgetful  # type: ignore[method-assign]
    await town.feeding.everything()
    assert town.feeding._since == 0  # all of it is to be looked at again
    assert town.found("public", "word") == 2
    await town.feeding.everything()
    assert town.found("public", "word") == 3
    assert town.feeding._since > 0
    assert town.feeding.making is False

"""The brake in the records: for everything or for one, and whom it tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from host.governance import pauses
from host.governance.pauses import EVERYBODY, Pauses
from host.ports.events import EventClass
from host.registry.db import open_host_db
from sessiondb import Address
from tests.fakes.platform import MemoryBot

HERE = Address("memory", "w", "c", "t")


@pytest.fixture
def records(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = open_host_db(tmp_path / "host.db")
    yield connection
    connection.close()


def test_a_pause_begins_once_and_keeps_its_beginning(records: apsw.Connection) -> None:
    assert pauses.begin(records, "default", 10)
    assert not pauses.begin(records, "default", 20)
    assert pauses.load(records) == {"default": 10}
    assert (pauses.since(records, "default"), pauses.since(records, "other")) == (10, 0)


def test_everything_is_paused_with_each_agent_and_goes_on_with_all(records: apsw.Connection) -> None:
    pauses.begin(records, "one", 10)
    pauses.begin(records, EVERYBODY, 20)
    assert (pauses.since(records, "one"), pauses.since(records, "two")) == (10, 20)
    assert pauses.end(records, "two") == []
    assert pauses.end(records, "one") == ["one"]
    assert pauses.since(records, "one") == 20
    pauses.begin(records, "one", 30)
    assert sorted(pauses.end(records, EVERYBODY)) == ["", "one"]
    assert pauses.load(records) == {}


def test_what_is_known_without_asking_is_all_there_is() -> None:
    known = Pauses()
    assert not known.has("one")
    known.know({"one": 1})
    assert (known.has("one"), known.has("two")) == (True, False)
    known.know({EVERYBODY: 1})
    assert (known.has("one"), known.has("two")) == (True, True)
    known.know({})
    assert not known.has("one")


def test_people_are_told_once_for_each_conversation_and_pause_and_nobody_else() -> None:
    bot = MemoryBot()
    said = bot.event("c", "hello")
    first = pauses.told(said, 10, HERE)
    assert first is not None
    assert (first.address, first.text, first.answers) == (HERE, pauses.KEPT, said.platform_message_id)
    again, elsewhere = (
        pauses.told(bot.event("c", "you there?"), 10, HERE),
        pauses.told(said, 10, HERE._replace(thread_id="u")),
    )
    later = pauses.told(said, 11, HERE)
    assert again is not None
    assert elsewhere is not None
    assert later is not None
    assert again.about == first.about
    assert len({first.about, elsewhere.about, later.about}) == 3
    assert pauses.told(replace(said, event_class=EventClass.REACTION), 10, HERE) is None
    assert pauses.told(replace(said, event_class=EventClass.WEBHOOK), 10, HERE) is None
    assert pauses.told(replace(said, author=replace(said.author, is_bot=True)), 10, HERE) is None

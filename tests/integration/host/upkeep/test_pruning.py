"""What is over and older than the retention is gone on both sides, and nothing goes wrong for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import apsw
import pytest

from host.controls import why
from host.intake.ingress import NO_QUESTION
from host.mailbox import questions
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage, Parcel, Question
from host.ports.events import Author, EventClass, Verdict
from host.registry import notices
from host.registry.db import open_host_db, open_registry
from host.registry.sessions import Session
from host.upkeep import pruning
from host.words import as_it_is
from runner.maintain import maintain
from sessiondb import Address, SessionFolder, Status, content
from sessiondb.connection import open_writer
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, now_ms, serving
from tests.support.waiting import eventually

PLACE = Address("memory", "w", "c")
DAYS = 86_400_000


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(5_000)
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def count(path: Path, table: str) -> int:
    return int(rows(path, f"SELECT count(*) FROM {table}")[0][0])


class OneIsOdd:
    """Prunes all but the first, whose folder nobody can enter."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def maintain(self, session: Session, *, older_than: int) -> bool:
        self.asked.append(session.id)
        if len(self.asked) == 1:
            raise RuntimeError("a library's own error")
        return False


async def test_one_that_cannot_be_pruned_for_whatever_reason_is_not_the_first_of_the_next_round(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        for channel in ("c", "d"):
            said = await bot.say(channel, "hello")
            await host.settled(said.message_id)
        odd, records = OneIsOdd(), host.house.records
        pruner = pruning.Pruner(records, odd, lambda: now_ms() + 100 * DAYS, 30)
        for _ in range(2):
            await pruner.round()
    assert len(odd.asked) == len(set(odd.asked)) == 2


async def test_a_conversation_goes_on_after_its_past_was_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = MemoryBot()
    settings = config(tmp_path, runner={"idle_exit": 0.2, "stream_idle": 0.2})
    made = '@@call mock_append {"file": "a.txt", "line": "kept"}\n@@call send_file {"path": "a.txt"}'
    first = bot.event("c", f"{made}\nfirst")
    async with serving(settings, bot) as (host, _):
        await host.ingest(first)
        await host.settled(first.message_id)
    (folder,) = [SessionFolder(path) for path in (tmp_path / "sessions").iterdir()]
    attached = folder.inbound_files / first.message_id
    attached.mkdir(parents=True)
    (attached / "0-picture.png").write_bytes(b"...")
    highest = rows(folder.inbound_db, "SELECT max(seq) FROM messages_in")[0][0]
    assert list(folder.outbound_files.iterdir())

    monkeypatch.setattr(pruning, "EVERY", 0.05)
    async with serving(settings, bot, now=lambda: now_ms() + 100 * DAYS) as (host, _):
        await eventually(lambda: rows(tmp_path / "host.db", "SELECT 1 FROM sessions WHERE pruned_at > 0"))
        assert count(folder.inbound_db, "messages_in") == count(folder.inbound_db, "delivered") == 0
        assert count(folder.outbound_db, "messages_out") == count(folder.outbound_db, "processing_ack") == 0
        assert count(folder.outbound_db, "transcript") == 1  # the last, above which the next is numbered
        assert not attached.exists()
        assert not list(folder.outbound_files.iterdir())
        ((kept,),) = rows(tmp_path / "host.db", "SELECT event FROM inbox")
        assert json.loads(kept)["event"]["text"] == ""
        assert (await host.ingest(first)).verdict is Verdict.DUPLICATE
        second = await bot.say("c", "second")
        await host.settled(second.message_id)
        assert bot.said("c")[-1] == "second"
    assert rows(folder.inbound_db, "SELECT min(seq) FROM messages_in")[0][0] > highest
    registry = open_registry(tmp_path)
    told = [
        event.what
        for event in why.story(registry, tmp_path, why.find(registry, tmp_path, first.message_id)[0])
    ]
    registry.close()
    assert told == ["received", "routed", "stored", "forgotten"]


def test_a_notice_of_which_a_part_still_waits_keeps_its_first_part(tmp_path: Path) -> None:
    """Else the next look would say it anew."""
    registry = open_host_db(tmp_path / "host.db")
    notice = notices.Notice("unusable:s1:19675", PLACE, as_it_is("I cannot use its records"))
    for chunk in (0, 1):
        notices.add(registry, notice, 1_000, chunk)
    registry.execute("UPDATE notices SET state = 'sent' WHERE chunk = 0")
    assert pruning._said(registry, before=2_000) == 0
    registry.execute("UPDATE notices SET state = 'failed' WHERE chunk = 1")
    assert pruning._said(registry, before=2_000) == 2
    registry.close()


async def test_whose_a_question_was_is_forgotten_with_its_conversation_and_no_sooner(tmp_path: Path) -> None:
    bot, clock = MemoryBot(), [now_ms()]
    settings = config(tmp_path, runner={"idle_exit": 0.2, "stream_idle": 0.2})
    async with serving(settings, bot, now=lambda: clock[-1]) as (host, _):
        await bot.say("c", "@@ask Which? | red | blue\n@@results")
        await bot.until(lambda: bot.said("c") == ["Which?"])
        key = bot.sent[0].question
        click = {"event_class": EventClass.ANSWER, "natural_id": key, "refers_to": key, "value": "red"}
        await bot.say("c", "", **click)
        await bot.until(lambda: "red" in bot.said("c"))
        registry = tmp_path / "host.db"
        for days, kept in ((20, 1), (100, 0)):
            clock.append(clock[-1] + days * DAYS)
            await eventually(lambda: rows(registry, "SELECT 1 FROM sessions WHERE busy = 0"))
            await host.house.upkeep.pruner.round()
            assert count(registry, "asked") == kept
        again = await bot.say("c", "", **{**click, "author": Author("U2", "Bob")})
        assert (again.verdict, again.reason) == (Verdict.DECLINED, NO_QUESTION)


@pytest.mark.parametrize(
    ("expires_at", "answered_by", "open_"), [(0, "", True), (9, "", False), (99, "", True), (0, "m1", False)]
)
def test_a_question_is_open_until_it_is_answered_or_over(
    tmp_path: Path, expires_at: int, answered_by: str, open_: bool
) -> None:
    writer = InboundWriter(tmp_path / "inbound.db", lambda: 1)
    with writer.writing():
        writer.put_question(Question("row", "key", (), expires_at, answered_by=answered_by))
    assert questions.is_open(writer, "key", 10) is open_
    assert not questions.is_open(writer, "of another", 10)
    writer.close()


def test_what_is_not_over_is_kept_however_old(tmp_path: Path) -> None:
    clock = [1]
    writer = InboundWriter(tmp_path / "inbound.db", lambda: clock[-1])
    with writer.writing():
        for id_ in ("waits", "answered", "answer-on-its-way"):
            writer.insert(NewMessage(id_, "chat", PLACE, content.Chat("hi"), created_at=1))
        writer.insert(NewMessage("context", "chat", PLACE, content.Chat("hi"), created_at=1, trigger=False))
        writer.insert(NewMessage("old-but-answered-now", "chat", PLACE, content.Chat("hi"), created_at=1))
        for id_ in ("answered", "answer-on-its-way"):
            writer.settle(id_, Status.COMPLETED)
        clock.append(100)
        writer.settle("old-but-answered-now", Status.COMPLETED)
        clock.append(1)
        sent = Parcel("o1", 0, 1, "k1", "sent", PLACE, "", "answered")
        writer.put_parcels([sent, Parcel("o3", 0, 3, "k3", "unknown", PLACE, "{}", "answer-on-its-way")])
        writer.raise_mark("outbound_read", 3)
        writer.advance_watermark()
    assert writer.forgettable(10, context=False, most=10) == ["answered"]
    assert writer.forgettable(10, context=True, most=10) == ["answered", "context"]
    assert writer.forgettable(1, context=True, most=10) == []
    with writer.writing():
        assert writer.forget_deliveries(10, most=10) == 1
    assert [parcel.key for parcel in writer.open_parcels()] == ["k3"]
    writer.close()


def test_the_owners_care_begins_no_file_where_one_was_emptied(tmp_path: Path) -> None:
    """It would look like one whose conversation has nothing to lose, and what was begun would be begun again."""
    path = tmp_path / "outbound.db"
    path.touch()
    assert maintain(path, delivered_up_to=0, older_than=1) == {}
    assert path.stat().st_size == 0


def test_the_owner_keeps_what_is_not_delivered_or_not_over(tmp_path: Path) -> None:
    path = tmp_path / "outbound.db"
    connection = open_writer(path, "outbound")
    for number in (1, 3):
        body = json.dumps({"type": "file", "path": f"folder-{number}/a"})
        connection.execute(
            "INSERT INTO messages_out (seq, id, kind, created_at, content) VALUES (?, ?, 'chat', 1, ?)",
            (number, f"o{number}", body),
        )
        (tmp_path / "files" / f"folder-{number}").mkdir(parents=True)
        os.utime(tmp_path / "files" / f"folder-{number}", (1, 1))
    for turn in ("over", "parked", "interrupted", "last"):
        connection.execute(
            "INSERT INTO transcript (turn, kind, content, created_at) VALUES (?, 'user', '{}', 1)", (turn,)
        )
    ack = "INSERT INTO processing_ack VALUES (?, ?, 'i', 1, ?, '', 1)"
    connection.execute(ack, ("m1", "completed", "over"))
    connection.execute(ack, ("m2", "retry", "interrupted"))
    state = "INSERT INTO session_state VALUES (?, ?, ?)"
    connection.execute(state, ("parked:q", json.dumps({"turn": "parked"}), 5 * DAYS))
    connection.execute(state, ("parked:old", json.dumps({"turn": "over"}), 1))
    connection.execute(state, ("seq_high_water", "3", 1))
    connection.close()
    removed = maintain(path, delivered_up_to=1, older_than=4 * DAYS)
    assert removed == {
        "messages_out": 1,
        "transcript": 1,
        "processing_ack": 1,
        "session_state": 1,
        "files": 1,
    }
    assert [turn for (turn,) in rows(path, "SELECT turn FROM transcript ORDER BY step")] == [
        "parked",
        "interrupted",
        "last",
    ]
    assert [folder.name for folder in (tmp_path / "files").iterdir()] == ["folder-3"]


async def test_a_lost_inbound_db_names_no_seq_twice_and_delivers_nothing_again(tmp_path: Path) -> None:
    bot = MemoryBot()
    async with serving(config(tmp_path), bot) as (host, _):
        first = await bot.say("c", "first")
        await host.settled(first.message_id)
    (folder,) = [SessionFolder(path) for path in (tmp_path / "sessions").iterdir()]
    highest = rows(folder.inbound_db, "SELECT value FROM session WHERE key = 'seq_high_water'")[0][0]
    registered = rows(tmp_path / "host.db", "SELECT seq_high_water FROM sessions")[0][0]
    folder.inbound_db.unlink()
    async with serving(config(tmp_path), bot) as (host, _):
        second = await bot.say("c", "second")
        await host.settled(second.message_id)
    assert [text for text in bot.said("c") if "records were lost" not in text] == ["first", "second"]
    assert rows(folder.inbound_db, "SELECT min(seq) FROM messages_in")[0][0] > registered
    assert int(highest) >= registered > 0

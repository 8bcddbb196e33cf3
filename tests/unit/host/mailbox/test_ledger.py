"""The ledger in host.db, and each session's inbound.db as a projection of it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from host.folders.disk import ThreadDisk
from host.mailbox import ledger
from host.mailbox import open as opened
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.rows import Entry, NewMessage, Parcel, Question
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.port import Statements
from host.registry.sessions import Session, Sessions
from sessiondb import Address, SessionFolder, content

PLACE = Address("memory", "w", "c", "t")
NOW = 10_000


def parcel(number: int, state: str = "pending", chunk: int = 0, **more: object) -> Parcel:
    made = Parcel(f"o{number}", chunk, number, f"k{number}-{chunk}", state, PLACE, '{"chunk": 1}', "m")
    return replace(made, **more)  # type: ignore[arg-type]


class Home:
    """A host's records, closed and opened again at each `again`."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.disk = ThreadDisk()

    async def again(self) -> Home:
        await self.close()
        self.db = await HostDB.open(self.data / "host.db", self.disk)
        self.mailboxes = Mailboxes(self.disk, self.db, lambda: NOW)
        self.id = await self.db.write(lambda c: sessions.upsert(c, "default", PLACE, "public", NOW))
        [self.session] = await self.db.read(lambda c: Sessions(self.data).load(c, "id = ?", (self.id,)))
        return self

    async def close(self) -> None:
        if hasattr(self, "db"):
            await self.mailboxes.close()
            await self.db.close()

    async def read_in(self, *parcels: Parcel) -> None:
        """As a collection leaves them in the file."""

        def job(writer: InboundWriter) -> None:
            with writer.writing():
                writer.put_parcels(parcels)
                writer.raise_mark("outbound_read", max(p.seq for p in parcels))
                writer.advance_watermark()

        await self.mailboxes.use(self.session, job)

    async def put(self, *parcels: Parcel, now: int = NOW) -> None:
        await self.db.write(lambda c: ledger.put(c, self.id, parcels, now))

    async def entries(self, above: int = 0) -> list[Entry]:
        return await self.db.read(lambda c: ledger.entries(c, self.id, above))

    async def states(self) -> dict[str, str]:
        return {p.key: p.state for p, _ in await self.entries()}

    def file(self) -> dict[str, str]:
        """The file as it is on the disk."""
        connection = apsw.Connection(str(self.session.folder.inbound_db), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return {str(key): str(state) for key, state in connection.execute(_STATES)}
        finally:
            connection.close()


_STATES = "SELECT key, state FROM delivered"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    made = await Home(tmp_path).again()
    yield made
    await made.close()
    made.disk.close()


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_chunk_is_kept_as_it_was_put_last_and_without_its_text_once_it_is_over(home: Home) -> None:
    await home.put(parcel(1, "sending", attempts=2, first_attempt_at=5))
    await home.put(parcel(1, "unknown", attempts=3, lookups=1, first_attempt_at=5, error="who knows"), now=7)
    [(found, at)] = await home.entries()
    assert found == parcel(1, "unknown", attempts=3, lookups=1, first_attempt_at=5, error="who knows")
    assert at == 7
    await home.put(parcel(1, "sent", platform_message_id="p1"))
    [(found, _)] = await home.entries()
    assert (found.state, found.platform_message_id, found.payload) == ("sent", "p1", "")


@pytest.mark.parametrize("late", ["pending", "sending", "unknown", "failed"])
async def test_what_is_over_stays_as_it_is(home: Home, late: str) -> None:
    await home.put(parcel(1, "sent", platform_message_id="p1"))
    await home.put(parcel(1, late))
    assert await home.states() == {"k1-0": "sent"}


async def test_a_seq_names_one_row_whatever_id_a_container_gives_to_another(home: Home) -> None:
    await home.put(parcel(1, "sent"))
    await home.put(replace(parcel(3, "sending"), message_out_id="o1"))
    assert await home.states() == {"k1-0": "sent", "k3-0": "sending"}


async def test_entries_come_in_order_and_of_one_session_alone(home: Home) -> None:
    await home.db.write(lambda c: ledger.put(c, "another", [parcel(1, "sent")], NOW))
    await home.put(parcel(11, "sent"), parcel(9, "sent", 1), parcel(9, "sent"), parcel(7, "failed"))
    assert [(p.seq, p.chunk) for p, _ in await home.entries(above=7)] == [(9, 0), (9, 1), (11, 0)]


async def test_a_message_is_known_by_what_answers_it_and_a_post_by_what_it_answers(home: Home) -> None:
    await home.put(parcel(3, "sent", platform_message_id="p3"), parcel(1, "failed"))
    await home.put(parcel(5, "sent", in_reply_to="other"), parcel(7, "sent", in_reply_to=""))
    found = await home.db.read(lambda c: ledger.answering(c, home.id, "m"))
    assert [p.seq for p, _ in found] == [1, 3]
    assert await home.db.read(lambda c: ledger.answered_by(c, "p3")) == ["m"]
    assert await home.db.read(lambda c: ledger.answered_by(c, "")) == []


async def test_a_target_is_what_was_sent_and_nothing_else(home: Home) -> None:
    await home.put(parcel(1, "sent", platform_message_id="p1"), parcel(3, "sending"))
    for name, there in (("o1", "p1"), ("o3", ""), ("o9", "")):
        assert await home.db.read(lambda c, n=name: ledger.target(c, home.id, n)) == there  # type: ignore[misc]


def test_of_two_records_of_a_chunk_the_last_word_counts() -> None:
    file = [(parcel(3, "pending"), 1), (parcel(1, "sent"), 1)]
    told = ledger.latest(file, [(parcel(3, "failed"), 2)])
    assert [(p.seq, p.state) for p, _ in told] == [(1, "sent"), (3, "failed")]


async def test_only_what_is_over_old_and_below_the_files_watermark_is_forgotten(home: Home) -> None:
    await home.put(parcel(1, "sent"), parcel(3, "failed"), parcel(5, "unknown"), now=1)
    await home.put(parcel(7, "sent"), now=1)
    await home.put(parcel(2, "sent"), now=NOW)
    forget = await home.db.write(lambda c: ledger.forget(c, home.id, before=NOW, watermark=5, most=1))
    assert forget == 1
    assert await home.db.write(lambda c: ledger.forget(c, home.id, before=NOW, watermark=5, most=9)) == 1
    assert set(await home.states()) == {"k2-0", "k5-0", "k7-0"}


async def test_of_what_failed_the_latest_are_kept_and_whatever_the_file_has_not_heard_of(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "KEPT_RECEIPTS", 2)
    await home.put(*(parcel(number, "failed") for number in (1, 3, 7, 9, 11)), parcel(5, "sent"))
    await home.db.write(lambda c: ledger.trim(c, home.id, watermark=4))
    assert set(await home.states()) == {"k5-0", "k7-0", "k9-0", "k11-0"}
    await home.db.write(lambda c: ledger.trim(c, home.id, watermark=99))
    assert set(await home.states()) == {"k5-0", "k9-0", "k11-0"}
    await home.db.write(lambda c: ledger.trim(c, home.id, watermark=99))
    assert set(await home.states()) == {"k5-0", "k9-0", "k11-0"}


async def test_a_failure_that_is_heard_of_twice_takes_one_place_among_those_that_are_kept(home: Home) -> None:
    await home.read_in(parcel(1, "sending"), parcel(3, "sending"))
    for _ in range(3):
        home.mailboxes.behind(home.session, [(parcel(1, "failed"), NOW)])
        await home.mailboxes.use(home.session, InboundWriter.catch_up)
    assert await home.mailboxes.use(home.session, lambda writer: writer.value("ring:receipts")) == "1"


# ── the projection ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_receipt_goes_into_the_file_with_what_is_written_there_next(home: Home) -> None:
    await home.read_in(parcel(1, "sending"), parcel(3))
    home.mailboxes.behind(home.session, [(parcel(1, "sent", platform_message_id="p1"), NOW)])
    await home.mailboxes.use(home.session, lambda writer: writer.pending())
    assert home.file() == {"k1-0": "sending", "k3-0": "pending"}

    def say(writer: InboundWriter) -> None:
        with writer.writing():
            writer.insert(NewMessage("m", "chat", PLACE, content.Chat("hi"), created_at=1))

    await home.mailboxes.use(home.session, say)
    assert home.file() == {"k1-0": "sent", "k3-0": "pending"}


async def test_whoever_looks_at_deliveries_sees_them_as_they_are(home: Home) -> None:
    await home.read_in(parcel(1, "sending"))
    home.mailboxes.behind(home.session, [(parcel(1, "sent", platform_message_id="p1"), NOW)])
    assert await home.mailboxes.use(home.session, lambda writer: writer.open_parcels()) == []
    assert home.file() == {"k1-0": "sent"}


@pytest.mark.parametrize(
    "look",
    [
        lambda writer: writer.states_answering("m", PLACE) == {"sent"},
        lambda writer: not writer.has_open_parcels(PLACE),
        lambda writer: writer.platform_id_of("o1") == ("p1", PLACE),
    ],
)
async def test_every_look_catches_up_first(home: Home, look: object) -> None:
    await home.read_in(parcel(1, "sending"))
    home.mailboxes.behind(home.session, [(parcel(1, "sent", platform_message_id="p1"), NOW)])
    assert await home.mailboxes.use(home.session, look)  # type: ignore[arg-type]


async def test_a_transaction_that_fails_leaves_what_was_to_go_with_it_for_the_next(home: Home) -> None:
    await home.read_in(parcel(1, "sending"))
    home.mailboxes.behind(home.session, [(parcel(1, "sent"), NOW)])

    def broken(writer: InboundWriter) -> None:
        with writer.writing():
            raise LookupError

    with pytest.raises(LookupError):
        await home.mailboxes.use(home.session, broken)
    assert home.file() == {"k1-0": "sending"}
    assert await home.mailboxes.use(home.session, lambda writer: writer.open_parcels()) == []
    assert home.file() == {"k1-0": "sent"}


async def test_the_watermark_moves_with_what_the_file_hears(home: Home) -> None:
    await home.read_in(parcel(1, "sending"), parcel(3))
    home.mailboxes.behind(home.session, [(parcel(1, "sent"), NOW)])

    def mark(writer: InboundWriter) -> int:
        writer.catch_up()
        return writer.mark("delivery_watermark")

    assert await home.mailboxes.use(home.session, mark) == 2


async def test_the_agent_hears_what_was_not_delivered_and_a_question_that_nobody_saw_is_over(
    home: Home,
) -> None:
    def asked(writer: InboundWriter) -> None:
        with writer.writing():
            writer.put_question(Question("o1", "k1-0", ("U1",), 0))

    await home.read_in(parcel(1, "sending"))
    await home.mailboxes.use(home.session, asked)
    home.mailboxes.behind(home.session, [(parcel(1, "failed", error="no such channel"), NOW)])
    await home.mailboxes.use(home.session, InboundWriter.catch_up)
    told = await home.mailboxes.use(home.session, lambda writer: writer.pending())
    assert {message.id for message in told} == {"o1:end", "o1:feedback"}
    assert all("no such channel" in message.content for message in told)


# ── a file that is opened ────────────────────────────────────────────────────────────────────────────────


async def test_a_file_that_missed_receipts_asks_for_them_when_it_is_opened(home: Home) -> None:
    await home.read_in(parcel(1, "sending"), parcel(3), parcel(5))
    await home.put(parcel(1, "sent", platform_message_id="p1"), parcel(3, "unknown", attempts=2))
    await home.again()
    left = await home.mailboxes.use(home.session, lambda writer: writer.open_parcels())
    assert [(p.key, p.state, p.attempts) for p in left] == [("k3-0", "unknown", 2), ("k5-0", "pending", 0)]
    assert home.file()["k1-0"] == "sent"


async def test_an_older_state_that_is_heard_of_later_changes_nothing(home: Home) -> None:
    await home.read_in(parcel(1, "sending"))
    home.mailboxes.behind(home.session, [(parcel(1, "sent"), NOW)])
    await home.mailboxes.use(home.session, InboundWriter.catch_up)

    def late(writer: InboundWriter) -> None:
        with writer.writing():
            writer.project([(parcel(1, "unknown"), NOW)])

    await home.mailboxes.use(home.session, late)
    assert home.file() == {"k1-0": "sent"}


async def test_a_copy_of_the_file_from_before_its_receipts_sends_nothing_again(home: Home) -> None:
    await home.read_in(parcel(1, "sending"), parcel(3))
    await home.mailboxes.close()
    kept = home.data / "copy.db"
    shutil.copy(home.session.folder.inbound_db, kept)
    await home.again()
    await home.put(parcel(1, "sent"), parcel(3, "sent"))
    home.mailboxes.behind(home.session, [(parcel(1, "sent"), NOW), (parcel(3, "sent"), NOW)])
    await home.mailboxes.use(home.session, InboundWriter.catch_up)
    await home.mailboxes.close()
    shutil.copy(kept, home.session.folder.inbound_db)
    await home.again()
    assert await home.mailboxes.use(home.session, lambda writer: writer.open_parcels()) == []


async def test_an_open_mailbox_that_is_closed_for_others_loses_no_receipt(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "OPEN_CONNECTIONS", 1)
    await home.read_in(parcel(1, "sending"))
    await home.put(parcel(1, "sent"))
    home.mailboxes.behind(home.session, [(parcel(1, "sent"), NOW)])
    await home.mailboxes.use(home.session, lambda writer: writer.pending())  # it takes it along, and ends
    folder = SessionFolder(home.data / "sessions" / "other")
    other = Session("other", "default", PLACE, "public", folder)
    await home.mailboxes.use(other, lambda writer: writer.pending())
    assert home.file() == {"k1-0": "sending"}
    assert await home.mailboxes.use(home.session, lambda writer: writer.open_parcels()) == []


async def test_a_lost_file_is_made_again_with_every_receipt(home: Home) -> None:
    sent = parcel(1, "sent", platform_message_id="p1", attempts=3, error="")
    failed = parcel(3, "failed", attempts=12, error="given up")
    under_way = parcel(5, "unknown", lookups=1, first_attempt_at=9)
    await home.read_in(parcel(1, "sending"), parcel(3), parcel(5))
    await home.put(sent, failed, under_way)
    await home.db.write(lambda c: c.execute("UPDATE sessions SET seq_high_water = 5").fetchall())
    await home.again()
    home.session.folder.inbound_db.unlink()

    def chunks(writer: InboundWriter) -> list[Parcel]:
        writer.catch_up()
        return [chunk for row in ("o1", "o3", "o5") for chunk in writer.parcels_of(row)]

    found = await home.mailboxes.use(home.session, chunks)
    assert found == [replace(sent, payload=""), replace(failed, payload=""), under_way]
    assert await home.mailboxes.use(home.session, lambda w: w.platform_id_of("o1")) == ("p1", PLACE)


# ── older files ──────────────────────────────────────────────────────────────────────────────────────────


async def older(home: Home, *parcels: Parcel) -> None:
    """As a host without a ledger left it."""
    await home.read_in(*parcels)
    await home.db.write(lambda c: c.execute("UPDATE sessions SET in_ledger = 0").fetchall())
    await home.again()


async def test_a_file_older_than_the_ledger_is_read_into_it_once_when_it_is_opened(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "FILLED_AT_ONCE", 2)
    sent = [parcel(number, "sent", chunk) for number in (1, 3, 5) for chunk in (0, 1)]
    others = [parcel(7, "applied"), parcel(9, "quarantined"), parcel(11, "unknown"), parcel(13)]
    await older(home, *sent, *others)
    assert home.session.in_ledger is False
    assert await home.entries() == []
    await home.mailboxes.use(home.session, lambda writer: writer.pending())
    assert set(await home.states()) == {p.key for p in [*sent, parcel(11)]}
    assert home.session.in_ledger is True
    await home.again()
    assert home.session.in_ledger is True


async def test_what_the_ledger_has_already_is_not_taken_back_by_an_older_file(home: Home) -> None:
    await older(home, parcel(1, "sending"), parcel(3, "sending"))
    await home.put(parcel(1, "sent", platform_message_id="p1"))
    left = await home.mailboxes.use(home.session, lambda writer: writer.open_parcels())
    assert [p.key for p in left] == ["k3-0"]
    assert await home.states() == {"k1-0": "sent", "k3-0": "sending"}


async def test_reading_an_older_file_that_a_death_cut_short_is_begun_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "FILLED_AT_ONCE", 1)
    await older(home, parcel(1, "sent"), parcel(3, "sent"), parcel(5, "sent"))
    fill, calls = ledger.fill, list[int]()

    def dies(connection: Statements, session_id: str, entries: list[Entry], *, last: bool) -> None:
        calls.append(1)
        if len(calls) > 1:
            raise LookupError("the host died")
        fill(connection, session_id, entries, last=last)

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "fill", dies)
        with pytest.raises(LookupError):
            await home.mailboxes.use(home.session, lambda writer: writer.pending())
    assert await home.states() == {"k1-0": "sent"}
    await home.again()
    await home.mailboxes.use(home.session, lambda writer: writer.pending())
    assert set(await home.states()) == {"k1-0", "k3-0", "k5-0"}

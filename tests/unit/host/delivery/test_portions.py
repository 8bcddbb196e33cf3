"""A page of rows that have to be waited for is read once, and nothing overtakes: rows in order, outcomes after rows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from host.config import Config
from host.config.settings import Settings
from host.delivery import drawing, room
from host.delivery.actions import Actions, Asked, Handler
from host.delivery.collect import Collector
from host.delivery.drawing import at_once
from host.delivery.minting import Minting
from host.delivery.portion import Collected, Ready, Whose
from host.delivery.quiet import Quiet
from host.governance.languages import Manners
from host.governance.masking import Masks
from host.mailbox.inbound import InboundWriter
from host.mailbox.outbound import Accepted, OutboundReader, Page
from host.mailbox.questions import Approvers
from host.mailbox.rows import NewMessage
from host.ports.bot import Bots
from host.registry.sessions import Session as Carried
from host.words import ENGLISH
from sessiondb import Address, SessionFolder, content
from sessiondb.connection import open_writer
from sessiondb.records import MessageOut
from tests.fakes.platform import MemoryBot

NOW = 1_000
PLACE = Address("memory", "w", "c")
LARGE = "long " * drawing.SMALL


class CountingReader(OutboundReader):
    reads = 0

    def rows_after(self, number: int) -> Page:
        self.reads += 1
        return super().rows_after(number)


class Session:
    """One session's two files, and the host's hand at them."""

    def __init__(self, root: Path) -> None:
        folder = SessionFolder(root)
        folder.create()
        self.writer = InboundWriter(folder.inbound_db, lambda: NOW)
        with self.writer.writing():
            self.writer.insert(NewMessage("m", "chat", PLACE, content.Chat("hello"), 1))
        self.runner = open_writer(folder.outbound_db, "outbound")
        self.reader = CountingReader(folder.outbound_db)
        settings, self.bot = Settings(Config()), MemoryBot()
        ways = (
            Approvers(settings),
            lambda: NOW,
            Minting("test"),
            Quiet(settings, lambda: NOW),
            Masks(settings),
        )
        self.changes = 0
        self.actions = Actions({"change": self._change, "send": self._change}, {"change"})
        self._collector = Collector(Bots({"memory": self.bot}), self.actions, *ways)
        self._folder = folder

    def writes(self, *texts: str) -> None:
        """Rows from seq 1 on, in one commit."""
        with self.runner:
            for number, text in enumerate(texts):
                said = content.encode(content.Text(text)) if text != "junk" else "{"
                seq = self._next()
                self.runner.execute(
                    "INSERT INTO messages_out (seq, id, in_reply_to, kind, created_at, content) VALUES (?, ?, 'm', 'chat', 1, ?)",
                    (seq, f"o{seq}-{number}", said),
                )

    def asks_for(self, action: str) -> None:
        with self.runner:
            self.runner.execute(
                "INSERT INTO messages_out (seq, id, in_reply_to, kind, created_at, content) VALUES (9, 'o', 'm', 'system', 1, ?)",
                (content.encode(content.Action(action, {})),),
            )

    @asynccontextmanager
    async def _change(self, session: Carried, asked: Asked) -> AsyncIterator[Handler]:
        def change(_: InboundWriter) -> str:
            self.changes += 1
            return "changed"

        yield change

    async def acts(self, *marks: str) -> tuple[int, list[str], str]:
        """How often something changed, what became of the row, and what the agent is told."""
        with self.writer.writing():
            for mark in marks:
                self.writer.raise_mark(mark, 100)
        done = self.collect()
        while done.asked is not None:
            async with self.actions.prepared(cast(Carried, self), done.asked) as handler:
                done = self.collect(Ready(handlers={done.asked.row_id: handler}, rest=done.rest))
        said = [content.decode_inbound(message.content) for message in self.writer.pending()]
        told = " ".join(one.text for one in said if isinstance(one, content.System))
        return self.changes, [parcel.state for parcel in self.writer.parcels_of("o")], told

    def ends_its_turn(self, text: str) -> None:
        with self.runner:
            seq, said = self._next(), content.encode(content.Text(text, ends_turn=True))
            self.runner.execute(
                "INSERT INTO messages_out (seq, id, in_reply_to, kind, created_at, content) VALUES (?, ?, 'm', 'chat', 1, ?)",
                (seq, f"o{seq}", said),
            )

    def answers(self) -> None:
        with self.runner:
            self.runner.execute(
                "INSERT OR REPLACE INTO processing_ack VALUES ('m', 'completed', 'i', 1, '', '', 0)"
            )

    def _next(self) -> int:
        [(last,)] = self.runner.execute("SELECT coalesce(max(seq), -1) FROM messages_out").fetchall()
        return int(str(last)) + 2

    def collect(
        self, ready: Ready | None = None, *, billed: bool = False, place: Address = PLACE
    ) -> Collected:
        manners, left = Manners(ENGLISH, billed), room.left(0, 0, 0)
        whose = Whose("s", place, "default", self._folder.outbound_files, left, manners)
        return self._collector.collect(self.writer, self.reader, whose, lambda _: False, ready or Ready())

    def drawn(self, done: Collected) -> Ready:
        """What the host gives back after it has rendered."""
        assert done.large is not None
        large = done.large
        return Ready(drawn={large.row_id: at_once(self.bot, large.operation, large.mentions)}, rest=done.rest)

    def close(self) -> None:
        self.reader.close()
        self.runner.close()
        self.writer.close()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session(tmp_path / "s")
    yield made
    made.close()


def through(session: Session, done: Collected) -> list[Collected]:
    """Until nothing has to be waited for."""
    told = [done]
    while told[-1].large is not None:
        told.append(session.collect(session.drawn(told[-1])))
    return told


def texts(told: list[Collected]) -> str:
    return "".join(json.loads(parcel.payload)["chunk"]["text"] for done in told for parcel in done.parcels)


def test_a_page_full_of_large_rows_is_read_once(session: Session) -> None:
    session.writes(*[f"{LARGE}{number} " for number in range(6)])
    told = through(session, session.collect())
    assert len(told) == 7
    assert session.reader.reads == 1
    assert texts(told) == "".join(f"{LARGE}{number} " for number in range(6))
    assert told[-1].more
    assert not session.collect().parcels


def test_small_rows_and_junk_between_large_ones_keep_their_places(session: Session) -> None:
    session.writes("one ", f"{LARGE}two ", "junk", "three ", f"{LARGE}four ", "five")
    told = through(session, session.collect())
    assert texts(told) == f"one {LARGE}two three {LARGE}four five"
    assert [refused.seq for done in told for refused in done.refused] == [5]
    assert session.reader.reads == 1


def test_an_answer_that_is_settled_meanwhile_has_its_outcome_after_its_last_row(session: Session) -> None:
    """An acknowledgement that is younger than the page may come with rows that the page has not."""
    session.writes(LARGE, "and more ")
    first = session.collect()
    session.writes("the end")
    session.answers()
    rest = session.collect(session.drawn(first))
    assert rest.more
    assert not rest.settled
    last = session.collect()
    assert last.settled
    assert texts([first, rest, last]) == f"{LARGE}and more the end"


def test_what_was_read_already_is_not_put_twice(session: Session) -> None:
    session.writes(LARGE, "small")
    first = session.collect()
    ready = session.drawn(first)
    assert texts([session.collect(ready)]) == f"{LARGE}small"
    assert not session.collect(ready).parcels


def said(number: int, id_: str, text: str) -> Accepted:
    told = content.Text(text)
    return Accepted(MessageOut(number, id_, "m", "", "chat", 1, 0, content.encode(told)), told)


def test_of_rows_that_bear_one_id_in_one_page_the_first_is_sent(session: Session) -> None:
    """A file can be made whose index does not know of the second."""
    rows = [said(1, "o", "first"), said(3, "p", "between"), said(5, "o", "second"), said(7, "q", "last")]
    done = session.collect(Ready(rest=rows))
    assert [json.loads(parcel.payload)["chunk"]["text"] for parcel in done.parcels] == [
        "first",
        "between",
        "last",
    ]
    assert [(refused.seq, refused.reason) for refused in done.refused] == [(5, "an id that was used before")]
    assert [chunk.seq for chunk in session.writer.open_parcels()] == [1, 3, 7]
    assert session.writer.mark("outbound_read") == session.writer.mark("seq_high_water") == 7


def test_a_row_that_came_in_an_earlier_page_is_not_sent_again(session: Session) -> None:
    session.collect(Ready(rest=[said(1, "o", "first")]))
    done = session.collect(Ready(rest=[said(3, "o", "again"), said(5, "p", "last")]))
    assert [parcel.seq for parcel in done.parcels] == [5]
    assert [refused.seq for refused in done.refused] == [3]


def test_a_page_writes_each_value_once_however_many_rows_it_has(session: Session) -> None:
    session.writes(*(f"row {number}" for number in range(20)))
    made: list[str] = []
    session.writer._connection.exec_trace = lambda _, sql, __: not made.append(sql)  # type: ignore[func-returns-value]
    assert len(session.collect().parcels) == 20
    session.writer._connection.exec_trace = None
    assert sum("INTO session" in sql for sql in made) <= 3
    assert sum("FROM delivered WHERE message_out_id" in sql for sql in made) == 1


def test_a_row_that_is_changed_after_it_was_read_is_what_was_read(session: Session) -> None:
    """A runner is not trusted: what was validated is what is sent."""
    session.writes(LARGE, "as it was")
    first = session.collect()
    with session.runner:
        session.runner.execute("UPDATE messages_out SET content = '[' WHERE seq = 3")
    assert texts([session.collect(session.drawn(first))]) == f"{LARGE}as it was"


def test_nobody_is_said_to_work_by_a_portion_that_looked_at_rows_alone(session: Session) -> None:
    with session.writer.writing():
        session.writer.set_value("incarnation", "i")
    session.writes(LARGE, "small")
    with session.runner:
        session.runner.execute("INSERT INTO processing_ack VALUES ('m', 'processing', 'i', 1, '', '', 0)")
    first = session.collect()
    assert [message.id for message in first.claimed] == ["m"]
    rest = session.collect(session.drawn(first))
    assert not rest.claimed
    assert [message.id for message in session.collect().claimed] == ["m"]


def test_a_page_that_is_gone_through_leads_to_the_next(session: Session) -> None:
    session.writes(LARGE)
    first = session.collect()
    session.writes("later")
    told = through(session, first)
    assert texts(told) == LARGE
    assert told[-1].more
    assert texts([session.collect()]) == "later"


@pytest.mark.parametrize(
    ("billed", "place", "asked"),
    [(True, PLACE, True), (False, PLACE, False), (False, PLACE._replace(platform_id="elsewhere"), True)],
)
def test_what_an_answer_took_is_looked_up_where_its_channel_may_want_that_said(
    session: Session, billed: bool, place: Address, asked: bool
) -> None:
    session.ends_its_turn("done")
    [parcel] = session.collect(billed=billed, place=place).parcels
    assert json.loads(parcel.payload)["closes"] is asked


async def test_what_another_node_may_have_done_is_done_here_where_twice_is_once(session: Session) -> None:
    session.asks_for("change")
    assert await session.acts("doubtful_up_to", "carried_up_to") == (1, ["applied"], "changed")


async def test_what_another_node_may_have_done_is_not_done_twice_and_the_agent_is_told(
    session: Session,
) -> None:
    session.asks_for("send")
    changes, states, told = await session.acts("doubtful_up_to", "carried_up_to")
    assert (changes, states) == (0, ["quarantined"])
    assert "look whether this took effect" in told


async def test_after_records_of_this_machine_were_lost_nothing_is_done_a_second_time(
    session: Session,
) -> None:
    session.asks_for("change")
    changes, states, told = await session.acts("doubtful_up_to")
    assert (changes, states) == (0, ["quarantined"])
    assert "look whether this took effect" in told

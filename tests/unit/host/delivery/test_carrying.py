"""What a runner wrote, copied to a registry that nodes share, and its file made of that in another node's folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from host.config.recurrence import Schedule
from host.delivery.carrying import Carrier
from host.delivery.portion import Collected
from host.folders.disk import ThreadDisk
from host.mailbox import copies, fence, outbound, remaking
from host.mailbox.inbound import InboundWriter
from host.mailbox.luggage import MOST, Luggage
from host.mailbox.open import Mailboxes
from host.mailbox.rows import NewMessage, Question
from host.mailbox.tasks import Task
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.nodes import Node
from host.registry.port import Registry
from host.registry.sessions import Session, Sessions
from runner import maintain, turn
from runner.inbound import InboundReader
from runner.outbound import Emitted, OutboundWriter
from sessiondb import Address, SessionFolder, Status, Unavailable, content
from tests.support.postgres import Server

PLACE = Address("memory", "w", "c")
NOW = 1_000_000  # ms
COUNT = "SELECT count(*) FROM mailbox_copies"
TASK = Task(
    *("t1", "Tea", "make tea", Schedule("UTC", at=NOW + 7), "", "run_once", (), "active", NOW + 7, 0, 0, ""),
    *("U1", "agent", "s1", PLACE, NOW),
)
ASKED = Question("m3:ask", "key", ("U1",), 0, approval=False)
ALL = {
    "transcript": "SELECT * FROM transcript ORDER BY step",
    "messages_out": "SELECT * FROM messages_out ORDER BY seq",
    "processing_ack": "SELECT message_id, status, incarnation, attempt, turn, error FROM processing_ack ORDER BY 1",
    "session_state": "SELECT key, value FROM session_state ORDER BY key",
}


@dataclass
class Life:
    """Of one node: what it has, and what its runner writes by."""

    db: Registry
    mailboxes: Mailboxes
    carrier: Carrier
    session: Session
    runner: OutboundWriter

    def has(self) -> dict[str, list[tuple[apsw.SQLiteValue, ...]]]:
        connection = apsw.Connection(str(self.session.folder.outbound_db), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return {table: connection.execute(sql).fetchall() for table, sql in ALL.items()}
        finally:
            connection.close()

    async def begin(self, *ids: str) -> None:
        def job(writer: InboundWriter) -> None:
            with writer.writing():
                for id_ in ids:
                    writer.insert(NewMessage(id_, "chat", PLACE, content.Chat(f"ask {id_}"), NOW))

        await self.mailboxes.use(self.session, job)
        batch = [m for m in await self.mailboxes.use(self.session, lambda w: w.pending()) if m.id in ids]
        self.runner.claim(batch, f"turn-{ids[0]}")
        step = json.dumps({"ids": ids, "prompt": ids[0], "files": []})
        self.runner.record(f"turn-{ids[0]}", "user", step)

    async def wait(self, id_: str, *more: str) -> None:
        """A turn for a person, and a run of a task for its next attempt."""
        await self.begin(id_, *more)
        asked = content.Question("Which?", audience=("U1",))
        self.runner.park(f"turn-{id_}", "c3", Emitted(ASKED.row_id, asked, id_), [id_, *more], ())

        def job(writer: InboundWriter) -> None:
            with writer.writing():
                writer.put_question(ASKED)
                run = content.Task("make tea", "Tea", "now")
                writer.insert(NewMessage("run", "task", PLACE, run, NOW, task_id="t1", occurrence_at=7))
                writer.postpone("run", 1, 5)
                for one in (id_, *more):
                    writer.settle(one, Status.COMPLETED)

        await self.mailboxes.use(self.session, job)

    def answer(self, id_: str) -> None:
        said = Emitted(f"{id_}:final", content.Text(f"answer to {id_}"), id_)
        self.runner.finish_turn(f"turn-{id_}", [said], [id_], ())


def set_up(writer: InboundWriter) -> None:
    """A task, as an agent asked for it."""
    with writer.writing():
        writer.tasks.put(TASK)


def sent(writer: InboundWriter) -> None:
    """All that was written so far."""
    with writer.writing():
        writer.raise_mark("delivery_watermark", 2 * remaking.UNHEARD_OF)


def outcome(*ids: str) -> Collected:
    """Of messages that the host has read to be answered."""
    return Collected(outcomes=[(id_, "completed") for id_ in ids])


@asynccontextmanager
async def living(url: str, folder: Path, node: str) -> AsyncIterator[Life]:
    from host.registry.postgresql import PostgreSQL

    disk = ThreadDisk()
    db = await PostgreSQL.open(url, disk, lambda _: None, Node(node, node))
    try:
        id_ = await db.write(lambda c: sessions.upsert(c, "default", PLACE, "public", NOW))
        known = Sessions(folder / node)
        [session] = await db.read(lambda c: known.load(c, "id = ?", (id_,)))
        luggage = Luggage(db, folder / node, lambda: NOW, MOST)
        mailboxes = Mailboxes(disk, db, lambda: NOW, luggage=luggage)

        def assign(writer: InboundWriter) -> None:
            with writer.writing():
                fence.assign(writer, node, "public")

        await mailboxes.use(session, assign)
        inbound = InboundReader(session.folder.inbound_db)
        runner = OutboundWriter(session.folder.outbound_db, inbound, node, lambda: NOW)
        carrier = Carrier(db, mailboxes, lambda one: outbound.settled(one.folder.outbound_db))
        yield Life(db, mailboxes, carrier, session, runner)
        runner.close()
        inbound.close()
        await mailboxes.close()
    finally:
        await db.close()
        disk.close()


async def test_what_was_copied_is_the_next_nodes_file_to_the_last_step_of_a_turn_under_way(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "ROWS_PER_READ", 2)  # in several portions
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        await ada.carrier.release(ada.session)  # a runner has only just made its file
        await ada.begin("m1")
        ada.runner.start_call("turn-m1", "c1", json.dumps({"name": "bash", "arguments": {}}), "bash", 1)
        await ada.carrier.release(ada.session, outcome())
        ada.runner.finish_call("turn-m1", "c1", '{"text": "\\u0000 1"}', ())
        ada.answer("m1")
        await ada.begin("m2")
        ada.runner.start_call("turn-m2", "c2", "{}", "bash", 1)
        await ada.carrier.before_an_effect(ada.session)  # of that call
        assert postgres.says(url, "SELECT count(*) FROM mailbox_copies WHERE content LIKE '%c2%'") == "1"
        ada.runner.set_state("continuation:mock", "x\0y")
        await ada.carrier.release(ada.session, outcome("m1"))
        await ada.wait("m3", "m3b")
        await ada.carrier.release(ada.session, outcome("m3", "m3b"))
        left = ada.has()
    async with living(url, tmp_path, "bob") as bob:
        assert bob.has() == left
        assert [ack.message_id for ack in bob.runner.unfinished_claims()] == ["m2"]
        again = await bob.mailboxes.use(
            bob.session, lambda writer: (writer.pending(), writer.asked("m3:ask"))
        )
        [run, *asked_in, told] = again[0]
        assert [message.id for message in asked_in] == ["m3", "m3b"]  # the turn goes on with both
        assert (run.id, run.attempts, run.not_before, run.task_id, run.occurrence_at) == (
            "run",
            1,
            5,
            "t1",
            7,
        )
        assert run.seq > remaking.UNHEARD_OF
        assert told.id.startswith("moved:")
        assert again[1] == ASKED
        copied = "SELECT string_agg(name, ' ' ORDER BY name) FROM mailbox_copies WHERE part = 'in' AND name NOT LIKE 'moved:%'"
        await bob.carrier.release(bob.session, outcome())  # nothing of it is settled in the new file yet
        assert postgres.says(url, copied) == "m3 m3b run"
        call = bob.runner.parked(ASKED.row_id, "m4")
        assert call is not None
        await bob.begin("m4")
        bob.runner.answer(call, ASKED.row_id, "m4", "{}")
        bob.runner.claim(
            [m for m in await bob.mailboxes.use(bob.session, lambda w: w.pending()) if m.id == "m4"],
            call.turn,
        )
        await bob.carrier.release(bob.session, outcome())
        assert postgres.says(url, copied) == "m3 m3b run"  # it goes on with them, and is not over
        await bob.mailboxes.use(bob.session, set_up)
        await bob.carrier.release(bob.session, outcome())
        assert postgres.says(url, "SELECT task_id FROM task_copies") == "t1"  # with the step that says so
        final = Emitted(f"{call.turn}:final", content.Text("both"), "m3")
        bob.runner.finish_turn(call.turn, [final], ["m4"], ())
        await bob.carrier.release(bob.session, outcome())
        assert postgres.says(url, copied) == "m3 run"  # where the answer goes, which is not sent yet
        await bob.mailboxes.use(bob.session, sent)
        await bob.carrier.release(bob.session, outcome())
        assert postgres.says(url, copied) == "run"
        assert postgres.says(url, "SELECT count(*) FROM mailbox_copies WHERE part = 'step'") == str(
            len(bob.has()["transcript"])
        )
        assert postgres.says(url, "SELECT carried = node, node FROM sessions") == "t|bob"


async def test_a_run_of_a_conversation_in_which_no_runner_was_yet_is_there_on_the_next_node(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()

    def fire(writer: InboundWriter) -> None:
        with writer.writing():
            run = content.Task("make tea", "Tea", "now")
            writer.insert(NewMessage("run", "task", PLACE, run, NOW, task_id="t1", occurrence_at=7))

    async with living(url, tmp_path, "ada") as ada:
        ada.session.folder.outbound_db.unlink()
        assert await ada.carrier.release(ada.session) == []
        await ada.mailboxes.use(ada.session, fire)
        await ada.carrier.before_an_effect(ada.session)
    async with living(url, tmp_path, "bob") as bob:
        pending = await bob.mailboxes.use(bob.session, lambda writer: writer.pending())
        assert pending[0].id == "run"


async def test_what_the_owner_of_the_file_takes_away_is_copied_no_more(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        for id_ in ("m1", "m2"):
            await ada.begin(id_)
            ada.answer(id_)
        await ada.begin("m3")
        await ada.carrier.release(ada.session, outcome("m1", "m2"))
        maintain.maintain(ada.session.folder.outbound_db, delivered_up_to=0, older_than=NOW + 1)
        await ada.carrier.prune(ada.session, everything=False)
        await ada.carrier.release(ada.session, outcome())
        kept = postgres.says(
            url, "SELECT string_agg(part || name, ' ' ORDER BY part, number) FROM mailbox_copies"
        )
        assert "step" in kept
        assert len(ada.has()["transcript"]) == kept.split().count("step") == 1
        assert "donem1" not in kept
        monkeypatch.setattr(copies, "MOST_OF_ONE", 2_000)
        for number in range(20):
            await ada.begin(f"n{number}")
            ada.answer(f"n{number}")
        await ada.carrier.release(ada.session, outcome())
        first = postgres.says(
            url, "SELECT content::json ->> 1 FROM mailbox_copies WHERE part = 'step' ORDER BY number"
        )
        assert first.splitlines()[0] == "user"
        assert 2 <= len(first.splitlines()) < 30
        await ada.carrier.prune(ada.session, everything=True)
        assert postgres.says(url, "SELECT count(*) FROM mailbox_copies") == "0"


async def test_a_file_that_is_another_one_is_copied_anew(postgres: Server, tmp_path: Path) -> None:
    """As after a host of a version that copied nothing, or where the folder was brought back from a backup."""
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        await ada.begin("m1")
        ada.answer("m1")
        await ada.carrier.release(ada.session, outcome("m1"))
    postgres.says(url, "UPDATE mailbox_copies SET content = replace(content, 'm1', 'm0') WHERE part = 'step'")
    async with living(url, tmp_path, "ada") as ada:
        await ada.carrier.release(ada.session)
        assert "m0" not in postgres.says(url, "SELECT content FROM mailbox_copies")
        postgres.says(url, "UPDATE sessions SET carried = 'eve'")  # another node had it since
    async with living(url, tmp_path, "bob") as bob:
        assert bob.has()["transcript"] == []


async def test_a_node_that_leads_no_more_copies_nothing_and_tells_nobody(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        await ada.begin("m1")
        await ada.carrier.release(ada.session, outcome())
        before = postgres.says(url, COUNT)
        ada.answer("m1")
        postgres.says(url, "UPDATE leader SET epoch = epoch + 1")
        for _ in range(2):  # what was collected waits, and whoever asks hears the same
            with pytest.raises(Unavailable, match="another host leads"):
                await ada.carrier.release(ada.session, outcome("m1"))
        with pytest.raises(Unavailable, match="another host leads"):
            await ada.carrier.before_an_effect(ada.session)
    assert postgres.says(url, COUNT) == before


async def test_a_step_that_is_too_large_is_a_note_of_that_and_its_turn_is_whole_beside_it(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbound, "_STEPS", outbound._STEPS.replace(str(outbound.LARGEST_STEP), "300"))
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        await ada.begin("m1")
        ada.runner.start_call("turn-m1", "c1", json.dumps({"name": "bash", "arguments": {}}), "bash", 1)
        ada.runner.finish_call("turn-m1", "c1", json.dumps({"text": "x" * 400}), ())
        ada.answer("m1")
        await ada.carrier.release(ada.session, outcome("m1"))
    assert "Step 3 is too large to be copied" in caplog.text
    async with living(url, tmp_path, "bob") as bob:
        steps = bob.runner.history()
    assert [step.kind for step in steps] == ["user", "tool_call", "note", "final"]
    assert "on another machine" in steps[2].content
    assert turn.gate_output(steps) is None  # it is read like any other note


async def test_what_no_file_can_hold_is_left_out_of_the_one_that_is_made(
    postgres: Server, tmp_path: Path
) -> None:
    """A container wrote it, and the database has it as it was."""
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        await ada.begin("m1")
        ada.answer("m1")
        await ada.carrier.release(ada.session, outcome("m1"))
        left = ada.has()
    for part, number, columns in (
        ("step", 900, ["turn", "no kind", "", "{}", 1]),
        ("step", 901, ["turn", None, "", "{}", 1]),
        ("out", 902, ["even", "", "", "chat", 1, 0, "{}"]),
        ("ack", 0, ["asleep", "i", 1, "t", ""]),
    ):
        content_ = json.dumps(columns)
        postgres.says(
            url,
            "INSERT INTO mailbox_copies (session_id, part, number, name, content)"
            f" SELECT id, '{part}', {number}, 'odd', '{content_}' FROM sessions",
        )
    async with living(url, tmp_path, "bob") as bob:
        assert bob.has() == left


async def test_a_file_that_is_begun_anew_is_copied_from_its_first_step(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        for id_ in ("m1", "m2"):
            await ada.begin(id_)
            ada.answer(id_)
        await ada.carrier.release(ada.session, outcome("m1", "m2"))
        ada.runner.close()
        ada.session.folder.outbound_db.unlink()
        await ada.carrier.prune(ada.session, everything=True)
        assert await ada.carrier.release(ada.session) == []  # nobody has written yet
        assert postgres.says(url, "SELECT carried = node FROM sessions") == "t"
        assert postgres.says(url, COUNT) == "0"
        inbound = InboundReader(ada.session.folder.inbound_db)
        ada.runner = OutboundWriter(ada.session.folder.outbound_db, inbound, "ada", lambda: NOW)
        await ada.begin("m3")
        await ada.carrier.release(ada.session, outcome())
        assert "m3" in postgres.says(
            url, "SELECT content FROM mailbox_copies WHERE part = 'step' AND number = 1"
        )
        inbound.close()


async def test_a_file_that_is_on_its_way_is_on_the_next_node_with_its_row_and_gone_when_it_was_sent(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    packed = "SELECT count(*), count(*) FILTER (WHERE at_rest = 1) FROM packed"
    async with living(url, tmp_path, "ada") as ada:
        await ada.begin("m1")
        rows = []
        for name in ("one", "two", "gone"):
            path = ada.session.folder.outbound_files / name / f"{name}.txt"
            path.parent.mkdir()
            path.write_text(name)
            rows.append(Emitted(f"m1:{name}", content.File(f"{name}/{name}.txt", name), "m1"))
        shutil.rmtree(ada.session.folder.outbound_files / "gone")
        ada.runner.finish_turn("turn-m1", rows, ["m1"], ())
        await ada.carrier.release(ada.session, outcome("m1"))
        assert postgres.says(url, packed) == "3|2"  # of the third there is no file
    async with living(url, tmp_path, "bob") as bob:
        found = {path.name: path.read_text() for path in bob.session.folder.outbound_files.rglob("*.txt")}
        assert found == {"one.txt": "one", "two.txt": "two"}
        await bob.carrier.release(bob.session)
        assert postgres.says(url, packed.replace("at_rest = 1", "node = 'bob'")) == "3|3"
        first = bob.has()["messages_out"][0][0]

        def sent(writer: InboundWriter) -> None:
            with writer.writing():
                writer.raise_mark("delivery_watermark", first)  # type: ignore[arg-type]

        await bob.mailboxes.use(bob.session, sent)
        await bob.carrier.before_an_effect(bob.session)
        assert "/one" not in postgres.says(url, "SELECT string_agg(place, ' ') FROM packed")
        assert postgres.says(url, packed).startswith("2|")


async def test_a_machine_that_shares_with_nobody_neither_reads_nor_writes_for_copies(db: HostDB) -> None:
    def reader(_: Session) -> outbound.OutboundReader:
        raise AssertionError

    carrier = Carrier(db, Mailboxes(ThreadDisk(), db, lambda: NOW), reader)
    folder = SessionFolder(Path("/nowhere"))
    session, done = Session("s", "default", PLACE, "public", folder), outcome("m1")
    assert await carrier.release(session, done) == [done]
    await carrier.before_an_effect(session)
    await carrier.prune(session, everything=True)

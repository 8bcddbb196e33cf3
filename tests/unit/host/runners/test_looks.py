"""What a session's files say of its runner, written by the runner's own hand and read by the host's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage
from host.registry.notices import Notice
from host.registry.sessions import Session
from host.runners import looks, sweep
from host.runners.launch.base import RunnerSpec
from host.runners.launch.fake import FakeRunner
from host.runners.life import Life
from runner.inbound import InboundReader
from runner.outbound import OutboundWriter
from sessiondb import Address, SessionFolder, content, signals
from sessiondb.records import MessageIn, Status

NOW = 1_000_000
IDLE = 60_000  # ms
HERE = Address("memory", "w", "c")


class Pair:
    """A session with three messages, and a runner `one` that is alive."""

    def __init__(self, path: Path, task: asyncio.Task[None]) -> None:
        folder = SessionFolder(path / "session")
        folder.create()
        self.folder = folder
        self.host = InboundWriter(folder.inbound_db, lambda: NOW)
        with self.host.writing():
            self.host.set_value("incarnation", "one")
            for id_ in ("a", "b", "c"):
                self.host.insert(NewMessage(id_, "chat", HERE, content.Chat("hi"), created_at=1))
        self.runner = OutboundWriter(folder.outbound_db, InboundReader(folder.inbound_db), "one", lambda: NOW)
        spec = RunnerSpec("installation", "s1", "one", folder, path, {}, path / "runner.log")
        self.process = FakeRunner(spec)
        self.life = Life(Session("s1", "default", HERE, "public", folder), task)
        self.life.begins(self.process, NOW - 5_000)

    def claims(self, *ids: str) -> None:
        self.runner.claim([self.message(id_) for id_ in ids], "turn-1")

    def message(self, id_: str) -> MessageIn:
        found = self.host.message(id_)
        assert found is not None
        return found

    def put_back(self, incarnation: str = "one") -> tuple[bool, bool]:
        return looks.put_back(self.host, self.life, incarnation, NOW, free=False)

    def view(self, now: int) -> sweep.View:
        return looks.view(self.host, self.life, self.process, now, 0)

    def attempts(self) -> list[int]:
        return [message.attempts for message in self.host.pending()]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    task = asyncio.create_task(asyncio.sleep(0))
    made = Pair(tmp_path, task)
    yield made
    made.host.close()
    made.runner.close()
    await task


async def test_claims_and_signs_of_life_are_those_of_this_incarnation(pair: Pair) -> None:
    pair.claims("a", "b")
    signals.beat(pair.folder.heartbeat, "one")
    seen = looks.view(pair.host, pair.life, pair.process, NOW, IDLE)
    assert (seen.claims, seen.activity_at, seen.started_at) == (2, NOW, NOW - 5_000)
    assert seen.heartbeat_at > 0
    assert seen.busy_at == pair.life.busy_at == NOW


async def test_what_an_earlier_incarnation_claimed_and_touched_counts_for_nothing(pair: Pair) -> None:
    pair.claims("a")
    signals.beat(pair.folder.heartbeat, "zero")
    pair.process.incarnation = "two"
    seen = looks.view(pair.host, pair.life, pair.process, NOW, IDLE)
    assert (seen.claims, seen.activity_at, seen.tool_deadline, seen.heartbeat_at) == (0, 0, 0, 0)


async def test_a_file_that_cannot_be_read_shows_no_claims_and_hides_no_heartbeat(pair: Pair) -> None:
    signals.beat(pair.folder.heartbeat, "one")
    pair.folder.outbound_db.write_bytes(b"no database at all" * 100)
    seen = looks.view(pair.host, pair.life, pair.process, NOW, IDLE)
    assert seen.claims == 0
    assert seen.heartbeat_at > 0
    assert pair.put_back() == (False, False)


async def test_what_a_dead_runner_claimed_costs_an_attempt_and_nothing_else_does(pair: Pair) -> None:
    pair.claims("a", "b")
    pair.runner.finish_turn("turn-1", (), ["b"], ())
    assert pair.put_back() == (True, False)
    assert pair.attempts() == [1, 0, 0]
    assert pair.put_back() == (True, False)  # a crash in between looks again, and counts once
    assert pair.attempts() == [1, 0, 0]


async def test_a_stop_that_the_host_ordered_costs_no_attempt(pair: Pair) -> None:
    pair.claims("a")
    pair.life.ordered_to_stop = True
    assert pair.put_back() == (True, False)
    assert pair.attempts() == [0, 0, 0]


async def test_a_runner_that_died_before_it_claimed_anything_has_claimed_nothing(pair: Pair) -> None:
    pair.claims("a")
    assert pair.put_back("two") == (False, False)


async def test_over_its_quota_the_messages_fail_and_their_people_are_told(pair: Pair) -> None:
    pair.claims("a")
    pair.life.over_quota = "the files of this conversation take more than 1 MiB"
    assert pair.put_back() == (True, True)
    assert pair.message("a").status == Status.FAILED
    [(about, encoded)] = pair.host.owed()
    assert about == "over-quota:a"
    assert "I was stopped" in Notice.decode(encoded).text


async def test_a_runner_that_is_held_is_not_dead_though_it_shows_no_life(pair: Pair) -> None:
    silent = NOW + sweep.HEARTBEAT_STALE + 1
    assert sweep.decide(pair.view(silent)) is sweep.Verdict.STOP_HUNG

    pair.process.held = True
    assert sweep.decide(pair.view(silent)) is sweep.Verdict.KEEP
    pair.process.held = False
    assert sweep.decide(pair.view(silent + 1_000)) is sweep.Verdict.KEEP, "it had no time yet to show some"
    assert sweep.decide(pair.view(silent + sweep.HEARTBEAT_STALE + 1)) is sweep.Verdict.STOP_HUNG


async def test_to_be_held_is_no_excuse_for_a_turn_that_does_not_get_on(pair: Pair) -> None:
    pair.claims("a")
    pair.process.held = True

    assert sweep.decide(pair.view(NOW + sweep.ACTIVITY_STALE + 1)) is sweep.Verdict.STOP_STUCK

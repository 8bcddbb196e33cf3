"""Every attack ends quarantined and logged, and the session beside it is served as if nothing had happened."""

from __future__ import annotations

import logging
import resource
from pathlib import Path

import pytest

from host.app import Host
from host.mailbox import questions
from host.runners.launch.fake import FakeLauncher
from sessiondb import SessionFolder
from sessiondb.connection import open_reader
from tests.support import naive
from tests.support.attacked import logged, neighbour_is_served, two_sessions
from tests.support.attacks import CORPUS, FINE, Attack, Target, answer, database, insert
from tests.support.hosting import config, serving
from tests.support.redteam import Seat, attack, honest, twin, walled

pytestmark = attack(Seat.CONTAINER, 8)

MEMORY = 300 * 1024  # KiB the whole process may grow by under one attack


@honest
def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    assert len(CORPUS) >= 60
    assert len({attack.name for attack in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("attack", CORPUS, ids=lambda attack: attack.name)
async def test_an_attack_harms_only_its_own_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, attack: Attack
) -> None:
    caplog.set_level(logging.WARNING)
    launcher = FakeLauncher()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (host, bot):
        target = await two_sessions(bot, launcher)
        await _read_once(host, target)
        attack.act(target)
        if attack.then is not None:
            await host.house.sweep.round()
            caplog.clear()
            attack.then(target)
        match attack.ends:
            case "session":
                await logged(caplog, "session_quarantined")
                await bot.until(lambda: len(bot.said("bad")) == 1)
                assert "damaged" in bot.said("bad")[0]
            case "row":
                await logged(caplog, "row_refused")
                answer(target)
                await bot.until(lambda: bot.said("bad") == [FINE])
            case "told":
                await bot.until(lambda: len(bot.said("bad")) == 1)
                assert "could not be delivered" in bot.said("bad")[0]
            case "lost":
                await bot.until(lambda: len(bot.said("bad")) == 1)
                assert "were lost" in bot.said("bad")[0]
            case "harmless":
                await neighbour_is_served(bot, target)
                assert bot.said("bad") == []
        if attack.ends != "harmless":
            await neighbour_is_served(bot, target)
        assert not any("evil" in text for channel in ("bad", "good") for text in bot.said(channel))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MEMORY


# Refused because no honest runner makes them. To a host that only ever reads, and does not look, they alone do nothing:
# a trigger or an index works where somebody writes, a view, a column or another encoding when it costs more than these.
UNNOTICED = {
    "additional_table",
    "expression_index",
    "generated_column",
    "schema_changed_while_read",
    "trigger",
    "utf16",
    "view_for_a_table",
    "virtual_table",
}


@twin("test_an_attack_harms_only_its_own_session")
@pytest.mark.parametrize("attack", CORPUS, ids=lambda attack: attack.name)
def test_a_host_that_believes_what_it_reads_is_harmed(tmp_path: Path, attack: Attack) -> None:
    """It shows a text that nobody may send, acts on what is not so, waits without an end, or breaks for all it serves."""
    own, neighbour = SessionFolder(tmp_path / "own"), SessionFolder(tmp_path / "neighbour")
    target = Target(own, "m1", neighbour, "m2")
    for one in (Target(neighbour, "m2", own, "m1"), target):
        one.folder.outbound_files.mkdir(parents=True)
        answer(one, FINE if one is target else "of the neighbour", 300_001)
    assert naive.harm(target) == "", "an honest runner's file"
    attack.act(target)
    if attack.then is not None:
        attack.then(target)

    assert bool(naive.harm(target)) is (attack.name not in UNNOTICED)


async def _read_once(host: Host, target: Target) -> None:
    """The host has met the honest file before it turns hostile."""
    with database(target):
        pass
    await host.house.sweep.round()


@walled
async def test_a_question_that_is_quarantined_answers_the_call_that_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """Else the turn would wait for an answer for ever."""
    if not standing:
        monkeypatch.setattr(questions, "not_asked", lambda *_: None)
    launcher = FakeLauncher()
    async with serving(config(tmp_path, host={"sweep_every": 0.2}), launcher=launcher) as (_, bot):
        target = await two_sessions(bot, launcher)
        with database(target) as connection:
            odd = '{"type": "ask_question", "text": "Which?", "options": 5}'
            insert(connection, target, 1, "asked", content=odd)
        answer(target)
        await bot.until(lambda: bot.said("bad") == [FINE])  # which stands behind it
        told = ends(target)
        assert bool(told) is standing
        assert all(status == "pending" and "could not be asked: content:" in text for status, text in told)


def ends(target: Target) -> list[tuple[str, str]]:
    connection = open_reader(target.folder.inbound_db)
    try:
        rows = connection.execute("SELECT status, content FROM messages_in WHERE id = 'asked:end'").fetchall()
    finally:
        connection.close()
    return [(str(status), str(told)) for status, told in rows]

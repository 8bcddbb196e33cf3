"""Mutants that only those notice who hand something over: files, scripts, quiet threads, money, what is held back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import runner.turn
from host.delivery.collect import Collector
from host.gateway.budget import Budgets
from host.intake.incoming import IncomingFiles, safe_name
from host.intake.ingress import MUTED, Ingress
from host.ports.bot import Fetches
from host.ports.events import InboundEvent, IncomingFile, Ingested, Verdict
from host.registry import notices
from host.registry.notices import Notice
from host.registry.port import Statements
from host.words import as_it_is
from sessiondb import Address, content
from tests.simulation import burdens
from tests.simulation.mutants import Make, death_finds_the_gap, mutant
from tests.simulation.outcome import Law
from tests.simulation.patches import Patch
from tests.simulation.topics import Topic
from tests.simulation.world import World


def about(topic: type[Topic]) -> Make:
    """A run that is about this and nothing else."""

    def conditions(world: World) -> list[Patch]:
        world.topics = [topic(world)]
        return []

    return conditions


@mutant(Law.KEPT, about(burdens.Attached))
def half_a_file_is_taken_for_one(world: World) -> list[Patch]:
    async def hasty(
        self: IncomingFiles, bot: Fetches, going: Any, file: IncomingFile, folder: Path
    ) -> tuple[content.Attachment, tuple[content.Part, ...]]:
        path = folder / f"{going.number - 1}-{safe_name(file.name)}"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"the file ")
            death_finds_the_gap(world, every=2)
            await bot.fetch(going.entry.event.address, file, path, 1000)
        return content.Attachment(file.name, f"{folder.name}/{path.name}", file.media_type, 40), ()

    return [(IncomingFiles, "_one", hasty)]


@mutant(Law.RECORDS, about(burdens.Attached))
def what_is_sent_goes_on_changing_with_the_agents_own_file(world: World) -> list[Patch]:
    copy = shutil.copyfile

    def linked(source: Path, target: Path, **more: bool) -> None:
        copy(source, target, **more)
        world.loop.call_later(0.1, copy, source, target)

    return [(shutil, "copyfile", linked)]


@mutant(Law.RECORDS, about(burdens.Scripted))
def a_script_decides_again_after_a_crash(_: World) -> list[Patch]:
    return [(runner.turn, "gate_output", lambda _: None)]


@mutant(Law.OUTCOME, about(burdens.Muted))
def a_muted_thread_stays_engaged(_: World) -> list[Patch]:
    def careless(self: Ingress, connection: Any, event: InboundEvent, thread: Address) -> Ingested:
        notices.add(connection, Notice(f"muted:{event.message_id}", thread, as_it_is("Quiet.")), self._now())
        return Ingested(Verdict.DECLINED, event.message_id, MUTED)

    return [(Ingress, "_mute", careless)]


def hosts_die_in_calls(world: World) -> list[Patch]:
    topic = burdens.Budgeted(world)
    topic.gap = lambda: death_finds_the_gap(world, every=2)
    world.topics = [topic]
    return []


@mutant(Law.PAID, hosts_die_in_calls)
def calls_of_an_earlier_life_are_free(_: World) -> list[Patch]:
    def forget(connection: Statements) -> int:
        connection.execute("DELETE FROM reservations")
        return 0

    async def free(self: Budgets) -> int:
        return await self._db.write(forget)

    return [(Budgets, "charge_unsettled", free)]


@mutant(Law.TOLD, about(burdens.Budgeted))
def whoever_is_over_the_budget_reads_so_each_time(_: World) -> list[Patch]:
    add = notices.add

    def wordy(connection: Any, notice: Notice, now: int, chunk: int = 0) -> None:
        more = f":{notice.answers}" if notice.about.startswith("over-budget:") else ""
        add(connection, replace(notice, about=f"{notice.about}{more}"), now, chunk)

    return [(notices, "add", wordy)]


@mutant(Law.HELD, about(burdens.Held))
def what_is_held_back_comes_at_once(_: World) -> list[Patch]:
    chunks = Collector._chunks

    def hasty(self: Collector, row: Any, *more: Any) -> tuple[Any, int]:
        return chunks(self, replace(row, row=replace(row.row, deliver_after=0)), *more)

    return [(Collector, "_chunks", hasty)]

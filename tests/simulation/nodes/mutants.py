"""One fence less each: what the simulation of several nodes must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import host.mailbox.restoring
from host.folders.disk import Disk
from host.mailbox import moving
from host.registry import holding, leases
from host.registry.holding import Holding
from host.registry.leases import Connection
from host.registry.port import Registry, Statements
from host.registry.postgresql import PostgreSQL
from host.registry.sessions import Session
from sessiondb.records import Address
from tests.simulation.mutants import mutant
from tests.simulation.nodes.faults import FAULTS_LAST
from tests.simulation.nodes.world import Nodes
from tests.simulation.outcome import Law
from tests.simulation.patches import Patch
from tests.simulation.processes import current, point


def conditions(*kinds: str, many: int = 9) -> Callable[[Nodes], list[Patch]]:
    """Under which it shows soon."""

    def harsh(world: Nodes) -> list[Patch]:
        world.trouble.kinds = kinds
        world.trouble.many = many
        return []

    return harsh


@mutant(Law.OVER, conditions("stop", "cut"), several=True)
def an_epoch_that_no_transaction_reads(_: Nodes) -> list[Patch]:
    def unread(self: PostgreSQL, connection: Connection) -> None:
        return

    return [(PostgreSQL, "_check", unread)]


@mutant(Law.ALONE, several=True)
def files_of_what_another_node_holds(_: Nodes) -> list[Patch]:
    def anybody(self: Holding, address: Address) -> bool:
        return True

    return [(Holding, "has", anybody)]


@mutant(Law.ALONE, several=True)
def a_place_taken_from_a_node_that_lives(_: Nodes) -> list[Patch]:
    free = holding._FREE
    return [
        (holding, "_TAKE", holding._TAKE.replace(free, "true")),
        (holding, "_TAKE_IDLE", holding._TAKE_IDLE.replace(free, "true")),
    ]


@mutant(Law.OVER, conditions("stop", "cut"), several=True)
def a_node_that_is_over_and_keeps_its_epoch(_: Nodes) -> list[Patch]:
    others = leases.SERVES.others
    assert others is not None
    kept = replace(others, end=others.end.replace("epoch = epoch + 1", "epoch = epoch"))
    return [(leases, "SERVES", replace(leases.SERVES, others=kept))]


@mutant(Law.COPIED, conditions("kill", "stop", "drain"), several=True)
def a_session_that_arrives_before_its_file(world: Nodes) -> list[Patch]:
    restore = host.mailbox.restoring.restore

    async def early(db: Registry, disk: Disk, session: Session, now: int) -> bool:
        def job(connection: Statements) -> None:
            moving.arrive(connection, session, db.node)

        carried = await restore(db, disk, session, now)
        await db.write(job)
        process = current()
        if process is not None and world.loop.time() < FAULTS_LAST:
            process.arm(1)
        point("between two halves")
        return carried

    return [(host.mailbox.restoring, "restore", early)]

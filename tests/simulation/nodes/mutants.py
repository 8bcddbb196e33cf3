"""One fence less each: what the simulation of several nodes must notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import host.mailbox.restoring
from host.delivery.carrying import Carrier
from host.delivery.portion import Collected
from host.delivery.service import Deliveries
from host.folders.disk import Disk
from host.mailbox import moving
from host.mailbox.open import Mailboxes
from host.registry import holding, leases
from host.registry.holding import Holding
from host.registry.leases import Connection
from host.registry.port import Registry, Statements
from host.registry.postgresql import PostgreSQL
from host.registry.sessions import Session, Sessions
from host.runners.leash import Leash
from host.upkeep.giving_back import GivingBack
from sessiondb.records import Address
from tests.simulation.mutants import mutant
from tests.simulation.nodes.faults import FAULTS_LAST
from tests.simulation.nodes.world import Nodes
from tests.simulation.outcome import Law
from tests.simulation.patches import Patch
from tests.simulation.processes import Process, current, point


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


def stopped_between_intent_and_post(world: Nodes) -> list[Patch]:
    """By chance alone nobody is stopped just there."""
    committed = world.server.committed
    world.trouble.many = 0

    def stops(process: Process) -> None:
        committed(process)
        sending = world.server.rows("SELECT 1 FROM ledger WHERE state = 'sending' LIMIT 1")
        if sending and world.loop.time() < FAULTS_LAST / 2 and world.gap.random() < 0.05:
            world.stop_for(process, 15.0)

    world.server.committed = stops
    return []


@mutant(Law.OVER, stopped_between_intent_and_post, several=True)
def a_post_without_a_look_at_the_clock(_: Nodes) -> list[Patch]:
    def trusting(self: PostgreSQL) -> bool:
        return self._lost is None

    return [(PostgreSQL, "leads", trusting)]


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
        (holding, "_WANTED", holding._WANTED.replace(free, "true")),
        (holding, "_WHOSE", holding._WHOSE.replace(free, "true")),
    ]


@mutant(Law.OVER, conditions("stop", "cut"), several=True)
def a_node_that_is_over_and_keeps_its_epoch(_: Nodes) -> list[Patch]:
    others = leases.SERVES.others
    assert others is not None
    kept = replace(others, end=others.end.replace("epoch = epoch + 1", "epoch = epoch"))
    return [(leases, "SERVES", replace(leases.SERVES, others=kept))]


@mutant(Law.COPIED, several=True)
def an_intent_before_its_copy(_: Nodes) -> list[Patch]:
    release = Carrier.release

    async def hasty(self: Carrier, session: Session, *collected: Collected) -> list[Collected]:
        return list(collected) or await release(self, session)

    return [(Carrier, "release", hasty)]


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


@mutant(Law.ALONE, conditions("stop", "cut"), several=True)
def a_runner_without_a_deadline(_: Nodes) -> list[Patch]:
    async def loose(self: Leash, session: Session) -> dict[str, str]:
        return {}

    return [(Leash, "tie", loose)]


def crowds_at_new_places(world: Nodes) -> list[Patch]:
    """Several people at a time, whose messages come to several nodes, whose transactions are tried again."""
    world.trouble.many = 0
    world.server.again = 0.3
    for place in range(10, 20):
        for later in (0, 0, 0, 4, 4, 4):
            said = world.people.asks(f"D{place}", "")
            world.loop.call_later(3.0 * place + later, world.platform.publish, said.event)
    return []


@mutant(Law.ALONE, crowds_at_new_places, several=True)
def a_place_noted_before_its_commit(_: Nodes) -> list[Patch]:
    take = Holding.take_or_leave

    def noted(self: Holding, connection: Statements, address: Address) -> tuple[str, bool]:
        other, has = take(self, connection, address)
        if not other:
            self.note([holding.Place(*address[:3])])
        return other, has

    return [(Holding, "take_or_leave", noted)]


def people_who_come_back(world: Nodes) -> list[Patch]:
    """To places that were given back meanwhile, each time to any node."""
    world.trouble.many = 0
    world.agreed = False
    for later in (3.0, 45.0, 88.0):
        for place in range(10, 18):
            said = world.people.asks(f"D{place}", "")
            world.loop.call_later(later, world.platform.publish, said.event)
    return []


@mutant(Law.ALONE, people_who_come_back, several=True)
def a_place_given_back_while_something_is_under_way_there(world: Nodes) -> list[Patch]:
    is_quiet = GivingBack._is_quiet

    def quiet(self: GivingBack, there: Sequence[Session]) -> bool:
        return is_quiet(self, there) if world.loop.time() > FAULTS_LAST else world.gap.random() < 0.2

    only = "placements.node = ?1 AND ?2 = ?2 AND ?3 = ?3 AND placements.channel_type <> '' "
    rests = holding._RESTS
    return [
        (GivingBack, "_is_quiet", quiet),
        (holding, "_AT_REST", holding._AT_REST.replace(rests, only)),
        (holding, "_GIVE_BACK", holding._GIVE_BACK.replace(rests, only)),
    ]


@mutant(Law.COPIED, people_who_come_back, several=True)
def what_was_known_of_a_place_that_was_given_back(_: Nodes) -> list[Patch]:
    async def kept(self: object, session: Session) -> None:
        return

    def known(self: Sessions, connection: Statements, place: tuple[str, str, str]) -> None:
        return

    return [(Mailboxes, "let_go", kept), (Deliveries, "let_go", kept), (Sessions, "anew", known)]

"""Forgetting a person: their messages, what agents remember of them, and their name and id in the records of others.

The order. The mark is committed first: whoever restores an earlier backup, or starts again after a crash in the middle, finds
it and begins anew. Then each conversation in which they wrote: its runner ends, its owner empties outbound.db (one writer a
file), what is over goes from inbound.db, and of their direct messages the folders too. The records of host.db go last, since
by these the conversations are found; then what these records were goes from the disk, too.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from host.governance import audit
from host.governance.access import LOCAL
from host.mailbox import spaces
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.ports.bot import Bots, Forgets
from host.ports.events import Author, Viewer
from host.registry import asked, forgetting, parting
from host.registry.forgetting import NOBODY, Kind, Person
from host.registry.holding import Place
from host.registry.port import Statements
from host.registry.sessions import Session
from host.registry.tidings import What
from host.runners.launch.base import LaunchError
from host.upkeep import leaving, remains
from host.upkeep.backups import upgrading
from sessiondb import Address, SessionError
from sessiondb.contract import EVERYTHING
from sessiondb.records import Status

log = logging.getLogger(__name__)


class Runners(Protocol):
    async def stop(self, session: Session) -> bool:
        """Ends its runner. Raises `LaunchError`."""

    async def maintain(self, session: Session, *, older_than: int) -> bool:
        """Has the owner of outbound.db prune it; false while a runner lives. Raises `LaunchError`, `SessionError`."""


class Prunes(Protocol):
    async def prune(self, session: Session, before: int) -> None:
        """Takes what is over from inbound.db. Raises `SessionError`."""


class Copies(Protocol):
    async def forget(self, session: Session) -> None:
        """No word of it is in what copies its words, once this returns; what is left is read anew. Raises `OSError`."""


class Sends(Protocol):
    async def sound(self, session: Session) -> bool:
        """Whether outbound.db can be read; one that is gone is begun anew. Raises `SessionError` of inbound.db."""

    async def forget_reader(self, session: Session) -> None:
        """Lets go of the file."""

    async def give_up(self, session: Session, answering: frozenset[str] | None) -> bool:
        """Says no more what is on its way and answers one of these messages, or all of it. Raises `SessionError`."""


@dataclass(frozen=True, slots=True)
class Hands:
    runners: Runners
    prunes: Prunes
    sends: Sends
    bots: Bots


@dataclass(frozen=True, slots=True)
class Forgotten:
    found: dict[str, int]  # what was taken away, by kind
    away: Sequence[str] = ()  # nodes on whose disks something may lie until they come back


class NotForgotten(Exception):
    """Something of them is still there; the text says what, and the order may be given again."""


class Forgetting:
    def __init__(
        self,
        records: Records,
        hands: Hands,
        installation: str,
        copies: Copies,
        now: Callable[[], int],
    ) -> None:
        self.records = records
        self._hands = hands
        self._installation = installation
        self._copies = copies
        self._now = now
        self._turn = asyncio.Lock()  # one person at a time on this disk
        records.db.tidings.heard_by(What.FORGET, self._ordered_elsewhere)

    @property
    def _data(self) -> Path:
        return self.records.sessions.data

    async def catch_up(self) -> None:
        """At the start, or as this node gets the upkeep: whom a restored backup brought back, and whom a crash left half
        forgotten. Raises `SessionError`."""
        db = self.records.db
        if not db.holding.has_upkeep or not await db.read(forgetting.is_to_look):
            return
        done = True
        for person in await db.read(lambda c: forgetting.returned(c, self._installation)):
            try:
                await self.forget(person, None)
            except (NotForgotten, SessionError) as error:
                done = False
                log.error("Somebody is not forgotten yet: %s", error, extra={"action": "not_forgotten"})
        if done:
            await db.write(forgetting.looked)

    async def ordered(self, body: str) -> str:
        """By somebody at this machine. Raises `SessionError`."""
        if not body:  # a crash came between what it ordered and the word that it is done
            return "forgotten, before the host was stopped"
        told = json.loads(body)
        person = forgetting.parsed(told["person"])
        if person is None:
            return f"refused: {told['person']!r} names nobody"
        by = Author(told["by"], told["by"])
        found, away = Counter[str](), dict[str, None]()
        try:
            for one in await self._meant(person):
                done = await self.forget(one, Viewer(by, Address(LOCAL, "local", ""), "dm"))
                found.update(done.found)
                away.update(dict.fromkeys(done.away))
        except NotForgotten as error:
            return f"refused: not everything could be taken away; order it again: {error}"
        return f"forgotten: {words(found)}{_later(list(away))}"

    async def _meant(self, person: Person) -> list[Person]:
        """An order that an earlier Dovecote was given names no workspace. All of them are marked before the first goes: with them
        goes the order."""
        now = self._now()

        def job(connection: Statements) -> list[Person]:
            everybody = forgetting.meant(connection, person)
            for one in everybody if len(everybody) > 1 else ():
                forgetting.remember(connection, forgetting.mark(one, self._installation), now)
                forgetting.look(connection)
            return everybody

        return await self.records.db.write(job)

    async def forget(self, person: Person, viewer: Viewer | None) -> Forgotten:
        """`viewer` ordered it. Raises `NotForgotten`, `SessionError`."""
        db, now = self.records.db, self._now()
        found = await db.read(lambda connection: forgetting.counted(connection, person))
        one = forgetting.mark(person, self._installation)

        def begin(connection: Statements) -> None:
            forgetting.remember(connection, one, now)
            forgetting.look(connection)

        await db.write(begin)
        taken, away = await self._on_all_disks(person, one)
        if taken:
            found["damaged or set-aside files"] = taken
        await self._erase(person, one)

        def job(connection: Statements) -> None:
            forgetting.looked(connection)
            if db.ties is not None:
                parting.end(connection, one)
            if viewer is not None:
                audit.record(connection, viewer, "forget", words(found), now)

        await db.write(job)
        if not await db.scrub():
            raise NotForgotten("another program reads host.db as it was before; end it")
        log.info("Somebody was forgotten: %s", words(found), extra={"action": "forgotten"})
        return Forgotten(found, away)

    async def _erase(self, person: Person, mark: str) -> None:
        """From the registry, in portions: a crash between two leaves the rest of what they wrote, by which the next start finds
        them. Raises `SessionError`."""
        db = self.records.db
        after: int | None
        for id_, kind in await db.read(lambda connection: forgetting.sessions_of(connection, person)):
            after = 0
            while after is not None:
                after = await db.write(functools.partial(_unquote, person=person, id_=id_, after=after))
            if kind is Kind.DM:
                await db.write(functools.partial(forgetting.unname, session_id=id_, mark=mark))
        await db.write(lambda connection: forgetting.erase_names(connection, person, mark))
        after = 0
        while after is not None:
            after = await db.write(functools.partial(_empty_portion, person=person, mark=mark, after=after))

    # ── on each disk ─────────────────────────────────────────────────────────────────────────────────────

    async def _on_all_disks(self, person: Person, mark: str) -> tuple[int, Sequence[str]]:
        """How many damaged files went here, and the nodes that do their part later. Raises `NotForgotten`, `SessionError`."""
        db, taken = self.records.db, 0
        while True:
            if db.ties is not None:
                db.holding.note(await db.write(functools.partial(self._order, person=person, mark=mark)))
            more, left = await self._here(person)
            taken += more
            if db.ties is None:
                again, away = False, list[str]()
            else:
                again, others = await self._by_others(mark)
                left += others
                away = await db.read(functools.partial(parting.away, mark=mark))
            if left:
                raise NotForgotten("; ".join(left))
            if not again:
                return taken, away

    def _order(self, connection: Statements, *, person: Person, mark: str) -> list[Place]:
        """Whose channel nobody holds is this node's from now on; every other node is to do its part."""
        db, found = self.records.db, forgetting.sessions_of(connection, person)
        addresses = [one.address for id_, _ in found for one in self._session(connection, id_=id_)]
        shared = db.holding.is_shared
        places = [Place(*one[:3]) for one in addresses if shared and db.holding.take(connection, one)]
        go = {id_: kind is not Kind.SHARED for id_, kind in found}
        parting.order(connection, db.node, mark, str(person), go, db.tidings)
        return places

    async def _by_others(self, mark: str) -> tuple[bool, list[str]]:
        """Once nodes that serve have done their part: whether one ended before it had, and what they could not take away."""
        db, clock = self.records.db, asyncio.get_running_loop().time
        until = clock() + PARTS
        while late := await db.read(functools.partial(parting.waiting, mark=mark)):
            if clock() > until:
                return False, [f"{', '.join(late)} has not done its part yet"]
            await asyncio.sleep(PAUSE)
        again = await db.read(functools.partial(parting.over, mark=mark))
        return again, await db.read(functools.partial(parting.left, mark=mark))

    async def _ordered_elsewhere(self, _: Sequence[str]) -> None:
        """Raises `SessionError`."""
        db = self.records.db
        for mark, text in await db.read(functools.partial(parting.parts_of, node=db.node)):
            person = forgetting.parsed(text)
            left = [] if person is None else (await self._here(person))[1]
            done = functools.partial(parting.done, node=db.node, mark=mark, said="; ".join(left))
            await db.write(done)
        await self.clear_left()

    async def clear_left(self) -> None:
        """At the start, first: what went elsewhere while this node was away and is not to be here any more. Raises
        `SessionError`."""
        db = self.records.db
        if db.ties is None:
            return
        for mark, those in await db.read(functools.partial(parting.lists_of, node=db.node)):
            try:
                async with self._turn:
                    await asyncio.to_thread(leaving.forget, self._data, those)
            except (SessionError, OSError) as error:  # a runner of an earlier life may be on its way out
                log.error("Somebody is not forgotten here yet: %s", error, extra={"action": "not_forgotten"})
                continue
            await db.write(functools.partial(parting.carried_out, node=db.node, mark=mark))

    async def _here(self, person: Person) -> tuple[int, list[str]]:
        """On this disk. Returns how many damaged files went, and where something of them is left. Raises `SessionError`."""
        db = self.records.db
        async with self._turn:
            sessions = await db.read(lambda connection: forgetting.sessions_of(connection, person))
            taken, left = await self._everywhere(person, sessions)
            if left := [*await self._by_its_bot(person, sessions), *left]:
                return taken, left
            await asyncio.to_thread(self._drop_backups)
            called = await db.read(lambda connection: forgetting.words_for(connection, person))
            await asyncio.to_thread(remains.unsay, self._data, called, NOBODY)
        return taken, []

    async def _by_its_bot(self, person: Person, sessions: list[tuple[str, Kind]]) -> list[str]:
        """First, for it is asked by records that go with the conversations. Returns what could not be taken away."""
        bot = self._hands.bots.get(person.platform)
        if bot is None and person.platform not in ("", remains.CONSOLE):
            await asyncio.to_thread(remains.notes, self._data / person.platform, person.user)
        if not isinstance(bot, Forgets):
            return []
        own = [id_ for id_, kind in sessions if kind is not Kind.SHARED]

        def keys(connection: Statements) -> set[str]:
            return {one.key for id_ in own for one in asked.of_session(connection, id_)}

        try:
            await bot.forget(person.user, await self.records.db.read(keys))
        except OSError as error:
            return [f"{person.platform}: {error}"]
        return []

    async def _everywhere(self, person: Person, sessions: list[tuple[str, Kind]]) -> tuple[int, list[str]]:
        """In each conversation. Returns how many damaged files went, and where something of them is left."""
        taken, left = 0, []
        for id_, kind in sessions:
            for session in await self.records.db.read(functools.partial(self._session, id_=id_)):
                try:
                    if self.records.db.holding.has(session.address):
                        taken += await self._in(session, person, kind)
                    else:
                        await self._left_over(session, kind)
                except (SessionError, LaunchError, OSError) as error:
                    left.append(f"{id_}: {error}")
        return taken, left

    async def _left_over(self, session: Session, kind: Kind) -> None:
        """What lies here of a conversation that another node has. Raises `SessionError`, `OSError`."""
        async with session.lock:
            await asyncio.to_thread(leaving.drop, self._data, session.id, whole=kind is not Kind.SHARED)
        await self._copies.forget(session)

    def _drop_backups(self) -> None:
        """Those that upgrades began with: they hold everybody as they were."""
        for file in upgrading.kept(self._data):
            file.unlink(missing_ok=True)
            log.warning(
                "%s was taken away: it held somebody who is forgotten",
                file.name,
                extra={"action": "forgotten"},
            )

    def _session(self, connection: Statements, *, id_: str) -> list[Session]:
        return self.records.sessions.load(connection, "id = ?", (id_,))

    async def _in(self, session: Session, person: Person, kind: Kind) -> int:
        """How many damaged files went. Raises `SessionError`, `LaunchError`, `OSError`."""
        job = functools.partial(_unwrite, person=person, alone=kind is not Kind.SHARED)
        await self.records.mailboxes.use(session, job)
        theirs = await self.records.db.read(lambda c: forgetting.messages_in(c, person, session.id))
        taken = await self._emptied(session)
        if await self._hands.sends.give_up(session, theirs if kind is Kind.SHARED else None):
            taken += await self._emptied(session)
        await self._hands.prunes.prune(session, EVERYTHING)
        taken += await asyncio.to_thread(remains.set_aside, session.folder)
        if kind is not Kind.SHARED:
            await self.records.spaces.luggage.forget(spaces.work(session.id))
        if kind is Kind.DM:
            await self.records.spaces.erase(session.agent, session.scope)
        if session.address.channel_type == remains.CONSOLE:
            await asyncio.to_thread(remains.transcript, self._data, session.address.platform_id)
        await self._copies.forget(session)
        return taken

    async def _emptied(self, session: Session) -> int:
        """By its owner; what that cannot read goes whole, and the conversation begins anew. How many files went so."""
        try:
            if await self._hands.sends.sound(session):
                await self._maintain(session)
        except (SessionError, LaunchError):
            damaged = await asyncio.to_thread(remains.is_damaged, session.folder.outbound_db)
            if not (session.unreadable or damaged):
                raise
        else:
            if not session.unreadable and session.folder.outbound_db.exists():
                return 0
        await self._hands.runners.stop(session)
        await self._hands.sends.forget_reader(session)
        taken = await asyncio.to_thread(remains.unreadable, session.folder)
        await self._hands.sends.sound(session)
        return taken

    async def _maintain(self, session: Session) -> None:
        await self._hands.runners.stop(session)
        for _ in range(TRIES):
            if await self._hands.runners.maintain(session, older_than=EVERYTHING):
                return
            await asyncio.sleep(PAUSE)
        raise LaunchError("its runner does not end", transient=True)


TRIES, PAUSE = 100, 0.1  # for a runner that is on its way out
PARTS = 300.0  # s that other nodes have for their part


def _unquote(connection: Statements, *, person: Person, id_: str, after: int) -> int | None:
    return forgetting.unquote(connection, person, id_, after)


def _empty_portion(connection: Statements, *, person: Person, mark: str, after: int) -> int | None:
    return forgetting.empty(connection, person, mark, after)


def _later(away: Sequence[str]) -> str:
    """For whoever ordered it."""
    if not away:
        return ""
    return f"; what lies on the disk of {', '.join(away)} goes once a host runs there, within ten minutes"


def words(found: dict[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in found.items())


def _unwrite(writer: InboundWriter, *, person: Person, alone: bool) -> None:
    """What they asked for is not answered any more; tasks of theirs end with their direct messages, or are nobody's."""
    with writer.writing():
        for message in writer.pending():
            if message.author_id == person.user:
                writer.settle(message.id, Status.CANCELLED, NOBODY)
        for task in writer.tasks.all():
            begins = task.awaited is not None and person.user in task.awaited.by
            if task.owner != person.user and person.user not in task.mentions and not begins:
                continue
            mentions = tuple(one for one in task.mentions if one != person.user)
            owner = "" if task.owner == person.user else task.owner
            changed = dataclasses.replace(task, mentions=mentions, owner=owner)
            over = alone
            if (
                begins and task.awaited is not None
            ):  # whom nobody may begin any more is over: it is not for everybody now
                by = tuple(one for one in task.awaited.by if one != person.user)
                changed = dataclasses.replace(changed, awaited=dataclasses.replace(task.awaited, by=by))
                over = over or not by
            writer.tasks.put(dataclasses.replace(changed, state="cancelled") if over else changed)

"""The host as a bot sees it: `ports.bot.Ingest` over the one way in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from pydantic import TypeAdapter

from host.delivery.service import Deliveries
from host.governance import rules
from host.intake import inbox, orders, watermarks
from host.intake.answers import place_of
from host.intake.ingress import Ingress
from host.intake.standings import Standings
from host.mailbox.open import Records
from host.ports import commands
from host.ports.bot import HostBusy
from host.ports.controls import Controls
from host.ports.events import EventClass, InboundEvent, Ingested, Privacy, Standing, Verdict
from host.ports.installs import Installs
from host.ports.stations import Stations
from host.ports.whole import border
from host.registry import places, reaching
from host.registry.notices import WELCOME, Notice
from host.registry.resumption import Lapse
from host.words import as_it_is
from sessiondb import Address, SessionError


class Answers(Protocol):
    """Those who live above, and speak for the host."""

    @property
    def controls(self) -> Controls: ...

    async def to(self, order: InboundEvent) -> str:
        """What is said to an order that the host answers itself, Markdown."""

    async def told(self, event: InboundEvent, ingested: Ingested) -> Ingested:
        """With the reason in the language of the place."""

    async def welcome(self, place: Address) -> str:
        """What is said where the bot was added; '' for nothing."""


SAID = (EventClass.MESSAGE, EventClass.EDIT, EventClass.REACTION)  # what a history tells of later
LAPSED = "said between a backup and the resumption after its restore"

INGEST = "ingest"
_INGESTED = TypeAdapter(Ingested)

log = logging.getLogger(__name__)


@border
class Reception:
    def __init__(
        self,
        records: Records,
        ingress: Ingress,
        deliveries: Deliveries,
        answers: Answers,
        stations: Stations,
        lapse: Lapse,
        standings: Standings,
        installs: Callable[[str], Installs],
    ) -> None:
        self._installs = installs
        self._standings = standings
        self._answers = answers
        self._stations = stations
        self._lapse = lapse
        self._db = records.db
        self._sessions = records.sessions
        self._ingress = ingress
        self._deliveries = deliveries
        self._controls = answers.controls
        self._closed = False
        self._errands = records.errands
        self._errands.ways[INGEST] = self._asked_to
        self._obeying: dict[str, asyncio.Task[Ingested]] = {}  # by their keys

    def close(self) -> None:
        """The host stops: what knocks from now on is brought again by its platform."""
        self._closed = True

    @property
    def controls(self) -> Controls:
        return self._controls

    def installs(self, channel_type: str) -> Installs:
        return self._installs(channel_type)

    async def ingest(self, event: InboundEvent) -> Ingested:
        if self._closed:
            raise HostBusy("the host is stopping")
        came_at = self._stations.came(event)
        if event.event_class in SAID and self._lapse.has(event.at):
            ingested = Ingested(Verdict.IGNORED, reason=LAPSED)
        else:
            await self._standings.spoke(event)
            ingested = await self._taken(event)
        self._stations.taken(event, ingested, came_at)
        return await self._answers.told(event, ingested) if ingested.reason else ingested

    async def _taken(self, event: InboundEvent) -> Ingested:
        said = orders.obeyed(event, self._controls.grammar)
        unclear = said.value == commands.UNCLEAR
        if said.event_class is EventClass.ANSWER:
            return await self._where_asked(event)
        if said.event_class is not EventClass.CONTROL or not (unclear or said.value in commands.SHOWN):
            return await self._ingress.ingest(said)
        if not said.typed or not await self._ingress.concerns(said):
            return Ingested(Verdict.IGNORED, reason="not addressed to an agent")
        return await self._at(said.address, event, lambda: self._obeyed_once(said, event))

    async def _where_asked(self, event: InboundEvent) -> Ingested:
        """By the node that has the question."""
        place = await self._db.read(lambda connection: place_of(connection, event.refers_to))
        if place is None:
            return await self._ingress.ingest(event)
        return await self._at(place, event, lambda: self._ingress.ingest(event))

    async def _at(
        self, place: Address, event: InboundEvent, here: Callable[[], Awaitable[Ingested]]
    ) -> Ingested:
        """Whoever holds the place takes the event in. Raises `HostBusy`: its key makes it one however often it comes."""
        try:
            answer = await self._errands.ask(place, INGEST, inbox.kept(event), again=True)
        except SessionError as error:
            raise HostBusy(str(error)) from error
        return await here() if answer is None else _INGESTED.validate_json(answer)

    async def _asked_to(self, kept: str) -> str:
        ingested = await self.ingest(inbox.event_of(kept))
        return _INGESTED.dump_json(ingested).decode()

    async def _obeyed_once(self, said: InboundEvent, event: InboundEvent) -> Ingested:
        """What comes a second time meanwhile is the first: a platform waited too short, or tells every node."""
        task = self._obeying.get(said.key)
        if task is None:
            task = asyncio.create_task(self._obeyed(said, event), name="order")
            self._obeying[said.key] = task
            task.add_done_callback(lambda _: self._obeying.pop(said.key, None))
        return await asyncio.shield(task)

    async def _obeyed(self, said: InboundEvent, event: InboundEvent) -> Ingested:
        # A history that brings an order once more must not have it carried out once more.
        if (known := await self._db.read(lambda connection: inbox.find(connection, said.key))) is not None:
            return Ingested(Verdict.DUPLICATE, known.message_id, known.reason)
        if said.value == commands.UNCLEAR:
            return await self._ingress.answer(said, said.text, held_back=event)
        return await self._ingress.answer(said, await self._answers.to(said))

    async def joined(self, place: Address) -> None:
        """One welcome per channel, whatever restarts or is told twice: it is one incident. Raises `HostBusy`."""
        try:
            if text := await self._answers.welcome(place):
                await self._deliveries.notify(
                    Notice(f"{WELCOME}{':'.join(place[:3])}", place, as_it_is(text))
                )
        except SessionError as error:
            raise HostBusy(str(error)) from error

    async def calls(self, event: InboundEvent) -> bool:
        try:
            return await self._ingress.calls(event)
        except SessionError as error:
            raise HostBusy(str(error)) from error

    async def channel_named(self, channel: Address, name: str) -> None:
        """A name is worth no trouble: the next connect tells it again."""
        try:
            await self._db.write(lambda connection: places.call(connection, channel, name))
        except SessionError as error:
            log.warning("A channel's name is not kept: %s", error, extra={"action": "name_not_kept"})

    async def settled(self, message_id: str) -> str:
        """Its status, or "forgotten" beyond the retention. Raises `LookupError` for a message that was not let in."""
        row = await self._db.read(lambda c: c.execute(_SESSION_OF, (message_id,)).fetchone())
        session = None if row is None else self._sessions.get(str(row[0]))
        if row is None or session is None:
            raise LookupError(message_id)
        return await self._deliveries.settled(session, message_id, stored=row[1] == "stored")

    async def channel_became(self, channel: Address, privacy: Privacy) -> None:
        await self._ingress.channel_became(channel, privacy)

    async def place_stands(self, place: Address, standing: Standing) -> None:
        await self._standings.place(place, standing)

    async def person_stands(self, workspace: Address, user: str, *, here: bool) -> None:
        await self._standings.person(workspace, user, here=here)

    async def inhabited(self, channel_type: str) -> Mapping[Address, Standing]:
        return await self._standings.inhabited(channel_type)

    async def task_people(self, channel_type: str) -> Sequence[tuple[str, str]]:
        return await self._standings.people(channel_type)

    async def deals(self, place: Address) -> bool:
        try:
            return await reaching.deals(self._db, place)
        except SessionError as error:
            raise HostBusy(str(error)) from error

    async def is_anothers(self, place: Address) -> bool:
        try:
            return await reaching.is_anothers(self._db, place)
        except SessionError as error:
            raise HostBusy(str(error)) from error

    async def askers(self, workspace: Address) -> frozenset[str]:
        return await self._db.read(lambda connection: rules.askers(connection, workspace))

    async def watermark(self, address: Address) -> str:
        return await self._db.read(lambda connection: watermarks.get(connection, address))

    async def advance(self, address: Address, natural_id: str) -> None:
        await self._db.write(lambda connection: watermarks.advance(connection, address, natural_id))

    async def watched(self, channel_type: str) -> Sequence[Address]:
        return await self._db.read(lambda connection: watermarks.of_platform(connection, channel_type))

    async def engaged(self, channel_type: str) -> Sequence[tuple[Address, int]]:
        return await self._db.read(lambda connection: watermarks.engaged(connection, channel_type))


_SESSION_OF = "SELECT session_id, state FROM inbox WHERE message_id = ?"

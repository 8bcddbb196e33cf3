"""The controls of a running host: what people see and order without an agent (`host/ports/controls.py`).

Answers come from small queries on host.db, from the supervisor's memory and from the files of the few sessions that run.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from host.config import provider
from host.config.settings import Settings
from host.controls import channels, granting, history, judging, later, spending, subjects
from host.controls.anew import Anew
from host.controls.carrying import carried, know
from host.controls.desk import TaskDesk
from host.controls.greeting import Greeting
from host.controls.handing import Handing
from host.controls.later import Laters
from host.controls.queue import Queue
from host.controls.remembering import Remembering
from host.controls.working import AtWork
from host.delivery.calls import require_lead
from host.delivery.saying import Saying
from host.folders.disk import Disk
from host.gateway.budget import day_of
from host.governance import access, approvals, narrowing, requests, rules, sight, words
from host.governance.languages import Languages
from host.governance.masking import Masks
from host.governance.sight import Sight
from host.intake import changed, inbox
from host.intake.ingress import HELD
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.mailbox.rows import Parcel
from host.mailbox.tasks import Task
from host.ports.bot import Bots, DeliveryError, Removes
from host.ports.commands import Grammar, changed_by, help_text
from host.ports.controls import (
    CallShown,
    ChannelRules,
    Forbidden,
    Judged,
    Later,
    Offer,
    Overview,
    Running,
    Spent,
    Story,
    TaskList,
    TaskOrder,
    TaskView,
)
from host.ports.events import AGAIN, EventClass, InboundEvent, Ingested, Verdict, Viewer, again_id
from host.registry import held, judgements, zones
from host.registry.judgements import Answer
from host.registry.port import Statements
from host.registry.sessions import Session
from host.runners.supervisor import Supervisor
from host.words import known, say
from sessiondb import MessageIn, SessionError
from sessiondb.records import Address

T = TypeVar("T")
NO_SUCH_CONVERSATION = say("There is no such conversation.")
OWNERS_ONLY = say("Only an owner may do that.")
NOT_ASKED = say("Only what a person asked can be answered again, and not when it is too long ago.")
ASKERS_ONLY = say("Only whoever asked, or an owner, may do that with an answer.")
NOTHING_ANSWERED = say("There is no answer of mine here.")
REMOVED = say("My answer is deleted.")
NOT_REMOVED = say("I could not delete my answer now; try again in a minute.")
ON_ITS_WAY = say("That answer is still on its way; try again in a minute.")
RECEIPT_IN = (0.1, 0.2, 0.4, 0.8)  # s between two looks
ONCE_MORE = say("I answer it once more.")
TRIED = say("That answer was tried again already.")
SENT_ALREADY = say("That was sent already, or is too long ago.")


@dataclass(frozen=True)
class Parts:
    """What the controls look at and act through."""

    settings: Settings
    bots: Bots
    anew: Anew
    data: Path
    disk: Disk
    records: Records
    supervisor: Supervisor
    ingest: Callable[[InboundEvent], Awaitable[Ingested]]  # the one way in
    under_way: Callable[[str], tuple[str, Parcel] | None]  # by key, what people see and has no receipt yet
    saying: Saying
    masks: Masks
    languages: Languages
    now: Callable[[], int]


@carried(subjects.OF_CONTROLS)
class Service:
    """The real `host.ports.controls.Controls`."""

    def __init__(self, parts: Parts, desk: TaskDesk, handing: Handing) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._db = parts.records.db
        self._desk = desk
        self.handing = handing
        self.greeting = Greeting(parts.settings, parts.records.db)
        self._laters = Laters(parts.settings, parts.records.db, parts.bots, desk, parts.languages, parts.now)
        self._remembering = Remembering(parts.settings, parts.records, parts.now)
        self._at_work = AtWork(parts.settings, parts.records, parts.supervisor, parts.masks)
        self.queue = Queue(parts.records, parts.supervisor, parts.ingest, parts.saying.pay, parts.now)

        for one in (self, self.queue):
            know(one, parts.languages, self.shown)

    @property
    def records(self) -> Records:
        return self._parts.records

    # ── who looks ────────────────────────────────────────────────────────────────────────────────────────

    def is_owner(self, viewer: Viewer) -> bool:
        return sight.is_owner(self._settings.config.access, viewer)

    async def zoned(self, viewer: Viewer) -> Viewer:
        """With the zone that they said is theirs, where the platform tells none."""
        if viewer.author.zone:
            return viewer
        zone = await self._db.read(lambda connection: zones.of(connection, viewer.address, viewer.author.id))
        return replace(viewer, author=replace(viewer.author, zone=zone)) if zone else viewer

    async def _sight(self, viewer: Viewer) -> Sight:
        return await self._parts.anew.sight(viewer)

    def _require_owner(self, viewer: Viewer, of: Address | None = None) -> None:
        """`of`: a channel, maybe of another workspace than they ask from."""
        elsewhere = of is not None and of[:2] != viewer.address[:2]
        everywhere = access.owns_all(self._settings.config.access, viewer.address, viewer.author.id)
        if not self.is_owner(viewer) or (elsewhere and not everywhere):
            raise Forbidden(OWNERS_ONLY)

    def shown(self, found: T, agent: str = "") -> T:
        """What a person sees of it: without secrets. `agent`: whose words they are, '' = the host's."""
        return self._parts.masks.shown(found, agent)

    # ── what may be said ─────────────────────────────────────────────────────────────────────────────────

    @property
    def grammar(self) -> Grammar:
        return Grammar(self._settings.config.commands.aliases)

    @property
    def zone(self) -> str:
        return self._settings.config.host.zone

    async def help(self, viewer: Viewer) -> str:
        models = await self.greeting.models(viewer.address)
        told = [(provider.called(model, models), model) for model in models] if len(models) > 1 else []
        return help_text(self.grammar, viewer.address.channel_type, told)

    async def holds(self, viewer: Viewer) -> str:
        """Who answers in the channel, when and for how much, one line."""
        return channels.told(self._settings.config, viewer.address, await self.rules(viewer))

    # ── what there is to see ─────────────────────────────────────────────────────────────────────────────

    async def overview(self, viewer: Viewer) -> Overview:
        seen = await self._sight(viewer)
        running, waiting = await self._at_work.everywhere(seen)
        return Overview(
            running=running,
            waiting=waiting,
            tasks=await self._desk.tasks(viewer, seen),
            spent=await self._spent(viewer, seen),
            failures=await self._db.read(lambda connection: history.failures(connection, seen)),
        )

    async def running(self, viewer: Viewer) -> Sequence[Running]:
        return (await self._at_work.everywhere(await self._sight(viewer)))[0]

    async def usage(self, viewer: Viewer) -> Spent:
        return await self._spent(viewer, await self._sight(viewer))

    async def call(self, viewer: Viewer, question: str) -> CallShown:
        seen = await self._sight(viewer)
        found = await self._db.read(lambda connection: approvals.shown(connection, seen, question))
        return replace(found, text=self._parts.masks.text(found.agent, found.text)[0])

    async def grants(self, viewer: Viewer, text: str) -> str:
        await self._sight(viewer)
        number, config, now = granting.meant(text), self._settings.config, self._parts.now()
        if number:
            return await self._db.write(lambda c: granting.revoke(c, config, viewer, number, now))
        zone = words.zone_of(viewer.author.zone, config.host.zone)
        return await self._db.read(lambda c: granting.listed(c, config, viewer, zone, now))

    async def judge(self, viewer: Viewer, said: Judged) -> str:
        found, config = await self._answer(viewer, said.answer, at_once=True), self._settings.config
        return await self._db.write(lambda c: judging.judge(c, config, viewer, said, found))

    async def _answer(self, viewer: Viewer, key: str, *, at_once: bool = False) -> Answer:
        """What the buttons stand under. People see them before the receipt is in the ledger, a moment or, where the platform is
        slow to tell, half a minute before; `at_once` does without. Raises `Forbidden`."""
        under_way: Answer | None = None
        for pause in (*RECEIPT_IN, 0.0):
            under_way = await self._under_way(key)
            if (at_once and under_way) or await self._db.read(lambda c: judgements.answer(c, key)):
                break
            await asyncio.sleep(pause)
        config = self._settings.config
        return await self._db.read(lambda c: judging.answer_of(c, config, viewer, key, under_way))

    async def _under_way(self, key: str) -> Answer | None:
        found, now = self._parts.under_way(key), self._parts.now()
        return await self._db.read(lambda c: judging.under_way(c, *found, now)) if found else None

    async def _asked(self, session: Session, found: Answer) -> tuple[MessageIn | None, list[Parcel]]:
        """What it answers, and its parts."""

        def look(writer: InboundWriter) -> tuple[MessageIn | None, list[Parcel]]:
            writer.catch_up()  # with what host.db has of it
            return writer.message(found.answers), writer.parcels_of(found.row_id)

        return await self._parts.records.mailboxes.use(session, look)

    async def again_here(self, viewer: Viewer, model: str) -> str:
        last = await self._db.read(
            lambda connection: judgements.last(connection, viewer.address, viewer.author.id)
        )
        if not last:
            raise Forbidden(NOTHING_ANSWERED)
        return await self.again(viewer, last, model)

    async def models_for(self, answer: str) -> Sequence[str]:
        found = await self._db.read(lambda connection: judgements.answer(connection, answer))
        models = await self._models_of(found) if found is not None else ()
        return models if len(models) > 1 else ()

    async def again(self, viewer: Viewer, answer: str, model: str = "") -> str:
        """Through the one way in, under the answer's own key: however often it is pressed, it is asked once (law 4)."""
        found = await self._answer(viewer, answer)
        chosen = await self._chosen(found, model)
        session = await self._session(found.session_id)
        asked, parcels = (None, []) if session is None else await self._asked(session, found)
        if asked is None or asked.kind != "chat":
            raise Forbidden(NOT_ASKED)
        if not all(parcel.terminal for parcel in parcels):
            raise Forbidden(ON_ITS_WAY)  # what is not known to stand would be taken away by no other answer
        if viewer.author.id != asked.author_id and not self.is_owner(viewer):
            raise Forbidden(ASKERS_ONLY)
        event = InboundEvent(
            event_class=EventClass.COMMAND,
            address=found.address,
            natural_id=again_id(answer),
            author=viewer.author,
            at=self._parts.now(),
            mentioned=True,
            privacy=viewer.privacy,
            value=AGAIN,
            refers_to=found.row_id,
            session_id=found.session_id,
            model=chosen,
        )
        ingested = await self._parts.ingest(event)
        if ingested.verdict is Verdict.DUPLICATE:
            return TRIED
        if ingested.verdict is not Verdict.STORED:
            raise Forbidden(known(ingested.reason) if ingested.reason else NO_SUCH_CONVERSATION)
        return say("I answer it once more, by {model}.", model=chosen) if chosen else ONCE_MORE

    async def hand_over(self, viewer: Viewer, text: str, *, read_by_all: bool = False) -> str:
        askers = (await self.rules(viewer)).askers
        if not access.asks_here(self._settings.config.access, viewer, askers):
            raise Forbidden(access.NOT_HERE)
        return await self.handing.order(viewer, text, read_by_all=read_by_all)

    async def memory(self, viewer: Viewer, text: str) -> str:
        return await self._remembering.told(viewer, text)

    async def offer(self, viewer: Viewer, wanted: Later) -> Offer:
        await self._sight(viewer)
        return await self._laters.offer(viewer, wanted)

    async def _unsay(self, viewer: Viewer, answer: str) -> str:
        """A removal is the same however often it is made: after a crash in between it is ordered once more."""
        found = await self._answer(viewer, answer)
        session = await self._session(found.session_id)
        bot = self._parts.bots.get(found.address.channel_type)
        if session is None or not isinstance(bot, Removes):
            raise Forbidden(NOT_REMOVED)
        asked, parcels = await self._asked(session, found)
        if (asked is None or viewer.author.id != asked.author_id) and not self.is_owner(viewer):
            raise Forbidden(ASKERS_ONLY)
        if not all(parcel.terminal for parcel in parcels):
            raise Forbidden(NOT_REMOVED)  # a part of it is on its way, and would stand alone
        try:
            for parcel in parcels:
                if parcel.state == "sent" and parcel.platform_message_id:
                    require_lead(self._db)
                    await bot.remove(parcel.address, parcel.platform_message_id)
        except DeliveryError as error:
            raise Forbidden(NOT_REMOVED) from error
        return REMOVED

    async def _models_of(self, found: Answer) -> Sequence[str]:
        """Those by which it could be answered anew where it stands."""
        agent = self._settings.config.agents.get(found.agent)
        decided = await self._db.read(lambda connection: rules.of_channel(connection, found.address))
        return narrowing.models_of(agent, decided) if agent is not None else ()

    async def _chosen(self, found: Answer, word: str) -> str:
        """Raises `Forbidden`."""
        models = await self._models_of(found)
        model = provider.named(word, models)
        if word.strip() and not model:
            raise Forbidden(provider.not_offered(word, models))
        return model

    async def why(self, viewer: Viewer, message: str, within: Address | None = None) -> Story:
        """`within`: others read along, for whom is what happened in that channel and nothing else."""
        seen = await self._sight(viewer)
        zone = words.zone_of(viewer.author.zone, self._settings.config.host.zone)
        asked = history.Asked(message, within)
        try:
            return await self._parts.disk.run(history.story, self._parts.data, viewer, seen, asked, zone)
        except SessionError as error:
            raise Forbidden(say("The records cannot be read right now; try again in a minute.")) from error

    async def _spent(self, viewer: Viewer, seen: Sight) -> Spent:
        config = self._settings.config
        day = day_of(self._parts.now(), words.zone_of("", config.host.zone))
        found = await self._db.read(lambda connection: spending.of(connection, config, viewer, seen, day))
        return spending.called(config, found)

    # ── what may be ordered ──────────────────────────────────────────────────────────────────────────────

    async def tasks(self, viewer: Viewer, skip: int = 0) -> TaskList:
        return await self._desk.tasks(viewer, await self._sight(viewer), skip)

    async def order(self, viewer: Viewer, task_id: str, order: TaskOrder) -> str:
        return await self._desk.order(viewer, await self._sight(viewer), task_id, order)

    async def task(self, viewer: Viewer, task_id: str) -> tuple[TaskView, Task]:
        return await self._desk.one(viewer, await self._sight(viewer), task_id)

    async def edit(self, viewer: Viewer, task_id: str, wanted: Mapping[str, str]) -> str:
        """Changes a task; what `wanted` leaves out stays. One line."""
        return await self._desk.edit(viewer, await self._sight(viewer), task_id, wanted)

    async def stop(self, viewer: Viewer, session_id: str) -> str:
        """Through the one way in, so that it is authorised, recorded and obeyed like what is typed (law 4)."""
        seen = await self._sight(viewer)
        session = await self._session(session_id)
        if session is None or not seen.sees(session.scope, session.address):
            raise Forbidden(NO_SUCH_CONVERSATION)
        under_way = await self._at_work.look(session)
        if under_way is None:
            return say("Nothing is running there.")
        event = InboundEvent(
            event_class=EventClass.CONTROL,
            address=under_way.address,
            natural_id=f"stop-{secrets.token_hex(8)}",
            author=viewer.author,
            at=self._parts.now(),
            mentioned=True,
            privacy=viewer.privacy,
            value="stop",
            session_id=session.id,
        )
        ingested = await self._parts.ingest(event)
        if ingested.verdict is not Verdict.STORED:
            raise Forbidden(known(ingested.reason) if ingested.reason else NO_SUCH_CONVERSATION)
        return say("Stopping.")

    async def _session(self, id_: str) -> Session | None:
        def job(connection: Statements) -> list[Session]:
            return self._parts.records.sessions.load(connection, "id = ?", (id_,))

        found = await self._db.read(job)
        return found[0] if found else None

    # ── what owners decide ───────────────────────────────────────────────────────────────────────────────

    def agents(self) -> Sequence[str]:
        return tuple(self._settings.config.agents)

    def models(self) -> Sequence[str]:
        return channels.models(self._settings.config)

    async def rules(self, viewer: Viewer) -> ChannelRules:
        await self._sight(viewer)
        return await self._db.read(lambda connection: rules.now_of(connection, viewer.address))

    async def tools(self, viewer: Viewer) -> Sequence[str]:
        decided = await self.rules(viewer)
        return channels.tools(self._settings.config, viewer.address, decided)

    async def configure(self, viewer: Viewer, text: str) -> str:
        if not text.strip():
            how = changed_by(viewer.address.channel_type)
            held_now = await self.holds(viewer)
            return (
                say("{settings} Owners change that with {command}.", settings=held_now, command=how)
                if how
                else held_now
            )
        number = channels.meant(text)
        self._require_owner(viewer)
        if number is not None:
            return await self.revert(viewer, viewer.address, number)
        zone = words.zone_of(viewer.author.zone, self._settings.config.host.zone)
        return await self._db.read(lambda connection: channels.latest(connection, viewer.address, zone))

    async def set_rules(self, viewer: Viewer, wanted: ChannelRules, channel: Address | None = None) -> str:
        """`channel`: of another one than they ask from."""
        config, place, now = self._settings.config, channel or viewer.address, self._parts.now()
        self._require_owner(viewer, place)
        changed_it = await self._db.write(
            lambda connection: channels.change(connection, config, viewer, place, wanted, now)
        )
        if changed_it:
            channels.in_force(self._parts.supervisor, self._parts.languages, place)
        return channels.told(config, place, wanted)

    async def revert(self, viewer: Viewer, channel: Address, number: int) -> str:
        self._require_owner(viewer, channel)
        config, now = self._settings.config, self._parts.now()
        changed_it = await self._db.write(
            lambda connection: channels.revert(connection, config, viewer, channel, number, now)
        )
        if changed_it:
            channels.in_force(self._parts.supervisor, self._parts.languages, channel)
        held_now = await self._db.read(lambda connection: rules.now_of(connection, channel))
        return channels.told(config, channel, held_now)

    async def decide(self, viewer: Viewer, request: str, choice: str) -> str:
        """Everything a yes means is in the transaction that records it; who is told, is told by notices after it."""
        if request.startswith(changed.REQUEST):
            await self.again(viewer, request.removeprefix(changed.REQUEST))
            return ONCE_MORE  # also pressed again: the first press counts, and its line stays
        if request.startswith(changed.UNSAID):
            return await self._unsay(viewer, request.removeprefix(changed.UNSAID))
        if request.startswith(later.REQUEST):
            await self._sight(viewer)
            return await self._laters.decide(viewer, request, choice)
        if request.startswith(HELD):
            return await self._send_as_written(viewer, request.removeprefix(HELD))
        self._require_owner(viewer)
        now, config = self._parts.now(), self._settings.config
        done = await self._db.write(
            lambda connection: requests.decide(connection, config.access, viewer, request, choice, now)
        )
        self._parts.saying.soon()
        return done

    async def _send_as_written(self, viewer: Viewer, message_id: str) -> str:
        """Through the one way in, under the message's own key: however often it is pressed it is sent once (law 4)."""
        event = await self._db.read(lambda connection: held.find(connection, message_id))
        if event is None:
            raise Forbidden(SENT_ALREADY)
        written = inbox.event_of(event)
        if not access.is_same(viewer, written.address, written.author.id):  # nobody else's to send
            raise Forbidden(say("Only whoever wrote it may send it."))
        ingested = await self._parts.ingest(replace(written, privacy=viewer.privacy))
        if ingested.verdict not in (Verdict.STORED, Verdict.DUPLICATE):
            raise Forbidden(known(ingested.reason) if ingested.reason else say("No agent answers here."))
        await self._db.write(lambda connection: held.forget(connection, message_id))
        return say("Sent as it was written.")

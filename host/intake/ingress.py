"""The one way in (law 4): authorise → dedupe → route → store.

What a crash does, line by line: before the inbox commit the platform was not told and delivers again; after it the event
is replayed from the inbox at boot or by the sweep, and its id makes the second insert into inbound.db a no-op.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from host.config.settings import Settings
from host.governance import access, approvals, pauses, requests, rules
from host.intake import beginning, converted, inbox, pages, permission, router, speaking
from host.intake.answers import Answers
from host.intake.fairness import Gates
from host.intake.inbox import Entry
from host.intake.onward import Onward
from host.intake.stores import Stores
from host.mailbox.open import Records
from host.ports.bot import Decision, HostBusy
from host.ports.events import ABOUT_ANOTHER, EventClass, InboundEvent, Ingested, Privacy, Verdict
from host.registry import held, notices, sessions
from host.registry.notices import Notice
from host.registry.port import Statements
from host.registry.sessions import Session
from host.registry.tidings import What
from host.words import Sentence, as_it_is, mark, say
from sessiondb import Address, SessionError

log = logging.getLogger(__name__)

NO_QUESTION = say("I do not know this question any more, so the answer changes nothing.")
ANSWERED = mark("an order to the host, which it answered itself")
HELD = "held:"  # before a message's id: the request to send it as it was written
SEND = "send"
PASTED = mark("it belongs to a sign-in, which is the host's own")
OF_MEMBERS = say(
    "This conversation has at hand what all public channels share, so it is not for guests: start one of your own by"
    " mentioning me outside of this thread."
)
MUTED = mark("the agent was told to stay out of this thread")


@dataclass(frozen=True, slots=True)
class _Admitted:
    ingested: Ingested
    entry: Entry | None
    session: Session | None
    moved: Sequence[str]  # sessions whose scope changed by it: a message tells whom its channel is for now
    begun: beginning.Begun  # the tasks it begins


class Ingress:
    def __init__(
        self,
        settings: Settings,
        records: Records,
        onward: Onward,
        now: Callable[[], int],
    ) -> None:
        self._posts = onward.posts
        self._settings = settings
        self._db = records.db
        self._registry = records.sessions
        self._mailboxes = records.mailboxes
        self._onward = onward
        self._now = now
        self._ending: set[asyncio.Task[None]] = set()
        self._gates = Gates()
        self._answers = Answers(settings, records, now)
        self.stores = Stores(records, onward, now)
        self._db.tidings.heard_by(What.SCOPES, self._became_elsewhere)

    async def ingest(self, event: InboundEvent) -> Ingested:
        """Returns when the event is durable. Raises `HostBusy` when it could not be made so."""
        event = pages.without(speaking.within_limits(event))
        try:
            if told := await self._onward.pasted(event):
                return await self._for_the_host(event, told)
            if event.event_class is EventClass.ANSWER:
                answer = await self._answers.to_its_question(event)
                # Nothing is written: a question stays open for those who may answer it.
                if answer is None:
                    return Ingested(Verdict.DECLINED, reason=NO_QUESTION)
                event = answer
                if refused := await self._answers.refusal(event):
                    return Ingested(Verdict.DECLINED, event.message_id, refused)
            else:
                await self._know_the_thread(event)
                event = await self._under_a_post(event)
            async with self._gates.through(event.address):
                admitted = await self._db.write(
                    lambda connection: self._admit_all(connection, event), self._goes_on
                )
        except SessionError as error:
            log.error("An event could not be made durable: %s", error, extra={"action": "ingest_failed"})
            raise HostBusy(str(error)) from error
        return admitted.ingested

    def _goes_on(self, admitted: _Admitted) -> None:
        """What was admitted is stored in its turn, also where its platform does not wait for the answer any more. A crash before
        it: the next look finds it in the inbox."""
        for other, run in admitted.begun.runs:
            self.stores.add(other, run)
        if admitted.begun.told:
            self._onward.saying.soon()
        if (
            admitted.moved
        ):  # beside it: the platform waits for its answer, and nothing new reaches the old folder
            ending = asyncio.create_task(self._end_outdated(admitted.moved), name="outdated")
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        entry, session = admitted.entry, admitted.session
        if entry is not None and session is not None:
            self.stores.add(session, entry)
            if entry.event.event_class in ABOUT_ANOTHER or self._onward.pauses.has(session.agent):
                self._onward.saying.soon()
        else:
            self._says(admitted.ingested)

    async def answer(self, order: InboundEvent, text: str, held_back: InboundEvent | None = None) -> Ingested:
        """An order that the host itself answers: recorded, and said where it was given, in one commit.

        `held_back` is the message it may have been meant as, which its author can still send. Raises `HostBusy`.
        """
        try:
            return await self._db.write(
                lambda connection: self._answer(connection, order, text, held_back), self._says
            )
        except SessionError as error:
            raise HostBusy(str(error)) from error

    def _says(self, told: Ingested) -> None:
        if told.verdict is Verdict.DECLINED:
            self._onward.saying.soon()

    def _answer(
        self, connection: Statements, order: InboundEvent, text: str, held_back: InboundEvent | None
    ) -> Ingested:
        known = inbox.find(connection, order.key)
        if known is not None:
            return Ingested(Verdict.DUPLICATE, known.message_id, known.reason)
        verdict = self._route(connection, order)
        if isinstance(verdict, router.Ignore):
            return Ingested(Verdict.IGNORED, reason=verdict.reason)
        let_in = permission.of(connection, self._settings.config, order, verdict.agent)
        if isinstance(let_in, access.Denied):
            return self._deny(connection, order, let_in)
        decision = None
        if held_back is not None:
            kept = inbox.kept(held_back)
            held.keep(connection, held_back.message_id, kept, self._now())
            decision = Decision(f"{HELD}{held_back.message_id}", ((SEND, say("Send it as written")),))
        told = Notice(
            f"order:{order.message_id}",
            verdict.answer,
            as_it_is(text),
            answers=order.platform_message_id,
            decision=decision,
        )
        return self._decline(connection, order, ANSWERED, told)

    async def concerns(self, order: InboundEvent) -> bool:
        """Whether it was said to an agent, and not among people: before anything is looked up for it."""
        verdict = await self._db.read(lambda connection: self._route(connection, order))
        return isinstance(verdict, router.Engage)

    async def calls(self, event: InboundEvent) -> bool:
        """Whether it calls an agent by its name. Raises `SessionError`."""
        config = self._settings.config
        if len(config.agents) < 2 or not event.opening:
            return False
        decided = await self._db.read(lambda connection: rules.of_channel(connection, event.address))
        return bool(speaking.called(event, config, decided))

    async def channel_became(self, channel: Address, privacy: Privacy) -> None:
        """Its sessions, and with them tasks, runs, costs and buttons, change their scope in one commit, with the notice of it;
        who works with the other folder ends. After a crash in between nothing is put before such a runner: `end_outdated`
        comes first. Raises `HostBusy` when it could not be made durable.
        """
        try:
            changed = await self._db.write(
                lambda connection: converted.became(connection, channel, privacy, self._now())
            )
        except SessionError as error:
            raise HostBusy(str(error)) from error
        if changed:
            told = {"action": "channel_became", "channel": channel.platform_id, "privacy": privacy}
            log.info("A channel became %s", privacy, extra=told)
            self._onward.saying.soon()
            await self._end_outdated(changed)

    async def _became_elsewhere(self, channel: Sequence[str]) -> None:
        """Another node was told for whom a channel of this one is now."""
        if self._db.holding.has(Address(*channel)):
            await self._end_outdated(await self._db.read(lambda c: sessions.those_at(c, channel)))

    async def _end_outdated(self, moved: Sequence[str]) -> None:
        """Of sessions that have another scope now: no runner goes on with the folder of the old one."""
        for id_ in moved:
            try:
                for session in await self._db.read(functools.partial(self._sessions_of, id_=id_)):
                    await self._onward.runners.end_outdated(session)
            except SessionError as error:
                told = {"action": "outdated_goes_on", "session": id_}
                log.warning("A runner of a channel that changed goes on: %s", error, extra=told)

    def _sessions_of(self, connection: Statements, *, id_: str) -> list[Session]:
        return self._registry.load(connection, "id = ?", (id_,))

    async def _for_the_host(self, event: InboundEvent, told: Sentence) -> Ingested:
        """Nothing of it is stored: told again, it is answered with the same notice, which stands already."""
        notice = Notice(f"pasted:{event.message_id}", event.address, told, answers=event.platform_message_id)
        await self._db.write(lambda connection: notices.add(connection, notice, self._now()))
        self._onward.saying.soon()
        return Ingested(Verdict.DECLINED, event.message_id, PASTED)

    async def _know_the_thread(self, event: InboundEvent) -> None:
        """A reply under a post whose receipt is not there yet waits for it: only then is its session known.

        Raises `HostBusy` when that takes too long; nothing of the reply is stored, so the platform delivers it again.
        """
        address = event.address._replace(thread_id=event.address.thread_id or event.replies_to)
        if not address.thread_id or event.event_class in ABOUT_ANOTHER:
            return
        if not await self._posts.open_at(address):
            return
        if await self._db.read(lambda connection: _engaged(connection, address)) is not None:
            return
        if not await self._posts.until_settled(address):
            raise HostBusy("it may be a reply to a post whose outcome is not known yet")

    async def _under_a_post(self, event: InboundEvent) -> InboundEvent:
        """A reply in the channel to what a task or a webhook posted there is as one in the thread of that post.

        Replies to anything else are among people: a thread that hangs there goes on without them.
        """
        if not event.replies_to or event.address.thread_id:
            return event
        thread = event.address._replace(thread_id=event.replies_to)
        found = await self._db.read(lambda connection: _engaged(connection, thread))
        continued = found is not None and found[1]
        return replace(event, address=thread, opens_thread="") if continued else event

    def _admit_all(self, connection: Statements, event: InboundEvent) -> _Admitted:
        ingested, entry, session = self._admit(connection, event)
        begun = beginning.begun(connection, self._settings.config, event, self._registry.one, self._now())
        moved: Sequence[str] = ()
        if entry is not None and event.event_class is EventClass.MESSAGE:
            moved = sessions.channel_became(connection, event.address, event.privacy)
            if session is not None and session.id in moved:
                session = self._registry.load(connection, "id = ?", (session.id,))[0]
        return _Admitted(ingested, entry, session, moved, begun)

    def _admit(
        self, connection: Statements, event: InboundEvent
    ) -> tuple[Ingested, Entry | None, Session | None]:
        """One transaction of host.db: everything that is decided about an event is decided here."""
        known = inbox.find(connection, event.key)
        if known is not None:
            return Ingested(Verdict.DUPLICATE, known.message_id, known.reason), None, None
        event = speaking.as_said(connection, event)
        verdict = self._route(connection, event)
        if isinstance(verdict, router.Ignore):
            return Ingested(Verdict.IGNORED, reason=verdict.reason), None, None
        by_name = event.mentioned or event.privacy == "dm"
        event, not_offered = speaking.by_model(connection, event, self._settings.config, verdict)
        empty = event.event_class is EventClass.MESSAGE and event.says_nothing
        if empty and (event.remark or event.author.is_bot or not by_name):
            return Ingested(Verdict.IGNORED, reason=speaking.EMPTY), None, None
        let_in = permission.of(connection, self._settings.config, event, verdict.agent)
        if isinstance(let_in, access.Denied):
            return self._deny(connection, event, let_in), None, None
        if empty:
            told = Notice(
                f"empty:{event.message_id}", verdict.answer, speaking.HELP, answers=event.platform_message_id
            )
            return self._decline(connection, event, speaking.EMPTY, told), None, None
        if not_offered:
            return self._decline(connection, event, not_offered.text, not_offered), None, None
        if event.event_class is not EventClass.CONTROL and self._keeps_more(connection, event, verdict):
            return self._deny(connection, event, access.Denied(OF_MEMBERS)), None, None
        if event.event_class is not EventClass.WEBHOOK:
            _remember_user(connection, event, access.apart(self._settings.config.access, event), self._now())
        event = speaking.zoned(connection, event, self._settings.config.host.zone)
        if event.event_class is EventClass.CONTROL and event.value == "mute":
            return self._mute(connection, event, verdict.answer), None, None
        event, votes = approvals.counted(connection, self._settings.config, event, verdict.agent, self._now())
        if not votes.decided:
            return votes.open(event), None, None
        ingested, entry, session = self._accept(connection, event, verdict, trusted=let_in.trusted)
        return votes.noted(ingested), entry, session

    def _accept(
        self, connection: Statements, event: InboundEvent, verdict: router.Engage, *, trusted: bool
    ) -> tuple[Ingested, Entry | None, Session | None]:
        scope = sessions.as_known(connection, event, self._scope(event))
        id_ = sessions.upsert(connection, verdict.agent, verdict.session, scope, self._now())
        if event.event_class in (EventClass.MESSAGE, EventClass.COMMAND) and verdict.trigger:
            if not event.author.is_bot:
                speaking.person_spoke(connection, id_)
            elif speaking.braked(connection, event, verdict.answer, id_, self._now()):
                verdict = replace(
                    verdict, trigger=False, engages=False
                )  # what they say is known when a person asks
        if verdict.engages:
            connection.execute(
                "INSERT INTO engaged VALUES (?, ?, ?, ?, ?, ?, '') ON CONFLICT DO NOTHING",
                (*verdict.answer, verdict.agent, event.at),
            )
            if event.thread_so_far and not connection.changes():  # it takes part already: that is known
                event = replace(event, thread_so_far=())
        entry = inbox.add(
            connection,
            event,
            id_,
            verdict.answer,
            trigger=verdict.trigger,
            trusted=trusted,
            now=self._now(),
        )
        if verdict.trigger:
            pauses.tell(connection, event, verdict.agent, verdict.answer, self._now())
        session = self._registry.load(connection, "id = ?", (id_,))[0]
        return Ingested(Verdict.STORED, event.message_id), entry, session

    def _scope(self, event: InboundEvent) -> str:
        """That of a new conversation."""
        if access.sees_in_part(self._settings.config.access, event):
            return sessions.scope_name("guests", event.address, "")
        return sessions.privacy_scope(event)

    def _keeps_more(self, connection: Statements, event: InboundEvent, verdict: router.Engage) -> bool:
        """Whether the conversation has at hand what its author does not see: the memory that public channels share."""
        if not access.sees_in_part(self._settings.config.access, event):
            return False
        id_ = sessions.session_id(verdict.agent, verdict.session)
        return any(found.scope != self._scope(event) for found in self._sessions_of(connection, id_=id_))

    def _deny(self, connection: Statements, event: InboundEvent, denied: access.Denied) -> Ingested:
        asks = denied.ask_owner and event.event_class not in ABOUT_ANOTHER
        if asks and requests.ask_access(connection, self._settings.config.access, event, self._now()):
            denied = access.Denied(requests.ASKED)
        # A bot reads nothing that is for itself alone.
        tells = event.event_class not in (*ABOUT_ANOTHER, EventClass.WEBHOOK) and not event.author.is_bot
        return self._decline(connection, event, denied.reason, _denial(event, denied) if tells else None)

    def _decline(
        self, connection: Statements, event: InboundEvent, reason: str, told: Notice | None
    ) -> Ingested:
        inbox.decline(connection, event, reason, self._now())
        if told is not None:
            notices.add(connection, told, self._now())
        return Ingested(Verdict.DECLINED, event.message_id, reason)

    def _mute(self, connection: Statements, event: InboundEvent, thread: Address) -> Ingested:
        """From now on the thread needs a mention again."""
        connection.execute(
            "DELETE FROM engaged WHERE channel_type = ? AND workspace_id = ? AND platform_id = ? AND thread_id = ?",
            thread,
        )
        told = Notice(
            f"muted:{event.message_id}", thread, say("I stay out of this thread until I am mentioned.")
        )
        return self._decline(connection, event, MUTED, told)

    def _route(self, connection: Statements, event: InboundEvent) -> router.Engage | router.Ignore:
        if event.event_class is EventClass.REACTION:
            return self._route_of_reaction(connection, event)
        if event.event_class in ABOUT_ANOTHER:
            found = _route_of_original(connection, event)
            ours = isinstance(found, router.Engage)
            return found if ours else self._route_of_history(connection, event) or found
        if event.session_id:
            return _route_of_session(connection, event)
        return self._route_by_rules(connection, event)

    def _route_of_reaction(
        self, connection: Statements, event: InboundEvent
    ) -> router.Engage | router.Ignore:
        """To where the message is that it is about, as far as its agent wants reactions."""
        ours = self._route_of_ours(connection, event) if event.mentioned else None
        found = ours or _route_of_original(connection, event)
        if isinstance(found, router.Ignore) or found.agent not in self._settings.config.agents:
            return found
        return router.as_wanted(found, self._settings.config.agents[found.agent].reactions, event.author)

    def _route_of_ours(self, connection: Statements, event: InboundEvent) -> router.Engage | None:
        """None where no conversation goes on: an answer to the reaction would stand in the channel's root."""
        address = event.address
        if not address.thread_id and event.privacy != "dm":  # a post that may have opened a thread
            address = address._replace(thread_id=event.platform_message_id)
        if event.privacy != "dm" and _engaged(connection, address) is None:
            return None
        found = self._route_by_rules(connection, replace(event, address=address))
        return None if isinstance(found, router.Ignore) else replace(found, engages=False)

    def _route_of_history(self, connection: Statements, event: InboundEvent) -> router.Engage | None:
        """To the thread that takes part: what stood there before its first mention came along with that."""
        address = event.address
        if not address.thread_id:  # what the thread hangs from
            address = address._replace(thread_id=event.platform_message_id)
        if _engaged(connection, address) is None:
            return None
        found = self._route_by_rules(connection, replace(event, address=address, mentioned=False))
        return None if isinstance(found, router.Ignore) else replace(found, trigger=False, engages=False)

    def _route_by_rules(self, connection: Statements, event: InboundEvent) -> router.Engage | router.Ignore:
        row, config = _engaged(connection, event.address), self._settings.config
        decided = rules.of_channel(connection, event.address)
        return router.route(
            event,
            config.routes,
            None if row is None else row[0],
            decided,
            None if row is None else _continued(connection, row[1]),
            speaking.called(event, config, decided),
        )


def _route_of_original(connection: Statements, event: InboundEvent) -> router.Engage | router.Ignore:
    """An edit, deletion or reaction goes where the message went that it is about."""
    original = replace(event, event_class=EventClass.MESSAGE, natural_id=event.platform_message_id)
    known = inbox.find(connection, original.key)
    if known is None or known.state == "declined":
        return router.Ignore("about a message no agent was given")
    found = _session_of(connection, known.session_id)
    if found is None:
        return router.Ignore("about a message whose session is gone")
    agent, address = found
    answer = inbox.answer_of(connection, original.key) or address
    return router.Engage(agent, address, answer, trigger=False, engages=False)


def _route_of_session(connection: Statements, event: InboundEvent) -> router.Engage | router.Ignore:
    """The host itself named the session: its address may be one that no rule would lead to any more."""
    found = _session_of(connection, event.session_id)
    if found is None:
        return router.Ignore("its session is gone")
    agent, address = found
    return router.Engage(agent, address, event.address, trigger=not event.remark, engages=False)


def _engaged(connection: Statements, address: Address) -> tuple[str, str] | None:
    """The agent that takes part in the thread, and the session that the thread goes on with."""
    row = connection.execute(
        "SELECT agent, session_id FROM engaged WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?"
        " AND thread_id = ? AND thread_id <> ''",
        address,
    ).fetchone()
    return None if row is None else (str(row[0]), str(row[1]))


def _continued(connection: Statements, session_id: str) -> Address | None:
    """The session that a thread goes on with, where that is not the one its address names: a task's post opened it."""
    found = _session_of(connection, session_id) if session_id else None
    return None if found is None else found[1]


def _session_of(connection: Statements, id_: str) -> tuple[str, Address] | None:
    row = connection.execute(
        "SELECT agent, channel_type, workspace_id, platform_id, thread_id FROM sessions WHERE id = ?", (id_,)
    ).fetchone()
    return None if row is None else (str(row[0]), Address(*map(str, row[1:])))


def _remember_user(connection: Statements, event: InboundEvent, apart: bool | None, now: int) -> None:
    connection.execute(
        "INSERT INTO users (channel_type, workspace_id, user_id, name, zone, locale, apart, seen_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (channel_type, workspace_id, user_id) DO UPDATE SET name = excluded.name,"
        " zone = CASE excluded.zone WHEN '' THEN users.zone ELSE excluded.zone END,"
        " locale = CASE excluded.locale WHEN '' THEN users.locale ELSE excluded.locale END,"
        " apart = excluded.apart, seen_at = excluded.seen_at",
        (
            event.address.channel_type,
            event.address.workspace_id,
            event.author.id,
            event.author.name,
            event.author.zone,
            event.author.locale,
            apart,
            now,
        ),
    )


def _denial(event: InboundEvent, denied: access.Denied) -> Notice:
    """Once per person and place: the second try is declined in silence."""
    platform, workspace, channel, _ = event.address
    return Notice(
        about=f"denied:{platform}:{workspace}:{channel}:{event.author.id}:{denied.reason}",
        address=event.address,
        text=denied.reason,
        private_to=event.author.id,
    )

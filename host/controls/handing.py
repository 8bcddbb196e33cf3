"""A thread is given to another agent: with what was said there, after the turn under way, and told in one line.

What a crash does, line by line: the order is kept before anything changes and is taken up again at the next start; what the
new agent is given comes in under the order's own key (law 4), so that it has it once; then, in one transaction, the thread
is its own, the order is gone and the line is owed.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from host.config import Config
from host.config.settings import Settings
from host.delivery.saying import Saying
from host.folders.disk import Disk
from host.governance import access, rules, words
from host.intake import inbox, router
from host.mailbox.open import Records
from host.ports.bot import HostBusy
from host.ports.controls import Forbidden
from host.ports.events import EventClass, InboundEvent, Ingested, Said, Verdict, Viewer
from host.registry import held, notices, sessions
from host.registry.notices import Notice
from host.registry.port import Statements
from host.registry.sessions import Session
from host.words import Sentence, known, say
from sessiondb import SessionError
from sessiondb.records import Address

log = logging.getLogger(__name__)

KEPT = "handoff:"  # how the ids of orders begin that wait for the end of a turn
ONLY_THREADS = say("Only a thread in which an agent takes part can be given to another one.")
SHARED = say("The threads of this channel are one conversation, so none of them can be given away alone.")
LATER = say("What was said here cannot be read right now; nothing was changed, try again in a minute.")


class Settled(Protocol):
    def __call__(self, session: Session, message_id: str, *, stored: bool) -> Awaitable[str]:
        """Waits for the message's outcome and the delivery of everything that answers it."""


@dataclass(frozen=True)
class Ways:
    """What a hand-over looks at and acts through."""

    settings: Settings
    records: Records
    disk: Disk
    ingest: Callable[[InboundEvent], Awaitable[Ingested]]  # the one way in
    settled: Settled
    stop: Callable[[Session], Awaitable[bool]]
    said: Callable[
        [Path], tuple[Said, ...]
    ]  # in the conversation of a session's folder; raises `SessionError`
    saying: Saying
    now: Callable[[], int]


class Handing:
    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._settings = ways.settings
        self._db = ways.records.db
        self._waiting: dict[str, asyncio.Task[None]] = {}  # by the order's id

    async def order(self, viewer: Viewer, text: str, *, read_by_all: bool) -> str:
        """One line. `text`: the agent's name and what it is asked; `read_by_all`: the line is, so no other is owed.

        Raises `Forbidden`. Given twice it is carried out once: the thread is the other agent's by then.
        """
        thread, called = viewer.address, self._settings.config.called
        before = await self._db.read(lambda connection: taking_part(connection, thread))
        if before is None:
            raise Forbidden(ONLY_THREADS)
        (agent, asked), session = await self._chosen(viewer, text), await self._session(before, thread)
        if agent == before[0]:
            return say("This thread is with **{agent}** already.", agent=called(agent))
        now = self._ways.now()
        event = InboundEvent(
            event_class=EventClass.COMMAND,
            address=thread,
            natural_id=f"handoff-{now}",
            author=viewer.author,
            at=now,
            text=asked or f"!handoff @{agent}",
            mentioned=True,
            privacy=viewer.privacy,
            remark=not asked,
            agent=agent,
        )
        id_ = KEPT + ":".join(thread)
        await self._db.write(lambda connection: held.renew(connection, id_, inbox.kept(event), now))
        if await self._unanswered(session, thread):
            self._wait(id_, thread, session)
            return say(
                "**{old}** is at work here: I give the thread to **{new}** when it is done.",
                old=called(before[0]),
                new=called(agent),
            )
        await self._carry_out(id_, tells=not read_by_all)
        return _line(called(before[0]), called(agent))

    async def resume(self) -> None:
        """What an earlier life of the host was ordered and did not carry out, where the thread is this node's."""
        for id_, kept in await self._db.read(lambda connection: held.beginning(connection, KEPT)):
            thread = inbox.event_of(kept).address
            if not self._db.holding.has(thread):
                continue
            before = await self._db.read(_asking_of(thread))
            if before is None:
                await self._db.write(_forgetting(id_))
                continue
            try:
                self._wait(id_, thread, await self._session(before, thread))
            except Forbidden as error:
                log.warning("A thread is not given on: %s", error, extra={"action": "handoff_refused"})
                await self._db.write(_forgetting(id_))

    async def close(self) -> None:
        for task in self._waiting.values():
            task.cancel()
        await asyncio.gather(*self._waiting.values(), return_exceptions=True)

    # ── how ──────────────────────────────────────────────────────────────────────────────────────────────

    def _wait(self, id_: str, thread: Address, session: Session) -> None:
        """An order for a thread takes the place of the one before it, which waits already."""
        if id_ not in self._waiting:
            task = asyncio.create_task(self._afterwards(id_, thread, session), name="handoff")
            self._waiting[id_] = task
            task.add_done_callback(lambda _: self._waiting.pop(id_, None))

    async def _afterwards(self, id_: str, thread: Address, session: Session) -> None:
        try:
            while waiting := await self._unanswered(session, thread):
                for message, stored in waiting:
                    await self._ways.settled(session, message, stored=stored)
            await self._carry_out(id_, tells=True)
        except (Forbidden, SessionError, HostBusy) as error:  # the next start tries again
            log.warning("A thread is not given on yet: %s", error, extra={"action": "handoff_waits"})

    async def _carry_out(self, id_: str, *, tells: bool) -> None:
        kept = await self._db.read(lambda connection: held.find(connection, id_))
        if kept is None:
            return
        order = inbox.event_of(kept)
        thread, agent = order.address, order.agent
        before = await self._db.read(_asking_of(thread))
        if before is None or before[0] == agent:
            await self._db.write(_forgetting(id_))
            return
        old = await self._session(before, thread)
        new = await self._db.write(
            lambda connection: sessions.upsert(connection, agent, thread, old.scope, self._ways.now())
        )
        given = replace(
            order, session_id=new, agent="", thread_so_far=await self._so_far(old, await self._loaded(new))
        )
        ingested = await self._ways.ingest(given)
        if ingested.verdict not in (Verdict.STORED, Verdict.DUPLICATE):
            await self._db.write(_forgetting(id_))
            raise Forbidden(known(ingested.reason) if ingested.reason else ONLY_THREADS)

        def job(connection: Statements) -> None:
            connection.execute(_GIVE, (agent, *thread))
            held.forget(connection, id_)
            if tells:
                line = _line(*map(self._settings.config.called, (before[0], agent)))
                told = Notice(f"handoff:{order.natural_id}:{new}", thread, line)
                notices.add(connection, told, self._ways.now())

        await self._db.write(job)
        if tells:
            self._ways.saying.soon()
        log.info("A thread is another agent's", extra={"action": "handed_over", "session": new})
        await self._ways.stop(old)

    async def _so_far(self, old: Session, new: Session | None) -> tuple[Said, ...]:
        """Data for the new agent: the old one's words are another's to it, and never its own. What it had of the thread
        before, should it have been its own, it knows."""
        try:
            said = await self._said_in(old)
        except SessionError as error:
            raise Forbidden(LATER) from error
        known = 0
        if new is not None and new.folder.inbound_db.exists():
            with suppress(SessionError):
                known = max((one.at for one in await self._said_in(new)), default=0)
        fresh = (one for one in said if one.at > known)
        return tuple(replace(one, author=old.agent, by="bot") if one.by == "agent" else one for one in fresh)

    async def _said_in(self, session: Session) -> tuple[Said, ...]:
        return await self._ways.disk.run(self._ways.said, Path(session.folder.root))

    async def _chosen(self, viewer: Viewer, text: str) -> tuple[str, str]:
        """The agent, and what it is asked. Raises `Forbidden`: nobody reaches by this an agent that no route brings to the
        channel, owners excepted."""
        config, place = self._settings.config, viewer.address
        decided = await self._db.read(lambda connection: rules.of_channel(connection, place))
        rule = router.rule_of(place, config.routes, decided)
        if rule is not None and rule.session != "thread":
            raise Forbidden(SHARED)
        owner = access.is_owner(config.access, place, viewer.author.id)
        here = list(config.agents) if owner else router.serving(config.agents, place, config.routes, rule)
        names = ", ".join(_told_apart(config, here)) or say("none")
        name, found, asked = _named_in(text, config)
        if not name:
            raise Forbidden(say("Name the agent: `!handoff @name`. Here there are: {names}.", names=names))
        if not found:
            raise Forbidden(
                say(
                    "There is no agent {name!r}. Here there are: {names}.", name=words.name(name), names=names
                )
            )
        allowed = [one for one in found if one in here]
        if not allowed:
            raise Forbidden(
                say(
                    "Agent {name!r} may not be used in this channel. Here there are: {names}.",
                    name=config.called(found[0]),
                    names=names,
                )
            )
        if len(allowed) > 1:
            raise Forbidden(
                say(
                    "Several agents are called {name!r}: {names}.",
                    name=words.name(name),
                    names=", ".join(allowed),
                )
            )
        return allowed[0], asked

    async def _session(self, before: tuple[str, str], thread: Address) -> Session:
        """That the thread goes on with. Raises `Forbidden`."""
        agent, continued = before
        id_ = continued or sessions.session_id(agent, thread)
        found = await self._loaded(id_)
        if found is None:
            raise Forbidden(ONLY_THREADS)
        return found

    async def _loaded(self, id_: str) -> Session | None:
        sessions_by = self._ways.records.sessions
        found = await self._db.read(lambda connection: sessions_by.load(connection, "id = ?", (id_,)))
        return found[0] if found else None

    async def _unanswered(self, session: Session, thread: Address) -> list[tuple[str, bool]]:
        """The messages whose answer is still to come: in the inbox, or stored in the session's file."""
        on_their_way = await self._db.read(lambda c: c.execute(_UNSTORED, (session.id,)).fetchall())
        try:
            there = await self._ways.records.mailboxes.use(session, lambda writer: writer.wanting())
        except SessionError as error:
            raise Forbidden(LATER) from error
        stored = [(one.id, True) for one in there if one.address == thread]
        return [*((str(id_), False) for (id_,) in on_their_way), *stored]


_UNSTORED = "SELECT message_id FROM inbox WHERE session_id = ? AND state = 'routed'"
_THREAD = "channel_type = ? AND workspace_id = ? AND platform_id = ? AND thread_id = ?"
_GIVE = f"UPDATE engaged SET agent = ?, session_id = '' WHERE {_THREAD}"


def taking_part(connection: Statements, thread: Address) -> tuple[str, str] | None:
    """The agent of the thread, and the session that it goes on with, '' for the thread's own."""
    sql = f"SELECT agent, session_id FROM engaged WHERE {_THREAD} AND thread_id <> ''"
    row = connection.execute(sql, thread).fetchone()
    return None if row is None else (str(row[0]), str(row[1]))


def _asking_of(thread: Address) -> Callable[[Statements], tuple[str, str] | None]:
    return lambda connection: taking_part(connection, thread)


def _forgetting(id_: str) -> Callable[[Statements], Any]:
    return lambda connection: held.forget(connection, id_)


def _named_in(text: str, config: Config) -> tuple[str, list[str], str]:
    """The name that it begins with, whose it is, and what stands behind it. An agent is called as people see it, or as the
    configuration has it, which no two are."""
    said = text.strip().lstrip("@＠")
    for name in sorted({*config.agents, *map(config.called, config.agents)}, key=len, reverse=True):
        begins = r"\s+".join(map(re.escape, name.split())) + r"(?![\w-])[.,:;!?]*"
        if found := re.match(begins, said, re.IGNORECASE):
            word = name.casefold()
            own = [one for one in config.agents if one.casefold() == word]
            seen = [one for one in config.agents if config.called(one).casefold() == word]
            return name, own or seen, said[found.end() :].strip()
    word, *rest = said.split(maxsplit=1) or [""]
    return word.rstrip(".,:;!?"), [], rest[0].strip() if rest else ""


def _told_apart(config: Config, agents: Sequence[str]) -> list[str]:
    """As they are called here; of two by the same name, as the configuration has them."""
    names = [config.called(one) for one in agents]
    return [name if names.count(name) == 1 else one for name, one in zip(names, agents, strict=True)]


def _line(old: str, new: str) -> Sentence:
    return say(
        "This thread is with **{new}** now, which has read what was said here; **{old}** is out of it.",
        new=new,
        old=old,
    )

"""Showing people that work is going on: the runner's progress file, put where its turn's answer will come."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from host.delivery.calls import require_lead
from host.delivery.pace import Pace, of_a_core
from host.governance import masking, rules
from host.governance.languages import Languages
from host.governance.masking import Masks
from host.live import LiveMessages, plans
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.ports.bot import Bots, DeliveryError, Shown, shows_live
from host.registry import sessions
from host.registry.sessions import Session
from host.words import mark
from sessiondb import Address, MessageIn, SessionError, Status
from sessiondb.signals import Progress

log = logging.getLogger(__name__)

WAITING = mark("waiting for a free place…")


class ProgressBoard:
    """Progress is never worth waiting for: one look per session at a time, the last state wins.

    The status that a platform shows by itself goes to the bot at once; a long turn's message is `live`'s. `hushes` says of
    which messages nothing is shown. To look for secrets in it takes as long as it is long: of those who had much of that time
    nothing is looked at until it is paid, by a pace of its own, so that no answer waits for what was shown of it.
    """

    def __init__(
        self,
        records: Records,
        bots: Bots,
        live: LiveMessages,
        hushes: Callable[[InboundWriter, MessageIn], bool],
        masks: Masks,
        languages: Languages,
    ) -> None:
        self._languages = languages
        self._masks = masks
        self._hushes = hushes
        self._db = records.db
        self._mailboxes = records.mailboxes
        self._bots = bots
        self._live = live
        self._pace = Pace(lambda: asyncio.get_running_loop().time())
        self._seen: dict[str, Progress] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def waiting(self, session: Session) -> None:
        """The session has to wait for a place; the people in it see that it is not forgotten."""
        self._begin(session, self._show_waiting(session))

    def look(self, session: Session) -> None:
        self._begin(session, self._look(session))

    def forget(self, session: Session) -> None:
        self._seen.pop(session.id, None)

    async def close(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()

    def _begin(self, session: Session, work: Coroutine[Any, Any, None]) -> None:
        bot = self._bots.get(session.address.channel_type)
        shows = bot is not None and (bot.capabilities.progress != "none" or shows_live(bot))
        if not shows or session.id in self._tasks:
            work.close()
            return
        task = asyncio.create_task(work, name=f"progress:{session.id}")
        self._tasks[session.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(session.id, None))

    async def _show_waiting(self, session: Session) -> None:
        try:
            wanting = await self._mailboxes.use(session, lambda writer: writer.wanting())
            bot = self._bots.get(session.address.channel_type)
            if wanting and bot is not None and bot.capabilities.progress != "none":
                message = wanting[-1]
                language = await self._languages.lately(message.address)
                require_lead(self._db)
                await bot.show(Shown(message.address, message.platform_message_id, WAITING, "", language))
        except (SessionError, DeliveryError) as error:
            log.debug("Waiting not shown: %s", error)

    async def _look(self, session: Session) -> None:
        if self._pace.wait(session.id):
            return
        try:
            progress = await asyncio.to_thread(Progress.read, session.folder.progress)
            if progress is None or progress == self._seen.get(session.id):
                return
            self._seen[session.id] = progress
            message = await self._mailboxes.use(session, lambda writer: self._seen_work(writer, progress))
            bot = self._bots.get(message.address.channel_type) if message else None
            if message is None or bot is None:
                return
            seen, seconds = await asyncio.to_thread(self._masked, session, progress)  # anybody wrote it
            self._pace.read(session.id, of_a_core(seconds))
            seen = await self._narrowed(session, message, seen)
            self._live.news(session, message.address, seen)
            if bot.capabilities.progress != "none":
                language = await self._languages.lately(message.address)
                shown = Shown(message.address, message.platform_message_id, seen.status, seen.text, language)
                require_lead(self._db)
                await bot.show(shown)
        except (SessionError, DeliveryError) as error:
            log.debug("Progress not shown: %s", error)

    async def _narrowed(self, session: Session, message: MessageIn, progress: Progress) -> Progress:
        """To what may be seen there: what is not known to be read by whoever asked alone is not (law 13)."""
        place = message.address
        direct = session.scope == sessions.scope_name("dm", place, message.author_id)
        decided = await self._db.read(lambda connection: rules.of_channel(connection, place))
        return plans.narrowed(progress, direct=direct, work=decided.work if decided else "")

    def _masked(self, session: Session, progress: Progress) -> tuple[Progress, float]:
        """What may be the beginning of a secret waits until it is known to be none; and the seconds of a core that it took."""
        began = time.thread_time()
        text, hidden = self._masks.so_far(session.agent, progress.text)
        status, more = self._masks.text(session.agent, plans.verbs(progress.status))
        steps = []
        for step in progress.plan:
            told, found = self._masks.text(session.agent, step.text)
            steps.append(replace(step, text=told))
            more += found
        if hidden or more:
            log.debug("Masked in what is shown of a turn: %s", masking.told(hidden + more))
        seen = replace(progress, text=text, status=plans.spoken(status), plan=tuple(steps))
        return seen, time.thread_time() - began

    def _seen_work(self, writer: InboundWriter, progress: Progress) -> MessageIn | None:
        """The message under way, unless people are to have their quiet of it."""
        message = _claimed(writer, progress)
        return None if message is not None and self._hushes(writer, message) else message


def _claimed(writer: InboundWriter, progress: Progress) -> MessageIn | None:
    """The message under way, if the file speaks for the incarnation that the host started."""
    message = writer.message(progress.message_id)
    if message is None or message.status != Status.PENDING:
        return None
    return message if writer.value("incarnation") == progress.incarnation else None


async def status_of(records: Records, masks: Masks, session: Session, working: Working) -> str:
    """What may be seen of what it does, where that is shown; '' for nothing."""
    decided = await records.db.read(lambda connection: rules.of_channel(connection, working.address))
    if decided is not None and decided.work == "none":
        return ""
    return plans.spoken(masks.text(session.agent, plans.verbs(working.status))[0])


@dataclass(frozen=True, slots=True)
class Working:
    """What a session has before it."""

    address: Address  # where its answer goes
    since: int  # ms UTC by the platform's clock: when it was asked
    status: str  # as the runner has it, '' when it said nothing yet


def working(writer: InboundWriter, progress_file: Path) -> Working | None:
    """The turn under way, or the message that the next one begins with; None when nothing waits for an answer."""
    progress = Progress.read(progress_file)
    if progress is not None and (message := _claimed(writer, progress)) is not None:
        return Working(message.address, message.created_at, progress.status)
    waiting = [message for message in writer.wanting() if message.kind != "control"]
    return Working(waiting[0].address, waiting[0].created_at, "") if waiting else None

"""Threads are named as an agent's model calls them: beside what is delivered, so that no answer waits for it.

It is an action like any: once its receipt is committed it is not carried out again, so after a crash a thread keeps the
name it has. What a platform makes us wait for is waited for, a few times; what it refuses is left as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from host.config.settings import Settings
from host.delivery import masked
from host.delivery.actions import Asked, Handler, refusing
from host.delivery.calls import Leads, require_lead
from host.governance import words
from host.governance.masking import Masks
from host.mailbox.inbound import InboundWriter
from host.ports.bot import Bots, DeliveryError, Entitles, Offline, Unsent
from host.registry.sessions import Session
from sessiondb import content
from sessiondb.records import Address

log = logging.getLogger(__name__)

NAME = "name_thread"
LONGEST = 100  # characters
TRIES = 3
PAUSE = 5.0  # s between two, where the platform names no time
LONGEST_PAUSE = 900.0  # s that a platform may ask for: Discord lets a thread be named twice in ten minutes


class Titles:
    def __init__(
        self, settings: Settings, bots: Bots, masks: Masks, now: Callable[[], int], db: Leads
    ) -> None:
        self._db = db
        self._settings = settings
        self._masks = masks
        self._now = now
        self._bots = bots
        self._naming: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def prepared(self, session: Session, asked: Asked) -> AsyncIterator[Handler]:
        agent = self._settings.config.agents.get(session.agent)
        said = asked.action.arguments.get("title")
        title, hidden = self._masks.text(session.agent, words.one_line(said) if isinstance(said, str) else "")
        title = title[:LONGEST]
        bot = self._bots.get(asked.address.channel_type)
        if agent is None or not agent.title_model or not title or not asked.address.thread_id:
            yield refusing("threads are not named here")
            return

        def handler(writer: InboundWriter) -> str:
            answers, now = asked.origin.id if asked.origin is not None else "", self._now()
            masked.owe(writer, asked.row_id, answers, session.agent, asked.address, hidden, now)
            return ""

        yield handler
        if isinstance(bot, Entitles):
            task = asyncio.create_task(self._name(bot, asked.address, title, _question(asked)), name="title")
            self._naming.add(task)
            task.add_done_callback(self._naming.discard)

    async def close(self) -> None:
        for task in self._naming:
            task.cancel()
        await asyncio.gather(*self._naming, return_exceptions=True)

    async def _name(self, bot: Entitles, place: Address, title: str, question: str) -> None:
        for _ in range(TRIES):
            try:
                require_lead(self._db)
                await bot.entitle(place, title, question)
                return
            except (Unsent, Offline) as error:
                log.info("A thread is not named yet: %s", error.reason, extra={"action": "title_waits"})
                await asyncio.sleep(min(max(getattr(error, "retry_after", 0.0), PAUSE), LONGEST_PAUSE))
            except DeliveryError as error:
                log.info("A thread is not named: %s", error.reason, extra={"action": "title_refused"})
                return
            except Exception:  # a bot's own fault ends nothing but this
                log.exception("A thread could not be named", extra={"action": "title_failed"})
                return


def _question(asked: Asked) -> str:
    """After whose words a bot may have called the thread."""
    said = content.decode_inbound(asked.origin.content) if asked.origin is not None else None
    return said.text if isinstance(said, content.Chat) else ""

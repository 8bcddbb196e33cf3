"""The live message of one address: one task moves it, so there are never two.

host.db has a copy of what is open, written before the session's file has it and dropped after: a file that is lost takes no
live message with it. What a crash does, line by line. After the copy and before the intent: the copy is of no call, and the next
one at the address takes its place. After the intent and before the call: nothing is found in the next life, twice, and the
intent is dropped. After the call and before its receipt: it is found by its key, and shown or removed from then on. After the
removal and before that receipt: it is removed again, which changes nothing. Stopped for so long that another node serves: nothing
of it is changed any more, for it is that node's, which found it by the copy.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from host.delivery import policy as delivery
from host.delivery.calls import outcome, require_lead
from host.governance.languages import Languages
from host.live import policy
from host.live.policy import Fate, Step
from host.mailbox import remaking
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.mailbox.rows import LiveRow
from host.ports.bot import (
    Bot,
    DeliveryError,
    Live,
    Offline,
    Receipt,
    Rejected,
    ShowsLive,
    Unknown,
    shows_live,
)
from host.registry import notices
from host.registry.sessions import Session
from host.words import ENGLISH
from sessiondb import Address, MessageIn, SessionError, Status
from sessiondb.signals import Progress

log = logging.getLogger(__name__)

LEDGER_PAUSE = 1.0  # s until a commit that failed (disk full) is tried again


class LiveMessage:
    """`run` ends when nothing is shown and nothing is under way here. `clean`: it is known that nothing is shown."""

    def __init__(
        self,
        session: Session,
        address: Address,
        bot: Bot | None,
        records: Records,
        now: Callable[[], int],
        is_live: Callable[[Session], bool],
        languages: Languages,
        *,
        clean: bool,
    ) -> None:
        self._session = session
        self._address = address
        self._bot = bot
        self._records = records
        self._mailboxes = records.mailboxes
        self._now = now
        self._is_live = is_live
        self._languages = languages
        self._language = ENGLISH
        self._row: LiveRow | None = None
        self._claimed: Sequence[MessageIn] = ()
        self._since = 0.0  # loop time at which the work here was first seen
        self._news = Progress("", "", "", "")
        self._offered = self._news, 0
        self._refused = ""  # id of a message for which the platform takes no live message
        self._not_before = 0.0  # loop time until which the next call waits
        self._found_nothing = 0
        self._failures = 0
        self._failing_since = 0.0
        self._closing = False
        self._left = False  # to the next life, which looks for it
        self._clean = clean
        self._changed = asyncio.Event()

    # ── what is heard ────────────────────────────────────────────────────────────────────────────────────

    def claimed(self, messages: Sequence[MessageIn]) -> None:
        """What the session's runner has claimed here, by its file; nothing, too."""
        before = {message.id for message in self._claimed}
        if not any(message.id in before for message in messages):  # another turn
            self._since = _clock()
        if list(messages) != list(self._claimed):
            self._claimed = messages
            self._changed.set()

    def news(self, progress: Progress) -> None:
        self._news = progress
        self._changed.set()

    def look(self) -> None:
        """Something may have changed in inbound.db."""
        self._changed.set()

    def close(self) -> None:
        self._closing = True
        self._not_before = 0.0
        self._changed.set()

    # ── the task ─────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        await self._young()
        if self._clean and not self._claimed:
            return
        while not await self._loaded():
            await self._pause(LEDGER_PAUSE)
        self._language = await self._languages.lately(self._address)
        while not self._left:
            self._changed.clear()
            try:
                fate, target = await self._mailboxes.use(self._session, self._look)
            except SessionError as error:
                log.debug("No look at a live message: %s", error)
                await self._pause(LEDGER_PAUSE)
                continue
            step = policy.decide(self._view(fate))
            if step is Step.DONE:
                return
            if step is Step.WAIT:
                await self._offer(fate)
                await self._pause(self._until_next())
            elif (left := self._not_before - _clock()) > 0:
                await self._pause(left)
            else:
                await self._take(step, target)

    async def _young(self) -> None:
        """Most turns are over before anything is shown: no file is touched for them."""
        while self._claimed and (left := self._until_open()) is not None and not self._closing:
            self._changed.clear()
            await self._pause(left)

    async def _loaded(self) -> bool:
        """What an earlier life left: an intent of its request may still take effect for a while."""
        try:
            rows = await self._mailboxes.use(self._session, lambda writer: writer.open_live())
        except SessionError as error:
            log.debug("No look at a live message: %s", error)
            return False
        self._row = next((row for row in rows if row.address == self._address), None)
        if self._row is not None and self._row.state == "intended" and self._bot is not None:
            self._unknown(self._bot.capabilities.flight)
        return True

    def _look(self, writer: InboundWriter) -> tuple[Fate, MessageIn | None]:
        """The fate of what the live message is shown for, and the message it should be shown for."""
        target = self._target()
        if self._row is None:
            return Fate.OVER, target
        message = writer.message(self._row.message_id)
        if message is None or message.status != Status.PENDING:
            arrived = message is None or not writer.has_open_parcels(self._address)
            return (Fate.OVER if arrived else Fate.ANSWERING), target
        if self._works and any(claimed.id == message.id for claimed in self._claimed):
            noted = self._row.attempt == message.attempts + 1
            return (Fate.CLAIMED if noted else Fate.ANOTHER_ATTEMPT), message
        now = self._now()
        soon = now <= message.not_before <= now + policy.LINGER or (
            message.not_before <= now and self._is_live(self._session)
        )
        return (Fate.SOON if soon else Fate.WAITING), target

    @property
    def _works(self) -> bool:
        return bool(self._claimed) and self._is_live(self._session)

    def _target(self) -> MessageIn | None:
        """The message that the turn under way will answer: the last that wants it."""
        if not self._works:
            return None
        wanting = [message for message in self._claimed if message.trigger]
        return wanting[-1] if wanting else self._claimed[-1]

    def _view(self, fate: Fate) -> policy.View:
        target = self._target()
        return policy.View(
            state=self._row.state if self._row is not None else "",
            fate=fate,
            working=target is not None and shows_live(self._bot),
            lasted=_clock() - self._since,
            refused=target is not None and target.id == self._refused,
            closing=self._closing,
        )

    def _until_open(self) -> float | None:
        """s until it is time to open; None when only a change can bring something to do."""
        left = self._since + policy.OPEN_AFTER - _clock()
        return left if self._row is None and left > 0 else None

    def _until_next(self) -> float | None:
        """s until it is time to open, or for a sign of what is shown already."""
        if self._row is None:
            return self._until_open()
        return policy.SIGN_EVERY - (_clock() - self._since) % policy.SIGN_EVERY

    def _signs(self) -> int:
        return int((_clock() - self._since) // policy.SIGN_EVERY)

    async def _pause(self, seconds: float | None) -> None:
        """By the loop's clock, so that a wall clock that jumps changes nothing; a change cuts it short."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    # ── steps ────────────────────────────────────────────────────────────────────────────────────────────

    async def _take(self, step: Step, target: MessageIn | None) -> None:
        if not shows_live(self._bot):
            if self._row is not None:  # its platform is not configured any more, or shows none now
                await self._put_surely(replace(self._row, state="failed"))
        elif step is Step.OPEN and target is not None:
            await self._open(self._bot, target)
        elif self._row is not None and step is Step.FIND:
            await self._find(self._bot, self._row)
        elif self._row is not None and step is Step.TAKE_OVER and target is not None:
            await self._put_surely(_taken_over(self._row, target))
        elif self._row is not None and step is Step.REMOVE:
            await self._remove(self._bot, self._row)

    async def _open(self, bot: ShowsLive, message: MessageIn) -> None:
        row = LiveRow(
            message_id=message.id,
            attempt=message.attempts + 1,
            state="intended",
            key=notices.mint_key(),
            address=self._address,
            answers=message.platform_message_id,
            asked_by=message.author_id,
            opened_at=self._now(),
        )
        try:
            await self._put(row)
        except SessionError as error:
            log.debug("No live message now: %s", error)
            self._wait(policy.OPEN_AGAIN)
            return
        self._offered = self._news, self._signs()
        try:
            require_lead(self._records.db)
            receipt = await outcome(bot.open_live(self._live(row)))
        except Unknown:
            self._unknown(0.0)
        except Rejected as error:
            log.info("No live message: %s", error.reason, extra={"action": "live_refused"})
            self._refused = message.id
            await self._put_surely(replace(row, state="removed"))
        except DeliveryError as error:
            await self._put_surely(replace(row, state="removed"))
            self._wait(max(policy.OPEN_AGAIN, getattr(error, "retry_after", 0.0)))
        else:
            await self._put_surely(_shown(row, receipt))

    async def _find(self, bot: ShowsLive, row: LiveRow) -> None:
        """Before anything else is opened here: twice, as the platform may still be at it.

        A host that stops looks once, and waits for no second look: one that finds nothing at once proves nothing.
        """
        try:
            receipt = await outcome(bot.find_live(self._live(row)))
        except Rejected as error:  # nor could it be removed, if it is there
            log.warning("A live message may stay: %s", error.reason, extra={"action": "live_stays"})
            await self._put_surely(replace(row, state="failed"))
            return
        except DeliveryError as error:
            log.debug("A live message cannot be looked up: %s", error.reason)
            self._wait(max(delivery.GRACE / 1000, getattr(error, "retry_after", 0.0)))
            self._left = self._closing
            return
        if receipt is not None:
            await self._put_surely(_shown(row, receipt))
            return
        self._found_nothing += 1
        if self._closing:
            self._left = True
        elif self._found_nothing >= delivery.LOOKUPS:
            await self._put_surely(replace(row, state="removed"))
        else:
            self._wait(delivery.GRACE / 1000)

    async def _remove(self, bot: ShowsLive, row: LiveRow) -> None:
        try:
            require_lead(self._records.db)
            await outcome(bot.remove_live(self._live(row), row.platform_message_id))
        except Offline as error:
            self._wait(max(delivery.OFFLINE_PAUSE / 1000, error.retry_after))
        except Rejected as error:
            log.warning("A live message stays: %s", error.reason, extra={"action": "live_stays"})
            await self._put_surely(replace(row, state="failed"))
        except DeliveryError as error:
            await self._again_later(row, error)
        else:
            await self._put_surely(replace(row, state="removed"))

    async def _again_later(self, row: LiveRow, error: DeliveryError) -> None:
        self._failures += 1
        self._failing_since = self._failing_since or _clock()
        if _clock() - self._failing_since > delivery.HORIZON / 1000:
            log.warning("A live message stays: given up: %s", error.reason, extra={"action": "live_stays"})
            await self._put_surely(replace(row, state="failed"))
            return
        backoff = min(delivery.FIRST_BACKOFF * 2 ** min(self._failures - 1, 20), delivery.LONGEST_BACKOFF)
        self._wait(max(backoff / 1000, getattr(error, "retry_after", 0.0)))

    async def _offer(self, fate: Fate) -> None:
        """What is new of the turn, if only that it still goes on; a platform that does not take it now gets what comes next."""
        row, bot = self._row, self._bot
        if row is None or not shows_live(bot) or fate is not Fate.CLAIMED:
            return
        newest = self._news, self._signs()
        if newest == self._offered:
            return
        self._offered = newest
        with contextlib.suppress(DeliveryError):
            require_lead(self._records.db)
            await outcome(bot.update_live(self._live(row), row.platform_message_id))

    # ── small parts ──────────────────────────────────────────────────────────────────────────────────────

    def _live(self, row: LiveRow) -> Live:
        return Live(
            row.key,
            row.address,
            row.answers,
            row.asked_by,
            self._news.status,
            self._news.text,
            row.opened_at,
            self._news.plan,
            self._session.agent,
            self._signs(),
            self._language,
        )

    def _unknown(self, flight: float) -> None:
        self._found_nothing = 0
        self._wait(flight + delivery.GRACE / 1000)

    def _wait(self, seconds: float) -> None:
        self._not_before = _clock() + seconds

    async def _put_surely(self, row: LiveRow) -> None:
        """Until it is durable: a receipt that is lost would be a second message."""
        while True:
            try:
                await self._put(row)
            except SessionError as error:
                log.warning(
                    "A live message's state is not stored yet: %s", error, extra={"action": "ledger_failed"}
                )
                await asyncio.sleep(LEDGER_PAUSE)
            else:
                self._failures, self._failing_since = 0, 0.0
                return

    async def _put(self, row: LiveRow) -> None:
        def job(writer: InboundWriter) -> None:
            with writer.writing():
                writer.put_live(row)

        if row.open:
            await self._records.db.write(lambda c: remaking.keep_live(c, self._session.id, row))
        await self._mailboxes.use(self._session, job)
        self._row = row if row.open else None
        if not row.open:
            await self._records.db.write(lambda c: remaking.drop_live(c, self._session.id, row.address))


def _shown(row: LiveRow, receipt: Receipt) -> LiveRow:
    return replace(row, state="shown", platform_message_id=receipt.platform_message_id)


def _taken_over(row: LiveRow, message: MessageIn) -> LiveRow:
    return replace(
        row,
        message_id=message.id,
        attempt=message.attempts + 1,
        answers=message.platform_message_id,
        asked_by=message.author_id,
    )


def _clock() -> float:
    return asyncio.get_running_loop().time()

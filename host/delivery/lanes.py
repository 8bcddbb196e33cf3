"""Lanes: one per address of a session, in order; lanes never wait for each other.

A lane carries chunks through intent → send → receipt. A crash after the intent's commit leaves `sending`, which is an
unknown outcome; a crash after the send and before the receipt is the same. Neither is ever sent again unlooked-up. A receipt
and the next chunk's intent are one commit: after it the one is over, and the other an intent like any.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from host.delivery import policy, replacing, room
from host.delivery.calls import outcome, require_lead
from host.mailbox.rows import Parcel
from host.ports import figures
from host.ports.bot import Bot, Bots, Delivery, DeliveryError, Receipt, Rejected, Unsent
from host.registry import notices
from host.words import ENGLISH, told
from sessiondb import SessionError
from sessiondb.records import Address

log = logging.getLogger(__name__)

LONGEST_SLEEP = 60.0  # s until the wall's clock is looked at again
LEDGER_PAUSE = 1.0  # s until a commit that failed (disk full) is tried again
TOLD_AFTER = 20.0  # s that a platform makes us wait before people are told why nothing comes


class Ledger(Protocol):
    """Where a lane's intents and receipts are kept."""

    @property
    def agent(self) -> str:
        """Whose words they have, '' for the host's own."""

    @property
    def files(self) -> str:
        """The folder of files that they send, on this node; '' for none."""

    async def put(self, parcels: Sequence[Parcel]) -> None:
        """Commits the chunks' states. Raises `sessiondb.SessionError`."""

    async def target(self, message_id: str) -> str | None:
        """The platform's id of a message of this session."""

    async def put_off(self, parcel: Parcel) -> None:
        """The platform takes it no sooner than at `next_attempt_at`: whoever waits for it is told once."""

    async def stands(self, parcel: Parcel, count: int) -> bool:
        """Whether the first `count` chunks of its row are all sent. Raises `sessiondb.SessionError`."""

    async def bill(self, parcel: Parcel) -> str:
        """What the answer took, where its channel wants that said; else ''. Raises `sessiondb.SessionError`."""

    async def asking(self, key: str, parcel: Parcel) -> None:
        """A question is about to be shown: whoever answers it must find the session. Raises `sessiondb.SessionError`."""

    def leads(self) -> bool:
        """Whether what is sent at this moment is this host's to send."""


class Lane:
    """`on_idle` is called when the lane has nothing left."""

    def __init__(
        self,
        address: Address,
        ledger: Ledger,
        bots: Bots,
        now: Callable[[], int],
        on_idle: Callable[[Lane], None],
        chance: random.Random,
    ) -> None:
        self.address = address
        self._ledger = ledger
        self._bots = bots
        self._now = now
        self._on_idle = on_idle
        self._chance = chance
        self._queue: deque[Parcel] = deque()
        self.weight = 0  # of what is queued
        self._intended: set[str] = set()  # keys whose intent this process committed and has not acted on
        self._due: dict[
            str, float
        ] = {}  # loop time by key, from when it was decided that the chunk has to wait
        self._nudged = asyncio.Event()
        self._unheard_since = 0.0  # loop time since when look-ups fail, 0 when they do not
        self._stopping = False
        self._pausing = False
        self._task: asyncio.Task[None] | None = None

    def add(self, parcels: Sequence[Parcel], *, intended: bool = False) -> None:
        """`intended`: the first chunk's intent was committed just now, together with the reading of its row."""
        self._queue.extend(parcels)
        self._note_due(parcels)
        self.weight += sum(map(room.weight, parcels))
        if intended:
            self._intended.add(parcels[0].key)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"lane:{self.address}")

    def nudge(self) -> None:
        """The bot came online: what waits for it is due now."""
        self._nudged.set()

    @property
    def idle(self) -> bool:
        return not self._queue

    @property
    def length(self) -> int:
        return len(self._queue)

    def parcel(self, key: str) -> Parcel | None:
        return next((parcel for parcel in self._queue if parcel.key == key), None)

    def answers(self, message_id: str) -> bool:
        """Whether something that answers this message is on its way."""
        return any(parcel.in_reply_to == message_id for parcel in self._queue)

    async def stop(self, grace: float) -> None:
        """Lets a send under way end, then leaves the rest for the next start. A wait or a look-up ends at once."""
        self._stopping = True
        if self._task is not None and not self._task.done():
            if not self._pausing:
                await asyncio.wait([self._task], timeout=grace)
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._queue and not self._stopping:
            parcel = self._queue[0]
            if self._left(parcel) > 0:
                self._pausing = True
                await self._until_due(parcel)
                self._pausing = False
            moved = await self._moved(self._queue[0])
            self.weight -= room.weight(self._queue[0])
            self._queue[0] = moved
            if moved.terminal:
                self._due.pop(self._queue.popleft().key, None)
            else:
                self.weight += room.weight(moved)
        if not self._queue:
            self._on_idle(self)

    async def _until_due(self, parcel: Parcel) -> None:
        """By the loop's clock, so that a wall clock that jumps meanwhile shortens and lengthens nothing.

        A nudge cuts it short for what is merely tried again; an unknown outcome needs its time. What nobody has tried yet is
        held back until its own: for hours perhaps, in which the machine may sleep, and the wall's clock counts too.
        """
        clock = asyncio.get_running_loop().time
        held = _is_held(parcel)
        end = clock() + self._left(parcel)
        self._nudged.clear()
        while (left := end - clock()) > 0 and not (held and parcel.next_attempt_at <= self._now()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, LONGEST_SLEEP)):
                    await self._nudged.wait()
                    if parcel.state == "pending" and not held:
                        return
                    await asyncio.Event().wait()

    def _left(self, parcel: Parcel) -> float:
        """s until it is due; what is held back, by whichever clock says so first."""
        left = self._due.get(parcel.key, 0.0) - asyncio.get_running_loop().time()
        return min(left, (parcel.next_attempt_at - self._now()) / 1000) if _is_held(parcel) else left

    def _note_due(self, parcels: Sequence[Parcel]) -> None:
        """As soon as a wait is decided: the wall's clock may be set before it is stored."""
        clock, now = asyncio.get_running_loop().time(), self._now()
        self._due |= {p.key: clock + max(0, p.next_attempt_at - now) / 1000 for p in parcels}

    async def _moved(self, parcel: Parcel) -> Parcel:
        """A chunk that breaks us is given up, in words, and those behind it go on."""
        try:
            return await self._move(parcel)
        except Exception:
            log.exception("A delivery broke", extra={"action": "delivery_broke", "key": parcel.key})
            return await self._commit(replace(parcel, state="failed", error="a fault of the host's own"))

    async def _move(self, parcel: Parcel) -> Parcel:
        """One step of one chunk; returns it as committed."""
        bot = self._bots.get(parcel.address.channel_type)
        if bot is None:
            return await self._commit(replace(parcel, state="failed", error="no such platform is configured"))
        if parcel.state == "unknown" and replacing.is_removal(parcel):
            return await self._commit(replace(parcel, state="pending", next_attempt_at=self._now()))
        if parcel.state == "unknown":
            return await self._look_up(bot, parcel)
        if parcel.state == "sending" and parcel.key not in self._intended:
            flight = int(bot.capabilities.flight * 1000)
            return await self._commit(policy.orphaned(parcel, self._now(), flight))
        if parcel.state == "pending":
            parcel = await self._commit(policy.intended(parcel, self._now()))
        self._intended.discard(parcel.key)
        moved = await self._send(bot, parcel)
        following = self._following() if moved.terminal else None
        if following is None:
            return await self._commit(moved)
        await self._commit(moved, following)
        self._queue[1] = following
        self._intended.add(following.key)
        return moved

    def _following(self) -> Parcel | None:
        """The next chunk as intended, if it is due; one that would not be sent before the end is left as it is."""
        following = self._queue[1] if len(self._queue) > 1 else None
        if following is None or following.state != "pending" or self._stopping:
            return None
        now = self._now()
        return policy.intended(following, now) if following.next_attempt_at <= now else None

    async def _send(self, bot: Bot, parcel: Parcel) -> Parcel:
        try:
            if replacing.is_removal(parcel):
                receipt = await self._remove(bot, parcel)
            else:
                delivery = await self._billed(parcel, await self._delivery(parcel))
                require_lead(self._ledger)  # since the intent's commit another may have looked it up
                receipt = await outcome(bot.send(delivery))
        except Rejected as error:
            if error.plain_may_work and (plain := _plain(parcel)) is not None:
                return plain
            return self._failed(parcel, error)
        except DeliveryError as error:
            moved = self._failed(parcel, error)
            if isinstance(error, Unsent) and error.retry_after >= TOLD_AFTER and not moved.terminal:
                await self._tell_of_wait(moved)
            return moved
        return policy.sent(parcel, receipt)

    async def _billed(self, parcel: Parcel, delivery: Delivery) -> Delivery:
        """It is found out at each attempt anew, and no part of what an attempt is known by: no look-up asks for it. An answer
        goes out without it rather than not at all."""
        if not delivery.closes:
            return delivery
        try:
            return replace(delivery, bill=told(await self._ledger.bill(parcel), delivery.language))
        except SessionError as error:
            log.info("What an answer took is not said: %s", error, extra={"action": "no_bill"})
            return delivery

    async def _remove(self, bot: Bot, parcel: Parcel) -> Receipt:
        """Raises `DeliveryError`: `Rejected` where the answer that takes its place does not stand."""
        try:
            stands = await self._ledger.stands(parcel, replacing.after(parcel))
        except SessionError as error:
            raise Unsent(f"whether the newer answer stands cannot be read: {error}") from error
        if not stands:
            raise Rejected(replacing.STAYS)
        require_lead(self._ledger)
        return await replacing.remove(bot, parcel)

    async def _tell_of_wait(self, parcel: Parcel) -> None:
        """Whoever waits for it knows why (law 15); that they could not be told keeps nothing back."""
        try:
            await self._ledger.put_off(parcel)
        except SessionError as error:
            log.info("Nobody was told of a wait: %s", error, extra={"action": "wait_not_told"})

    async def _look_up(self, bot: Bot, parcel: Parcel) -> Parcel:
        receipt: Receipt | None = None
        try:
            if bot.capabilities.lookup:
                delivery = await self._delivery(parcel)
                self._pausing = True  # it sends nothing: the next start looks again
                receipt = await outcome(bot.lookup(delivery))
        except DeliveryError as error:
            self._pausing = False
            clock = asyncio.get_running_loop().time()
            self._unheard_since = self._unheard_since or clock
            failing = int((clock - self._unheard_since) * 1000)
            return await self._commit(policy.not_looked_up(parcel, error, self._now(), failing))
        self._pausing, self._unheard_since = False, 0.0
        if receipt is not None:
            return await self._commit(policy.sent(parcel, receipt))
        return await self._commit(policy.not_found(parcel, self._now()))

    def _failed(self, parcel: Parcel, error: DeliveryError) -> Parcel:
        figures.FAILURES.labels(parcel.address.channel_type, policy.kind_of(error)).inc()
        moved = policy.failed(parcel, error, self._now(), self._chance.random())
        log.info(
            "Not delivered yet: %s", error.reason, extra={"action": "delivery_failed", "state": moved.state}
        )
        return moved

    async def _commit(self, parcel: Parcel, *more: Parcel) -> Parcel:
        """Until it is durable: a receipt that is lost would be a second answer."""
        self._note_due([parcel, *more])
        while True:
            try:
                await self._ledger.put([parcel, *more])
                return parcel
            except SessionError as error:
                log.warning(
                    "A delivery's state is not stored yet: %s", error, extra={"action": "ledger_failed"}
                )
                await asyncio.sleep(LEDGER_PAUSE)

    async def _delivery(self, parcel: Parcel) -> Delivery:
        """Raises `Rejected` or `Unsent`."""
        kept = json.loads(parcel.payload)
        target, question = "", kept.get("question", "")
        if question:
            try:
                await self._ledger.asking(question, parcel)
            except SessionError as error:
                raise Unsent(f"nobody would know whose question it is: {error}") from error
        if kept["target"]:
            try:
                found = await self._ledger.target(kept["target"])
            except SessionError as error:
                raise Unsent(f"its target cannot be read: {error}") from error
            if not found:
                raise Rejected("the message it is about is not on the platform")
            target = found
        return Delivery(
            key=parcel.key,
            address=parcel.address,
            payload=kept["chunk"],
            agent=self._ledger.agent,
            answers=kept["answers"],
            target=target,
            files=self._ledger.files if kept["files"] else "",
            private_to=kept.get("private_to", ""),
            question=question,
            audience=tuple(kept.get("audience", ())),
            decision=notices.decision_of(kept.get("decision", "")),
            judged=bool(kept.get("judged")),
            first=not parcel.chunk,
            closes=bool(kept.get("closes")),
            mentions=tuple(kept.get("mentions", ())),
            first_attempt_at=parcel.first_attempt_at,
            language=kept.get("language") or ENGLISH,
        )


def _is_held(parcel: Parcel) -> bool:
    """Held back until its own time: nobody has tried it yet."""
    return parcel.state == "pending" and not parcel.first_attempt_at


def _plain(parcel: Parcel) -> Parcel | None:
    """The same chunk as plain text, once."""
    kept = json.loads(parcel.payload)
    if not kept.get("plain"):
        return None
    payload = json.dumps({**kept, "chunk": kept["plain"], "plain": None})
    return replace(parcel, state="pending", payload=payload, next_attempt_at=0)

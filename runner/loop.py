"""The agent loop: claim → format → query → commit, for the life of one runner."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from runner import archive, doings, gate, tools, turn
from runner.claims import Claims
from runner.formatter import PromptMessage, prompt
from runner.hearing import Hearing
from runner.inbound import InboundReader
from runner.obeying import Orders
from runner.outbound import Emitted, OutboundWriter
from runner.providers import base
from runner.settings import Settings
from runner.showing import Showing
from runner.titling import Titling
from runner.tools.approval import Approvals
from runner.tools.box import Parked, Toolbox
from runner.tools.caps import Caps
from runner.tools.host import HostLine
from runner.tools.kit import refusal_of_scripts
from runner.tools.plan import last as last_plan
from runner.turn import Turn
from runner.watch import Watch
from sessiondb import content
from sessiondb.errors import Unavailable
from sessiondb.records import AckStatus, MessageIn

log = logging.getLogger(__name__)
T = TypeVar("T")

LOOK_AGAIN = 0.1  # s until inbound.db is looked at again that was busy
LOST = "<note>What was said before is lost; this is a fresh start.</note>"
MOST_WAIT = 86_400.0  # s that a turn asks to be left alone at most; the host bounds it too
ACTIVITY_EVERY = 5_000  # ms between two records of activity while nothing else commits


class AgentLoop:
    """One instance per process. `ring` tells the host to look; `now` is ms UTC."""

    def __init__(
        self,
        settings: Settings,
        provider: base.AgentProvider,
        inbound: InboundReader,
        outbound: OutboundWriter,
        watch: Watch,
        *,
        ring: Callable[[], None],
        now: Callable[[], int],
        kit: Callable[[], Iterable[tools.Tool]] = tools.standard,
        prepare: Callable[[], Awaitable[None]] | None = None,
        on_turn: Callable[[Toolbox | None], None] = lambda _: None,
        on_up: Callable[[], None] = lambda: None,  # once: from now on the file names this runner
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._inbound = inbound
        self._outbound = outbound
        self._claims = Claims(inbound, outbound, settings.incarnation, now)
        self._hearing = Hearing(settings, outbound, lambda running: self._claims.ends(running)[0], ring)
        self._orders = Orders(self._claims, outbound, self._forget, ring)
        self._watch = watch
        self._ring = ring
        self._now = now
        self._kit = kit
        self._prepare = prepare
        self._on_turn = on_turn
        self._on_up = on_up
        self._approvals = Approvals(settings.agent.options.approve, settings.agent.options.approve_within)
        self._no_scripts = refusal_of_scripts(settings)
        self._toolbox: Toolbox | None = None  # of the latest turn
        self._stopping = asyncio.Event()
        self._titling = Titling(provider, outbound, ring, asks=bool(settings.title_model))
        self._showing = Showing(settings.folder, settings.incarnation, ring)
        self._active_at = 0
        self._look_again = False  # inbound.db was busy at the last look

    def stop(self) -> None:
        """Finish the turn under way, then return from `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Works until idle for long enough or told to stop."""
        clock = asyncio.get_running_loop().time
        idle_since = clock()
        said = False  # that it is up: a claim says so too, and whoever waits for the first answer waits for no commit more
        while not self._stopping.is_set():
            begun = self._next(None)
            if begun is None and not said:
                self._outbound.phase("idle")
            if not said:
                self._on_up()
            said = True
            if begun is not None:
                await self._converse(begun)
                idle_since = clock()
                continue
            left = self._settings.idle_exit - (clock() - idle_since)
            if left <= 0:
                break
            await self._wait(self._until_due(left))
        await self._hearing.close()
        await self._titling.close()
        self._outbound.phase("stopping")
        self._ring()

    # ── one stream, one or more turns ────────────────────────────────────────────────────────────────────

    async def _converse(self, begun: Turn) -> None:
        """Runs the turn, and further turns of its address while the provider's stream stays open."""
        await self._made_ready(begun)
        if not await self._passes(begun):
            return
        query = self._provider.query(self._input(begun))
        events = query.events()
        try:
            await self._follow(query, events, begun)
        except Parked:
            log.info("Turn %s waits for a person", begun.id)
            self._ring()
        finally:
            self._showing.stop()
            self._on_turn(None)
            await events.aclose()

    async def _made_ready(self, begun: Turn) -> None:
        if self._prepare is not None:
            await self._prepare()
        await self._hearing.hear(begun)

    async def _passes(self, begun: Turn) -> bool:
        """Whether the agent is to be asked: a task's script decides, once per run, and its decision is recorded."""
        run = begun.task
        if run is None or not isinstance(run.content, content.Task) or not run.content.script.strip():
            return True
        output = turn.gate_output(begun.resumed)
        if output is None:
            try:
                if self._no_scripts:
                    raise gate.GateError(self._no_scripts)
                passed = await gate.run(run.content.script, self._settings.workspace)
            except gate.GateError as error:
                self._fail(begun, base.Error(str(error), retryable=True))
                return False
            if not passed.wake:
                told, why = turn.not_woken(begun), "its script did not wake the agent"
                said = [Emitted(f"{begun.id}:final:0", content.Text(told), begun.answers)] if told else []
                self._outbound.finish_turn(begun.id, said, begun.consumed, (), error=why)
                self._ring()
                return False
            output = passed.output
            self._outbound.record_with_next(begun.id, "note", turn.gate_step(output))
        begun.messages = [
            replace(m, content=replace(run.content, output=output)) if m is run else m for m in begun.messages
        ]
        return True

    async def _follow(
        self, query: base.AgentQuery, events: AsyncGenerator[base.Event, None], begun: Turn
    ) -> None:
        running: Turn | None = begun
        upcoming: asyncio.Task[base.Event | None] | None = None
        try:
            while True:
                upcoming = upcoming or asyncio.create_task(base.following(events), name="provider")
                timeout = None if running is not None else self._until_due(self._settings.stream_idle)
                woken = await self._wait(timeout, upcoming)
                if upcoming.done():
                    event, upcoming = upcoming.result(), None
                    if event is None:
                        if running is not None:
                            self._fail(
                                running, base.Error("The agent stopped without an answer.", retryable=True)
                            )
                        return
                    running = self._handle(running, event)
                    if running is not None and self._goes_on_calling(event):
                        await query.abort()
                        self._capped(running)
                        return
                elif running is not None:
                    if await self._steer(query, running):
                        return
                else:
                    going_on = woken and not self._stopping.is_set()
                    waiting = self._looked(self._claims.kinds, frozenset[str]()) if going_on else ()
                    if going_on and not waiting:
                        continue  # what woke it was the host's own, as mostly
                    ordered = "control" in waiting and self._ordered()
                    running = await self._push_next(query, begun) if going_on and not ordered else None
                    if running is None and self._over(begun, woken):
                        query.end()
                        return
        finally:
            if upcoming is not None:
                upcoming.cancel()
                with contextlib.suppress(asyncio.CancelledError, Parked):
                    await upcoming

    def _handle(self, running: Turn | None, event: base.Event) -> Turn | None:
        """Carries one event out; returns the turn that is running after it."""
        if running is None:
            return None
        if isinstance(event, base.Result | base.Error):
            self._over_with(running, event)
            return None
        match event:
            case base.Took(count):
                taken, gone = running.take(count)
                if gone:
                    self._outbound.release(gone)
                if taken:
                    self._outbound.record_with_next(running.id, "user", turn.user_step(taken, prompt(taken)))
            case base.Answered() | base.Summarised() | base.LeftOut():
                self._record(running, event)
            case base.Summarising():
                self._archive()
            case base.Text() | base.Progress() | base.Planned():
                self._showing.hear(running.answers, event)
            case base.Init(continuation):
                self._continue_with(continuation)
            case base.Activity():
                pass
        self._note_activity()
        return running

    def _record(self, running: Turn, event: base.Answered | base.Summarised | base.LeftOut) -> None:
        match event:
            case base.Answered(text):
                self._outbound.record(running.id, "assistant", text)
                if self._toolbox is not None:
                    self._toolbox.caps.answered()
            case base.Summarised(summary):
                self._outbound.record(running.id, "summary", summary)
            case base.LeftOut(left):
                self._outbound.record_with_next(running.id, "note", left)

    def _over_with(self, ended: Turn, event: base.Result | base.Error) -> None:
        """Raises `Parked` where a call waits for a person: the question stands for the turn's answer."""
        if self._toolbox is not None and self._toolbox.parked:
            raise Parked
        self._on_turn(None)
        if isinstance(event, base.Result):
            self._finish(ended, event)
        else:
            self._fail(ended, event)

    async def _steer(self, query: base.AgentQuery, running: Turn) -> bool:
        """Pushes follow-ups into the running turn; True when people ended it."""
        try:
            ends, order = self._claims.ends(running)
            if ends:
                await query.abort()
                self._stopped(running, order)
                return True
            hearing = self._hearing
            for claimed in self._claims.follow_ups(running, hearing.holds):
                follow_up = hearing.known(claimed)
                pushed = turn.Pushed(follow_up, self._reread)
                running.pushed.append(pushed)
                query.push(base.Push((follow_up,), prompt([follow_up]), again=pushed.again))
        except Unavailable:
            self._look_again = True
        return False

    def _reread(self, id_: str) -> PromptMessage | None:
        found = self._claims.reread(id_)
        return None if found is None else self._hearing.known(found)

    async def _push_next(self, query: base.AgentQuery, last: Turn) -> Turn | None:
        """The next turn of the same address goes into the stream that is still open."""
        following = self._next(last)
        if following is None:
            return None
        await self._made_ready(following)
        given = self._input(following)
        query.push(
            base.Push(given.messages, given.prompt, given.attempt, given.tools, given.history, given.resumed)
        )
        return following

    def _over(self, last: Turn, woken: bool) -> bool:
        """Whether the open stream should end: it idled out, or something became due or waits elsewhere. What it remembers
        ends with it, so an order to forget is obeyed after it."""
        return not woken or self._stopping.is_set() or self._ordered() or self._next_is_elsewhere(last)

    # ── ends of a turn ───────────────────────────────────────────────────────────────────────────────────

    def _finish(self, ended: Turn, result: base.Result) -> None:
        front = turn.told_first(ended) + turn.tried_before(doings.before(ended.earlier))
        replies = [reply for reply in result.replies if reply.text.strip()]
        if note := self._toolbox.caps.note if self._toolbox is not None else "":
            replies = base.with_note(replies, note)
        answers = [
            Emitted(
                f"{ended.id}:final:{number}",
                content.Text(reply.text if number else front + reply.text, ends_turn=True),
                reply.in_reply_to or ended.answers,
            )
            for number, reply in enumerate(replies)
        ]
        self._outbound.finish_turn(ended.id, answers, ended.consumed, ended.waiting)
        self._ring()
        self._titling.after(ended, replies)

    def _fail(self, failed: Turn, error: base.Error) -> None:
        """A failure is a readable reply, or another attempt that the host schedules; never a crash."""
        unconsumed = failed.waiting
        if error.retryable:
            until = self._now() + int(min(error.wait, MOST_WAIT) * 1000) if error.wait else 0
            self._outbound.retry(failed.consumed, unconsumed, error.text, turn=failed.id, until=until)
        else:
            line = Emitted(f"{failed.id}:error", content.Text(f"⚠️ {error.text}"), failed.answers)
            said = [] if error.told else [line]
            self._outbound.finish_turn(
                failed.id, said, failed.consumed, unconsumed, status=AckStatus.FAILED, error=error.text
            )
        self._ring()

    def _goes_on_calling(self, event: base.Event) -> bool:
        """Whether the model begins a call once more, having been told often enough that none is made."""
        return (
            isinstance(event, base.Progress) and self._toolbox is not None and self._toolbox.caps.is_deaf_to
        )

    def _capped(self, running: Turn) -> None:
        """The turn did too much and would not end by itself: it is answered by that."""
        assert self._toolbox is not None  # noqa: S101 - its caps say so
        self._on_turn(None)
        answer = Emitted(
            f"{running.id}:capped", content.Text(self._toolbox.caps.note, ends_turn=True), running.answers
        )
        self._outbound.finish_turn(running.id, [answer], running.consumed, running.waiting)
        self._ring()

    def _stopped(self, running: Turn, order: MessageIn | None) -> None:
        """Without an order its question was taken back, and nobody is told. A crash before the commit ends it as well: what
        was taken back is claimed no more."""
        self._on_turn(None)  # before people read that it stopped: nothing is done in its name after that
        answers, consumed = list[Emitted](), [*running.consumed, *running.waiting]
        if order is not None:
            text = doings.stopped(self._outbound.steps(running.id))
            self._outbound.claim([order], f"{order.id}-control")  # as whoever comes after a crash obeys it
            answers, consumed = (
                [Emitted(f"{order.id}:stopped", content.Text(text), order.id)],
                [*consumed, order.id],
            )
        self._outbound.finish_turn(running.id, answers, consumed, ())
        self._ring()

    def _forget(self) -> None:
        self._archive()
        self._outbound.clear_history(f"continuation:{self._provider.name}")

    # ── small parts ──────────────────────────────────────────────────────────────────────────────────────

    def _next(self, last: Turn | None) -> Turn | None:
        try:
            if last is None:  # an order that comes while a stream is open is obeyed when that has ended
                self._orders.obey()
            begun = self._claims.next(last.address if last else None)
        except Unavailable:
            self._look_again = True
            return None
        if begun is not None:
            begun.begun_at = self._active_at = self._now()  # the claim has recorded it
        return begun

    def _ordered(self) -> bool:
        """Whether a control message waits."""
        return self._looked(lambda: bool(self._claims.controls()), False)

    def _looked(self, look: Callable[[], T], otherwise: T) -> T:
        """`otherwise` while the host is at inbound.db: it is looked at again soon."""
        try:
            return look()
        except Unavailable:
            self._look_again = True
            return otherwise

    def _continue_with(self, continuation: str) -> None:
        key = f"continuation:{self._provider.name}"
        if continuation and self._outbound.state(key) != continuation:
            self._outbound.set_state(key, continuation)

    def _next_is_elsewhere(self, last: Turn) -> bool:
        return self._looked(lambda: self._claims.waits_elsewhere(last.address), False)

    def _input(self, begun: Turn) -> base.QueryInput:
        if not self._outbound.remembers() and self._inbound.was_answered():
            self._outbound.record(f"{begun.id}-lost", "note", LOST)
        text = prompt(begun.messages)
        shown = set(turn.ids_of_steps(begun.resumed))
        fresh = [message for message in begun.messages if message.id not in shown]
        if fresh:
            self._outbound.record_with_next(begun.id, "user", turn.user_step(fresh, prompt(fresh)))
        self._toolbox = toolbox = Toolbox(
            self._outbound,
            begun.id,
            self._kit,
            answers=begun.answers,
            consumed=lambda: begun.consumed,
            pushed=lambda: begun.waiting,
            workspace=self._settings.workspace,
            shared=self._settings.shared,
            readable=self._settings.readable,
            destinations=self._inbound.destinations(),
            recorded=begun.resumed,
            earlier=begun.earlier,
            now=self._now,
            approvals=self._approvals,
            host=HostLine(self._inbound, self._outbound, self._ring),
            caps=Caps.of(self._settings.agent.options, begun.resumed),
            plan=self._showing.plan,
        )
        self._showing.begin(begun.answers, last_plan(begun.resumed))
        self._on_turn(toolbox)
        return base.QueryInput(
            messages=tuple(begun.messages),
            prompt=text,
            turn=begun.id,
            attempt=begun.attempt,
            tools=toolbox,
            history=turn.LazySteps(
                lambda: [step for step in self._outbound.history() if step.turn != begun.id]
            ),
            resumed=begun.resumed,
            continuation=self._outbound.state(f"continuation:{self._provider.name}"),
        )

    def _note_activity(self) -> None:
        if abs(self._now() - self._active_at) >= ACTIVITY_EVERY:  # also after a clock was set back
            self._active_at = self._now()
            self._outbound.phase("working")

    def _archive(self) -> None:
        try:
            archive.write(self._settings.shared, self._outbound.history(), self._now())
        except OSError as error:
            log.warning("The conversation could not be archived: %s", error)

    def _until_due(self, at_most: float) -> float:
        due = self._looked(lambda: self._inbound.next_due_at(self._now()), None)
        return at_most if due is None else max(0.0, min(at_most, (due - self._now()) / 1000))

    async def _wait(
        self, timeout: float | None, upcoming: asyncio.Task[base.Event | None] | None = None
    ) -> bool:
        """Waits for a change of inbound.db, the provider's next event, the words of a voice message, a stop or `timeout` seconds.

        True when inbound.db may have changed, or could not be read when it was looked at: the change that told of it is over,
        and no other need come.
        """
        again, self._look_again = self._look_again, False
        if again:
            timeout = LOOK_AGAIN if timeout is None else min(timeout, LOOK_AGAIN)
        watch = asyncio.create_task(self._watch.changed(), name="watch")
        waited: set[asyncio.Task[Any]] = {watch}
        waited |= {task for task in (upcoming, self._hearing.aside) if task is not None}
        stop = asyncio.create_task(self._stopping.wait(), name="stop")
        if not self._stopping.is_set():
            waited.add(stop)
        try:
            await asyncio.wait(waited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            return again or watch.done()
        finally:
            watch.cancel()
            stop.cancel()

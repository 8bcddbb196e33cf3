"""The life of runners: at most one per session, started when there is work, cleaned up after (laws 10 and 11)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import os
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from host.config.settings import Settings
from host.delivery.service import Deliveries
from host.gateway.bells import Ears
from host.gateway.server import Door
from host.governance.pauses import Pauses
from host.mailbox import fence
from host.mailbox.open import Records
from host.ports import figures
from host.ports.outlet import Outlet
from host.registry.sessions import Session
from host.runners import looks, quota, sweep
from host.runners.care import Care
from host.runners.guard import Guard
from host.runners.idle import Idle
from host.runners.launch.base import Launcher, LaunchError, Runner
from host.runners.leash import Leash
from host.runners.life import Life
from host.runners.lives import Lives
from host.runners.places import Places
from host.runners.refusals import Refusals
from host.runners.specs import Specs
from host.runners.starts import Starts, ended, failure
from sessiondb import Address, SessionError, Unavailable
from sessiondb.contract import LEASE_OVER, NOT_SET_UP, WAITED_IN_VAIN

ENGINE_GRACE = 20.0  # s for the engine when the host stops; what is left then the next life of the host finds

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What a supervisor works with, whom it hears and whom it tells."""

    launcher: Launcher
    deliveries: Deliveries
    ears: Ears
    door: Door
    due: Outlet[Session]  # heard: a task of the session has something for its runner
    pauses: Pauses
    waits: Callable[[Session], None]  # told: the session has to wait for a place
    ended: Callable[[Session], None]  # told: its runner is gone, and what it wrote is read


class Supervisor:
    def __init__(
        self,
        settings: Settings,
        installation: str,
        records: Records,
        means: Means,
        lives: Lives,
        now: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._installation = installation
        self._db = records.db
        self._registry = records.sessions
        self._mailboxes = records.mailboxes
        self._launcher = means.launcher
        self._deliveries = means.deliveries
        self._ears = means.ears
        self._door = means.door
        self._pauses = means.pauses
        self._waits = means.waits
        self._ended = means.ended
        self._now = now
        config = settings.config
        self._places = Places(config.runner.concurrent)
        self.lives = lives
        self._strangers = False  # runners of an earlier host may live, of which nothing is known
        self._alarms: dict[str, asyncio.TimerHandle] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._specs = Specs(installation, records)
        self._care = Care(settings, records, means.launcher, means.deliveries, self._specs)
        self._guard = Guard(means.launcher, records.sessions, config.runner)
        self._starts = Starts(records.db, now, means.deliveries.notify)
        self._refusals = Refusals(settings, now, means.deliveries.notify)
        self._at_once = Places(config.runner.concurrent_starts)
        self._closing = False
        self._leash = Leash(records.db)
        self._idle = Idle(lives, records.mailboxes, self.stop, now)
        means.due.heard_by(self._wake_for_a_task)

    # ── waking ───────────────────────────────────────────────────────────────────────────────────────────

    def wake(self, session: Session, *, background: bool = False) -> None:
        """There is work: tells the live runner, or sees to it that one lives. `background`: no person waits for it."""
        if (life := self.lives.get(session.id)) is not None:
            life.woken = True
            if not background:
                life.background = False
                self._places.promote(session.id)
                self._at_once.promote(session.id)
            life.busy_at = self._now()
            self._ears.ring(session)
        elif self._may_live(session) and not session.unreadable:
            task = asyncio.create_task(self._live(session), name=f"runner:{session.id}")
            self.lives[session.id] = Life(session, task)

    def _may_live(self, session: Session) -> bool:
        can = not self._db.holding.placing.lacks(session.agent)
        return can and not self._closing and not self._pauses.has(session.agent)

    def _wake_for_a_task(self, session: Session) -> None:
        self.wake(session, background=True)

    def waiting(self) -> list[Session]:
        """The sessions that wait for a free place."""
        return [life.session for life in self.lives.values() if self._places.is_waiting(life.session.id)]

    async def adopt(self) -> None:
        """At boot: what lives from before is adopted or ended, before anything new is started."""
        try:
            left = await self._launcher.reconcile(self._installation, self._db.node)
        except LaunchError as error:
            log.error(
                "Runners could not be reconciled: %s", error.reason, extra={"action": "reconcile_failed"}
            )
            self._strangers = True
            return
        for runner in left:
            try:
                why = await self._adopt(runner)
            except Exception as error:  # noqa: BLE001 - whatever is odd about one, the host begins and the others live on
                why, _, _ = failure(error)
            if not why:
                continue
            log.warning(
                "Runner not adopted: %s", why, extra={"action": "not_adopted", "session": runner.session_id}
            )
            try:
                await self._launcher.stop(runner, 0.0)
            except LaunchError as error:
                # The next start of its session takes it out of its way.
                self._strangers = True
                log.error("Runner not stopped: %s", error.reason, extra={"action": "stop_failed"})

    async def _adopt(self, runner: Runner) -> str:
        """'' when it lives on, or why it has to end. A stop costs its turn nothing: that goes on after its last step.

        Raises `LaunchError`, `GatewayError`, `SessionError`.
        """
        found = await self._db.read(
            functools.partial(self._registry.load, where="id = ?", bindings=(runner.session_id,))
        )
        if not found:
            return "its session is gone"
        session, config = found[0], self._settings.config
        if self._pauses.has(session.agent):
            return "its agent is paused"
        if why := await self._specs.objection(config, session, runner):
            return why
        await self._door.open(session, await self._specs.there(config, session))
        await self._leash.tie(session)
        self._ears.listen(session)
        self._places.occupy(session.id)
        task = asyncio.create_task(self._live(session, runner), name=f"runner:{session.id}")
        self.lives[session.id] = life = Life(session, task, config=config, scope=session.scope)
        life.begins(runner, self._now())
        return ""

    # ── one life after another ───────────────────────────────────────────────────────────────────────────

    async def _live(self, session: Session, runner: Runner | None = None) -> None:
        lived = False
        try:
            while self._may_live(session) or runner is not None:
                if runner is None and not await self._is_time(session):
                    if self.lives[session.id].woken:
                        continue
                    return
                if runner is None:
                    await self._take_place(session)
                    runner = await self._start(session)
                    if runner is not None and (not self._may_live(session) or self._is_outdated(session)):
                        await self._stop_late(session)
                if runner is not None:
                    lived = True
                    await self._accompany(session, runner)
                    runner = None
                # Whoever waits longer is next, even if there is more to do here.
                self._places.free(session.id)
        except SessionError as error:
            log.warning("Session %s has to wait: %s", session.id, error, extra={"action": "session_waits"})
        except Exception as error:  # noqa: BLE001 - counted, with a pause that grows, and told, as a start that failed is
            await self._broke(session, error)
        finally:
            self._places.free(session.id)
            self.lives.pop(session.id, None)
            if lived:  # who only waits left nothing to look at, and looking would wake it again, without end
                self._ended(session)

    async def _broke(self, session: Session, error: Exception) -> None:
        with contextlib.suppress(SessionError):  # host.db's: then nothing can be counted
            await self._starts.note(session, *failure(error))

    async def _is_time(self, session: Session) -> bool:
        """Whether a runner is to be started now; sets an alarm when it is later."""
        self.lives[session.id].woken = False
        if not await self._deliveries.sound(session):
            return False
        due, background = await self._mailboxes.use(session, looks.next_work)
        self.lives[session.id].background = background and not self.lives[session.id].woken
        if due is None or await self._is_refused(session):
            return False
        at = max(due, await self._starts.earliest(session))
        if at > self._now():
            self._wake_at(session, at)
            return False
        return True

    async def _is_refused(self, session: Session) -> bool:
        """Whether its last runner ended because of the very settings that the next one would get."""
        if not self._refusals.stands(session):
            return False
        try:
            spec = await self._specs.spec(self._settings.config, session, "")
        except LaunchError:
            return False  # the start finds that too, and tells it
        return not self._refusals.lapses(session, spec.outline)

    async def _take_place(self, session: Session) -> None:
        background = self.lives[session.id].background
        if not self._places.is_free(session.id, background=background):
            self._waits(session)
            self._room_soon()
        await self._places.take(session.id, background=background)

    def _room_soon(self) -> None:
        self._soon(self.make_room(), "room")

    def _soon(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    @property
    def is_short_of_places(self) -> bool:
        return self._places.waiting > 0

    async def make_room(self) -> None:
        """Ends runners that have nothing to do, the longest alive first, while sessions wait for a place."""
        await self._idle.make_room(self._places.waiting)

    async def _start(self, session: Session) -> Runner | None:
        await self._at_once.take(session.id, background=self.lives[session.id].background)
        try:
            if not self._may_live(session):
                return None
            incarnation = secrets.token_hex(8)
            try:
                life = self.lives[session.id]
                life.scope, life.config = session.scope, (config := self._settings.config)
                spec = await self._specs.spec(config, session, incarnation)
                told = self._specs.destinations(config, session)
                await self._mailboxes.use(session, looks.assignment(session, told, incarnation))
                leased = await self._leash.tie(session)
                self._ears.listen(session)
                await self._door.open(session, await self._specs.there(config, session))
                given = await self._door.equip(session)
                environment = {**given.environment, **leased, **spec.environment}
                spec = dataclasses.replace(spec, environment=environment, files=given.files)
                runner = await self._launcher.start(spec)
            except Exception as error:
                self._leash.untie(session)
                self._ears.forget(session)
                await self._door.close(session)
                if isinstance(error, Unavailable):  # busy: nobody's fault, and the next look is near
                    raise
                await self._starts.note(session, *failure(error))
                return None
        finally:
            self._at_once.free(session.id)
        figures.STARTS.labels("started").inc()
        log.info("Runner started", extra={"action": "runner_started", "session": session.id})
        life.begins(runner, self._now())
        self._ears.ring(session)  # who listened all through a slow start listens rarely by now
        return runner

    async def _accompany(self, session: Session, runner: Runner) -> None:
        """From start to confirmed end, and what is due after it: recover, drain, put back what it left."""
        life = self.lives[session.id]
        guard = asyncio.create_task(self._guard.keep(life, runner), name=f"guard:{session.id}")
        try:
            code = await runner.wait()
        finally:
            guard.cancel()
        self._leash.untie(session)
        self._ears.forget(session)
        await self._door.close(session)
        await self._deliveries.forget_reader(session)
        log.info("Runner ended with code %s", code, extra={"action": "runner_ended", "session": session.id})
        await self._care.after(session, code)
        claimed_any, told = await self._mailboxes.use(
            session,
            lambda writer: looks.put_back(
                writer, life, runner.incarnation, self._now(), free=code in (WAITED_IN_VAIN, LEASE_OVER)
            ),
        )
        if life.over_quota and not told:
            await self._deliveries.notify(quota.notice(session, life.over_quota, self._now()))
        await self._deliveries.pay(session)
        self._deliveries.outcome_changed(session)
        failed = (
            code not in (0, LEASE_OVER)
            and not life.ordered_to_stop
            and (not claimed_any or code == WAITED_IN_VAIN)
        )
        life.runner, life.ordered_to_stop, life.over_quota = None, False, ""
        if failed and code == NOT_SET_UP:
            await self._starts.refuse(session, await self._refusals.note(session, runner.outline))
        elif failed:
            await self._starts.note(session, f"the runner ended with code {code}", ended(code))
        else:
            await self._starts.note(session, "")

    async def recover(self, session: Session) -> None:
        """A file that cannot be read while nobody lives who could be at it."""
        if session.id not in self.lives and not self._closing:
            await self._care.recover(session, "left by an earlier life")

    async def maintain(self, session: Session, *, older_than: int) -> bool:
        """Has outbound.db pruned by its owner; false while a runner lives.

        It takes the place of a life, so that nothing starts beside it; who is woken meanwhile lives after it.
        """
        if session.id in self.lives or self._closing:
            return False
        if not os.path.lexists(session.folder.outbound_db):
            return True
        task = asyncio.create_task(self._care.prune(session, older_than), name=f"maintain:{session.id}")
        life = self.lives[session.id] = Life(session, task)
        try:
            await task
        finally:
            del self.lives[session.id]
            if life.woken:
                self.wake(session)
        return True

    def _wake_at(self, session: Session, at: int) -> None:
        pause = max(0.0, (at - self._now()) / 1000)
        if session.id in self._alarms:
            self._alarms[session.id].cancel()
        self._alarms[session.id] = asyncio.get_running_loop().call_later(pause, self.wake, session)

    # ── looking after live ones ──────────────────────────────────────────────────────────────────────────

    async def check(self, session: Session) -> None:
        """One look of the sweep at a session's runner; ends it when it is hung or stuck."""
        life = self.lives.get(session.id)
        if life is None or life.runner is None or life.ordered_to_stop:
            return
        runner = life.runner
        if life.mind_the_clock(self._now()):
            return  # what was noted before would be measured by another clock; the next look is near
        blocked_since, current = await self._mailboxes.use(
            session, lambda writer: (writer.blocked_since, writer.value("incarnation"))
        )
        if current != runner.incarnation:  # a file of its session is gone: what it commits counts for nothing
            log.warning(
                "Runner is stopped: a file of its session is gone",
                extra={"action": "runner_stopped", "session": session.id},
            )
            await self.stop(session)
            return
        if session.unreadable or sweep.blocks(blocked_since, self._now()):
            reason = session.unreadable or "it keeps the host from writing inbound.db"
            log.warning(
                "Runner is stopped: %s", reason, extra={"action": "runner_stopped", "session": session.id}
            )
            await self._launcher.stop(runner, 0.0)
            return
        idle = int(self._settings.config.runner.idle_exit * 1000)
        view = await self._mailboxes.use(
            session, lambda writer: looks.view(writer, life, runner, self._now(), idle)
        )
        if life.mind_the_clock(self._now()):
            return  # it was set while the files were looked at
        verdict = sweep.decide(view)
        if verdict is not sweep.Verdict.KEEP:
            log.warning(
                "Runner is stopped: %s", verdict, extra={"action": "runner_stopped", "session": session.id}
            )
            await self._launcher.stop(runner, 0.0)

    async def stop(self, session: Session) -> bool:
        """Ends the session's runner by the host's order; costs its messages no attempt."""
        life = self.lives.get(session.id)
        if life is None or life.runner is None:
            return False
        life.ordered_to_stop = True
        await self._launcher.stop(life.runner, self._settings.config.runner.stop_grace)
        return True

    def _is_outdated(self, session: Session) -> bool:
        life = self.lives.get(session.id)
        return life is not None and life.scope not in ("", session.scope)

    async def end_outdated(self, session: Session) -> None:
        """A channel became private or public: its runner has the other folder, and must not read what is said now.

        Raises `SessionError`, `Unavailable` when it cannot be ended: then nothing is put before it.
        """
        life = self.lives.get(session.id)
        if self._strangers and (life is None or life.runner is None):
            await self._mailboxes.use(session, lambda writer: fence.keep_out(writer, session.scope))
        if self._is_outdated(session):
            try:
                await self.stop(session)
            except LaunchError as error:
                raise Unavailable(session.folder.root, f"its runner does not end: {error.reason}") from error
        await self.retire(session)

    def outdate(self, channel: Address) -> None:
        """The settings of a channel have changed: no turn begins by what held before. Its runners end as soon as they have
        nothing to do, and nobody waits for that."""
        for session in self.lives.outdate(channel):
            self._soon(self._retired(session), f"retire:{session.id}")

    async def _retired(self, session: Session) -> None:
        try:
            await self.retire(session)
        except SessionError as error:  # looked at again when it is written to
            log.debug("Session %s: %s", session.id, error)

    async def retire(self, session: Session) -> None:
        """Ends a runner whose settings are not in force any more, once it has nothing to do: a turn ends as it began.

        Raises `SessionError`.
        """
        life, config = self.lives.get(session.id), self._settings.config
        if life is None or life.runner is None or life.config is config or life.ordered_to_stop:
            return
        if life.config is not None and not self._specs.differs(life.config, config, session):
            life.config = config
            return
        if not await self._idle.has_work(session):
            told = {"action": "runner_retired", "session": session.id}
            log.info("Runner is ended: its settings have changed", extra=told)
            await self._stop_late(session)

    async def come_to_rest(self, within: float) -> None:
        """Begins nothing more, and returns when all that is under way has ended, or after `within` s."""
        self._closing = True
        await self._idle.come_to_rest(within)

    async def _stop_late(self, session: Session) -> None:
        """The order, or the reason, came while it was being started and found nothing to stop."""
        try:
            await self.stop(session)
        except LaunchError as error:
            log.error("Runner not stopped: %s", error.reason, extra={"action": "stop_failed"})

    async def close(self) -> None:
        """Stops every runner and waits until what they wrote is drained."""
        self._closing = True
        for alarm in self._alarms.values():
            alarm.cancel()
        lives = list(self.lives.values())
        for life in lives:
            if self._places.is_waiting(life.session.id):
                life.task.cancel()
        stopped = await asyncio.gather(*map(self._stopped_in_time, lives), return_exceptions=True)
        for life, outcome in zip(lives, stopped, strict=True):
            if isinstance(outcome, Exception):
                # Its end cannot be confirmed now; the next life of the host finds it.
                log.error("Runner not stopped: %r", outcome, extra={"action": "stop_failed"})
                life.task.cancel()
        tasks = [life.task for life in lives]
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=ENGINE_GRACE)
            for task in left:  # a start, or the care after an end, at an engine that does not come back
                log.error("Left as it is: %s", task.get_name(), extra={"action": "stop_failed"})
                task.cancel()
            await asyncio.wait(tasks)
        self._guard.close()

    async def _stopped_in_time(self, life: Life) -> None:
        async with asyncio.timeout(self._settings.config.runner.stop_grace + ENGINE_GRACE):
            await self.stop(life.session)

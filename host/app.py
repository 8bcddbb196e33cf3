"""The host: serve → start-up → main loop → shutdown. Everything trusted and the same for every platform meets here."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from host.config import Config
from host.controls import service as controls
from host.controls.desk import TaskDesk
from host.delivery.actions import Actions
from host.delivery.collect import Collector
from host.delivery.posts import Posts
from host.delivery.service import Deliveries
from host.folders import pulse
from host.folders.disk import Disk
from host.gateway.bells import Ears
from host.gateway.budget import Budgets
from host.gateway.credentials import Credentials, EnvironmentCredentials
from host.gateway.egress import Internet, Reach
from host.gateway.server import Gateway
from host.intake import inbox, watermarks
from host.intake.incoming import IncomingFiles
from host.intake.ingress import Ingress
from host.live import LiveMessages
from host.live.progress import ProgressBoard
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Mailboxes
from host.mailbox.questions import Approvers
from host.ports.bot import Bot, BotConfigError, Bots, BotStuck
from host.ports.controls import Controls
from host.ports.events import InboundEvent, Ingested
from host.registry import orders
from host.registry.db import HostDB
from host.registry.port import Statements
from host.registry.sessions import Session, Sessions
from host.runners.launch.base import Launcher
from host.runners.supervisor import Supervisor
from host.schedule.actions import TaskActions
from host.schedule.desk import Desk
from host.schedule.homes import Homes
from host.schedule.orders import KINDS
from host.schedule.service import Scheduler
from host.upkeep.pruning import Pruner
from host.webhooks import WebhookServer
from sessiondb import Address, SessionError, Unavailable

log = logging.getLogger(__name__)

BOT_RESTART = 1.0  # s until a bot that ended is started again; doubles up to a minute
LONGEST_BOT_RESTART = 60.0


@dataclass(frozen=True)
class Parts:
    """What the host is made of; tests put other parts in."""

    disk: Disk
    launcher: Launcher
    now: Callable[[], int]
    credentials: Credentials = field(default_factory=lambda: EnvironmentCredentials(os.environ))
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    reach: Reach = field(default_factory=Internet)


class Host:
    """`serve` runs until `stop` is called; the data folder's lock is the caller's."""

    def __init__(self, config: Config, bots: Bots, parts: Parts) -> None:
        """Raises `WebhookError` for hooks that cannot be served."""
        self._config = config
        self._bots = bots
        self._parts = parts
        self._data = Path(config.data).resolve()
        self._stopping = asyncio.Event()
        self._draining: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self.webhooks: WebhookServer | None = None
        if config.webhooks is not None:
            self.webhooks = WebhookServer(
                config.webhooks, parts.environment, frozenset(bots.by_platform), self.ingest, parts.now
            )
        self._stuck: BotStuck | None = None
        self._saying: set[asyncio.Task[None]] = set()
        self.started = asyncio.Event()

    # ── what bots call ───────────────────────────────────────────────────────────────────────────────────

    @property
    def controls(self) -> Controls:
        return self._controls

    async def ingest(self, event: InboundEvent) -> Ingested:
        await self.started.wait()
        return await self._ingress.ingest(event)

    async def settled(self, message_id: str) -> str:
        """Waits for the outcome of an ingested message; returns its status, or "forgotten" beyond the retention."""
        row = await self._db.read(lambda c: c.execute(_SESSION_OF, (message_id,)).fetchone())
        if row is None:
            raise LookupError(message_id)
        session = self._registry.get(str(row[0]))
        if session is None:
            raise LookupError(message_id)
        if row[1] == "stored":
            known = await self._mailboxes.use(session, lambda writer: writer.message(message_id) is not None)
            if not known:
                return "forgotten"
        return await self._deliveries.settled(session, message_id)

    async def watermark(self, address: Address) -> str:
        await self.started.wait()
        return await self._db.read(lambda connection: watermarks.get(connection, address))

    async def advance(self, address: Address, natural_id: str) -> None:
        await self._db.write(lambda connection: watermarks.advance(connection, address, natural_id))

    async def watched(self, channel_type: str) -> Sequence[Address]:
        await self.started.wait()
        return await self._db.read(lambda connection: watermarks.of_platform(connection, channel_type))

    async def engaged(self, channel_type: str) -> Sequence[tuple[Address, int]]:
        await self.started.wait()
        return await self._db.read(lambda connection: watermarks.engaged(connection, channel_type))

    def stop(self) -> None:
        self._stopping.set()

    def _stop_without_bots(self, bots: Sequence[asyncio.Task[None]]) -> None:
        if all(bot.done() for bot in bots):
            self.stop()

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────

    async def serve(self) -> None:
        """Raises `sessiondb.SessionError` when host.db cannot be opened, `WebhookError` when hooks cannot be served, and
        `BotStuck` after an orderly stop."""
        await self._start_up()
        side_tasks: list[asyncio.Task[None]] = []
        try:
            async with asyncio.TaskGroup() as group:
                side_tasks.append(group.create_task(self._ears.poll(), name="poll"))
                side_tasks.append(group.create_task(self._sweep(), name="sweep"))
                timer = group.create_task(self._scheduler.run(), name="schedule")
                side_tasks.append(group.create_task(self._pruner.run(), name="pruner"))
                bots = [
                    group.create_task(self._run_bot(bot), name=f"bot:{bot.channel_type}")
                    for bot in self._bots.by_platform.values()
                ]
                side_tasks += bots
                for task in bots:
                    task.add_done_callback(lambda _: self._stop_without_bots(bots))
                self.started.set()
                await self._stopping.wait()
                timer.cancel()
                await self._shut_down(side_tasks)
        finally:
            await self._close()
        if self._stuck is not None:
            raise self._stuck

    async def _start_up(self) -> None:
        config, parts = self._config, self._parts
        if self.webhooks is not None:  # first, so that a port that is taken stops nothing half-way
            await self.webhooks.start()
        self._db = await HostDB.open(self._data / "host.db", parts.disk)
        installation = await self._db.write(_installation)
        self._registry = Sessions(self._data)
        self._mailboxes = Mailboxes(parts.disk, parts.now)
        self._actions = Actions(parts.now)
        collector = Collector(self._bots, self._actions, Approvers(config), parts.now)
        posts = Posts(self._db)
        self._deliveries = Deliveries(self._db, self._mailboxes, self._bots, collector, parts.now, posts)
        self._deliveries.on_room = self._drain_soon
        self._ears = Ears(
            parts.disk, self._drain_soon, bells=config.host.bells, slowest=config.host.poll_slowest
        )
        self._live = LiveMessages(
            self._mailboxes, self._bots, parts.now, lambda session: self._supervisor.is_live(session)
        )
        self._deliveries.on_claims = self._live.claimed
        self._deliveries.on_outcome = self._live.look
        self._board = ProgressBoard(self._mailboxes, self._bots, self._live)
        self.budgets = Budgets(config, self._db, parts.now)
        self.budgets.on_asked = self._say_soon
        if unsettled := await self.budgets.charge_unsettled():
            log.warning("%d model calls were never settled; charged", unsettled, extra={"action": "charged"})
        self._gateway = Gateway(config, self._mailboxes, self.budgets, parts.credentials, parts.reach)
        self._supervisor = Supervisor(
            config,
            installation,
            self._db,
            self._registry,
            self._mailboxes,
            parts.launcher,
            self._deliveries,
            self._ears,
            self._gateway,
            parts.now,
            self._life_ended,
            self._board.waiting,
        )
        self._ingress = Ingress(
            config,
            self._db,
            self._registry,
            self._mailboxes,
            self._supervisor.end_outdated,
            self._came_in,
            self._say_soon,
            parts.now,
            IncomingFiles(self._bots),
            posts,
        )
        self._scheduler = Scheduler(
            self._db,
            self._registry,
            self._mailboxes,
            lambda session: self._supervisor.wake(session, background=True),
            parts.now,
        )
        self._deliveries.on_run_ended = self._scheduler.look_soon
        homes = Homes(config, self._db, self._registry, self._mailboxes)
        actions = TaskActions(self._scheduler, homes, self._db, self._mailboxes, config.host.zone, parts.now)
        self._actions.register(KINDS, actions.prepared)
        self._desk = Desk(
            self._scheduler, homes, self._db, self._registry, self._mailboxes, config, parts.now
        )
        self._controls = self._make_controls(self._desk)
        self._pruner = Pruner(
            self._db, self._registry, self._mailboxes, self._supervisor, parts.now, config.host.retention_days
        )
        await self._ingress.begin()
        await self._scheduler.begin()
        await self._desk.reconcile()
        for session in await self._db.read(self._registry.load):
            if self._scheduler.has_tasks(session):
                await self._recover_posts(session)
        await self._supervisor.adopt()

    async def _recover_posts(self, session: Session) -> None:
        try:
            await self._deliveries.recover(session)
        except SessionError as error:
            log.warning("Session %s: %s", session.id, error, extra={"action": "not_recovered"})

    def _make_controls(self, desk: TaskDesk) -> Controls:
        return controls.Service(
            controls.Parts(
                self._config,
                self._data,
                self._parts.disk,
                self._db,
                self._registry,
                self._mailboxes,
                self._supervisor,
                self.ingest,
                self._say_soon,
                self._parts.now,
            ),
            desk,
        )

    async def _shut_down(self, side_tasks: list[asyncio.Task[None]]) -> None:
        """Bots first, so that nothing new comes; runners next; then what they left is delivered."""
        log.info("Stopping", extra={"action": "stopping"})
        if self.webhooks is not None:
            await self.webhooks.stop()
        await self._ingress.drained()
        await self._supervisor.close()
        while self._draining:
            await asyncio.wait(list(self._draining.values()))
        await self._scheduler.close()
        await self._deliveries.stop()
        await self._live.stop()  # the bots are still there: nothing says "working…" while nobody works
        for task in side_tasks:
            task.cancel()

    async def _close(self) -> None:
        await self._board.close()
        await self._live.close()
        await self._deliveries.close()
        await self._gateway.stop()
        await self._parts.launcher.close()
        await self._mailboxes.close()
        await self._db.close()

    async def _run_bot(self, bot: Bot) -> None:
        """A bot that ends or breaks is started again; it takes nothing else down."""
        pause = BOT_RESTART
        while True:
            try:
                await bot.run(self, lambda: self._deliveries.bot_online(bot.channel_type))
                log.info("Bot ended", extra={"action": "bot_ended", "platform": bot.channel_type})
                return
            except BotConfigError as error:  # a person's to cure; it may be cured while we run
                log.error("%s", error, extra={"action": "bot_refused", "platform": bot.channel_type})
                pause = LONGEST_BOT_RESTART
            except BotStuck as error:
                log.critical("%s", error, extra={"action": "bot_stuck", "platform": bot.channel_type})
                self._stuck = error
                self.stop()
                return
            except Exception:
                log.exception("Bot broke", extra={"action": "bot_broke", "platform": bot.channel_type})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_BOT_RESTART)

    def _came_in(self, session: Session) -> None:
        """Something new is in the session's file; a deletion may have settled what was there."""
        self._supervisor.wake(session)
        self._deliveries.outcome_changed(session)

    # ── runners speak ────────────────────────────────────────────────────────────────────────────────────

    def _life_ended(self, session: Session) -> None:
        """What came in while the runner was ending woke nobody: look once more."""
        self._board.forget(session)
        self._drain_soon(session)

    def _drain_soon(self, session: Session) -> None:
        """Drains once now, and once more if asked to meanwhile: many rings are one."""
        if session.id in self._draining:
            self._again.add(session.id)
            return
        self._draining[session.id] = asyncio.create_task(self._drain(session), name=f"drain:{session.id}")

    async def _drain(self, session: Session) -> None:
        try:
            await self._drain_while_asked(session)
        finally:  # at once: whoever asks from now on is not heard by this task any more
            del self._draining[session.id]

    async def _drain_while_asked(self, session: Session) -> None:
        while True:
            self._again.discard(session.id)
            try:
                await self._deliveries.drain(session)
                await self._wake_if_due(session)
            except Unavailable:
                log.debug("Session %s cannot be read right now", session.id)
            except SessionError as error:
                log.warning("Session %s: %s", session.id, error, extra={"action": "drain_failed"})
            if session.id not in self._again:
                self._board.look(session)
                return

    async def _wake_if_due(self, session: Session) -> None:
        if self._supervisor.is_live(session) or self._stopping.is_set():
            return
        if await self._mailboxes.use(session, lambda writer: writer.next_due_at()) is not None:
            self._supervisor.wake(session)

    def _say_soon(self) -> None:
        task = asyncio.create_task(self._say(), name="notices")
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _say(self) -> None:
        try:
            await self._deliveries.deliver_notices()
        except SessionError as error:
            log.debug("Notices wait for the sweep: %s", error)

    # ── the sweep ────────────────────────────────────────────────────────────────────────────────────────

    async def _sweep(self) -> None:
        """Finds everything that a crash, an error or a lost signal left behind."""
        while True:
            try:
                await self._sweep_once()
            except SessionError as error:
                log.warning("The sweep could not read host.db: %s", error, extra={"action": "sweep_failed"})
            except Exception:  # whatever broke it would break it again after a restart: the others go on
                log.exception("The sweep broke", extra={"action": "sweep_failed"})
            else:
                await self._parts.disk.run(pulse.beat, self._data)
            await asyncio.sleep(self._config.host.sweep_every)

    async def _sweep_once(self) -> None:
        behind = await self._db.read(inbox.sessions_with_unstored)
        busy = await self._db.read(self._registry.load)
        await self._deliveries.deliver_notices()
        await self._supervisor.make_room()
        await self._obey()
        for session in busy:
            if session.id in behind:
                await self._ingress.replay(session)
            try:
                await self._sweep_session(session)
            except SessionError as error:
                log.warning(
                    "Session %s: %s",
                    session.id,
                    error,
                    extra={"action": "sweep_failed", "session": session.id},
                )
            except Exception:  # one sick session never stops the sweep over the others
                log.exception(
                    "Sweep of a session failed", extra={"action": "sweep_failed", "session": session.id}
                )

    async def _obey(self) -> None:
        """Carries out what an operator ordered from another process."""
        for given in await self._db.read(orders.waiting):
            try:
                outcome = await self._obeyed(given)
            except SessionError as error:
                outcome = f"refused: {error}"
            except Exception:  # no order stops the sweep, nor is given again and again
                log.exception("An order failed", extra={"action": "order_failed", "number": given.number})
                outcome = "refused: a fault of the host's own; its log says more"
            if outcome.startswith("refused"):
                log.warning("Order %d: %s", given.number, outcome, extra={"action": "order_refused"})
            number = given.number
            await self._db.write(functools.partial(orders.done, number=number, outcome=outcome))

    async def _obeyed(self, given: orders.Given) -> str:
        if given.kind == "task":
            return await self._desk.obey(given)
        session = self._registry.get(given.session_id)
        stopped = session is not None and await self._supervisor.stop(session)
        return "stopped" if stopped else "no runner was running"

    async def _sweep_session(self, session: Session) -> None:
        work = await self._db.read(lambda c: c.execute(_WORK, (session.id,)).fetchone())
        try:
            await self._deliveries.drain(session)
        except Unavailable as error:
            log.debug("Session %s cannot be read right now", session.id)
            if error.path == session.folder.outbound_db:
                await self._supervisor.recover(session)
        await self._supervisor.check(session)
        await self._wake_if_due(session)
        if self._scheduler.has_tasks(session):
            await self._scheduler.look(session)
        self._live.look(session)
        if not self._supervisor.is_live(session) and not self._deliveries.busy(session):
            await self._rest(session, work)

    async def _rest(self, session: Session, work: object) -> None:
        """Proven to have nothing to do: the sweep passes it over until something comes in.

        Whatever comes in counts `work` up, in the inbox and again when it is in the session's file; if it has moved since
        before the proof, or something is still between the two, the proof is void.
        """
        await self._deliveries.forget_reader(session)
        if await self._mailboxes.use(session, _nothing_to_do):
            seen = int(str(work[0])) if isinstance(work, tuple) else 0
            await self._db.write(lambda c: c.execute(_REST, (session.id, seen)).fetchall())


_SESSION_OF = "SELECT session_id, state FROM inbox WHERE message_id = ?"
_WORK = "SELECT work FROM sessions WHERE id = ?"
_REST = (
    "UPDATE sessions SET busy = 0 WHERE id = ?1 AND work = ?2"
    " AND NOT EXISTS (SELECT 1 FROM inbox WHERE session_id = ?1 AND state = 'routed')"
)


def _nothing_to_do(writer: InboundWriter) -> bool:
    """Nothing waits for an answer, to be delivered, to be said or to be taken down."""
    waits = writer.next_due_at() is not None
    return not (waits or writer.open_parcels() or writer.open_live() or writer.owed())


def _installation(connection: Statements) -> str:
    """Tells this data folder's runners from every other installation's; minted once."""
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('installation', ?)", (secrets.token_hex(6),))
    row = connection.execute("SELECT value FROM meta WHERE key = 'installation'").fetchone()
    return str(row[0]) if row else ""

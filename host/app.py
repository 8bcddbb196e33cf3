"""The host: serve → start-up → main loop → shutdown. What it is made of stands in `assembly`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from host.assembly import House, Parts, assemble
from host.config import Config
from host.config.settings import Settings
from host.controls.reloading import Reloaded, operator
from host.folders import pulse
from host.folders.seal import Seal, SealError
from host.intake.taking_in import TakingIn
from host.ports import memory
from host.ports.bot import Bot, BotConfigError, Bots, BotStuck, HostBusy, TakesIn
from host.ports.controls import Controls
from host.ports.events import InboundEvent, Ingested
from host.registry import (
    ahead,
    elsewhere,
    holding,
    installation,
    installs,
    links,
    nodes,
    resumption,
    taking_in,
)
from host.registry.errands import CHANNEL
from host.registry.port import Hint, Registry
from host.registry.sessions import Session
from host.upkeep import leaving
from host.upkeep.backups import scratch, upgrading
from host.upkeep.hearing import Hearing
from host.upkeep.service import Manager
from host.web import WebServer
from host.webhooks import WebhookServer
from sessiondb import SessionError

if TYPE_CHECKING:
    from host.registry.keeping import Keeper

log = logging.getLogger(__name__)

BOT_RESTART = 1.0  # s until a bot that ended is started again; doubles up to a minute
LONGEST_BOT_RESTART = 60.0
HELD_LOOK = 1.0  # s between two looks whether a restored folder was released
HAND_OVER = 20.0  # s in which turns under way end before another node serves; who wrote meanwhile is answered by that one
DRAIN_GRACE = 10.0  # s in which what runners wrote is read when the host stops; the rest waits in their files
HELD = ". ".join(("Records: " + resumption.HELD[0], *resumption.HELD[1:]))


class Host:
    """`serve` runs until `stop` is called; the data folder's lock is the caller's. There is a `house` once it has started."""

    house: House

    def __init__(self, config: Config, bots: Bots, parts: Parts) -> None:
        """Raises `WebhookError` for hooks that cannot be served."""
        self._config = config  # what was there at the start
        self._settings = Settings(config)
        self._bots = bots
        self._clock = ahead.OneClock(parts.now)
        self._parts = parts = replace(parts, now=self._clock)
        self._stopping = asyncio.Event()
        self._ending = asyncio.Event()  # in order, or once turns under way have ended
        self.webhooks: WebhookServer | None = None
        if config.webhooks is not None:
            self.webhooks = WebhookServer(
                config.webhooks, parts.environment, frozenset(bots.by_platform), self.ingest, parts.now
            )
        self.web: WebServer | None = None
        self._manager = Manager(parts.environment)
        self._stuck: BotStuck | SessionError | None = None
        self._stands_by = False
        self.started = asyncio.Event()

    @property
    def _url(self) -> str:
        """Of the database that has the records; '' for host.db."""
        return "" if self._config.cluster is None else self._config.cluster.database

    @property
    def _is_one_of_many(self) -> bool:
        """Whether several nodes serve at a time: what conversations share lies where all of them have it."""
        cluster = self._config.cluster
        return cluster is not None and cluster.workspaces is not None

    @property
    def controls(self) -> Controls:
        return self.house.reception.controls

    async def ingest(self, event: InboundEvent) -> Ingested:
        """Whoever knocks before the house stands waits for it; where another node has the house, for its platform to ask that
        one. Raises `HostBusy`."""
        if self._stands_by:
            raise HostBusy("another node serves")
        await self.started.wait()
        return await self.house.reception.ingest(event)

    async def settled(self, message_id: str) -> str:
        return await self.house.reception.settled(message_id)

    async def reload(self, by: str) -> Reloaded | None:
        """Reads the configuration again, for somebody at this machine; None while the host does not serve."""
        if not self.started.is_set() or self._stopping.is_set():
            return None
        return await self.house.ordered.reloading.reload(operator(by))

    def stop(self) -> None:
        self._stopping.set()
        self._ending.set()

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────

    async def serve(self) -> None:
        """Raises `sessiondb.SessionError` when host.db cannot be opened, `BackupError` when older records cannot be kept,
        `WebhookError` and `WebError` when an address cannot be had, and `BotStuck`, or
        `SessionError` where another host leads by now, after an orderly stop."""
        memory.give_large_blocks_back()
        if not await self._start_up():
            return
        house = self.house
        side_tasks: list[asyncio.Task[None]] = []
        try:
            async with asyncio.TaskGroup() as group:
                side_tasks.append(group.create_task(house.ears.poll(), name="poll"))
                side_tasks.append(group.create_task(house.sweep.run(), name="sweep"))
                side_tasks.append(group.create_task(self._clock.keep(house.records.db), name="clock"))
                timer = group.create_task(house.scheduler.run(), name="schedule")
                others = group.create_task(self._deal_with_others(), name="taken-in")
                side_tasks.append(group.create_task(self._take_up_others(), name="taking-up"))
                errands = group.create_task(self._do_for_others(), name="errands")
                side_tasks.append(group.create_task(house.upkeep.pruner.run(), name="pruner"))
                side_tasks.append(group.create_task(house.upkeep.packer.run(), name="packer"))
                if self.web is not None:
                    side_tasks.append(group.create_task(house.upkeep.feeding.run(), name="search"))
                bots = [
                    group.create_task(self._run_bot(bot), name=f"bot:{bot.channel_type}")
                    for bot in self._bots.by_platform.values()
                ]
                side_tasks += bots
                side_tasks.append(group.create_task(self._manager.feed(house.state), name="watchdog"))
                for task in bots:
                    task.add_done_callback(lambda _: self._stop_without_bots(bots))
                self.started.set()
                self._manager.ready(f"Serving {', '.join(self._bots.by_platform)}")
                await self._ending.wait()
                await self._hand_over()
                timer.cancel()
                others.cancel()
                errands.cancel()
                await self._shut_down(side_tasks)
        finally:
            await self._close()
        if self._stuck is not None:
            raise self._stuck

    async def _hand_over(self) -> None:
        """Another node is to serve: what is under way here ends first, for there it would begin anew. Whoever stops the host
        waits for none of it."""
        if self._stopping.is_set():
            return
        log.info("Drained: what is under way ends, then another node serves", extra={"action": "drained"})
        resting = asyncio.create_task(self.house.supervisor.come_to_rest(HAND_OVER), name="rest")
        told = asyncio.create_task(self._stopping.wait(), name="told")
        await asyncio.wait((resting, told), return_when=asyncio.FIRST_COMPLETED)
        for task in (resting, told):
            task.cancel()
        await asyncio.gather(resting, told, return_exceptions=True)
        self.stop()

    async def _start_up(self) -> bool:
        """False when the host was told to stop before it began."""
        if self.webhooks is not None:  # first, so that a port that is taken stops nothing half-way
            await self.webhooks.start()
        async with self._manager.at("Opening the records"):
            await self._keep_what_was()
            db = await self._open_registry()
        if db is None:
            return False
        if not await self._released(db):
            await db.close()
            return False
        async with self._manager.at("Taking up what was under way"):
            await self._take_up(db)
        return True

    async def _open_registry(self) -> Registry | None:
        """None when told to stop while another node serves. A terminal's own host does not wait for that."""
        while True:
            try:
                opened = await self._opened_registry()
            except nodes.Led as error:
                if set(self._bots.by_platform) == {"console"}:
                    raise
                if not await self._stood_by(f"Standing by: {error.reason}"):
                    return None
            else:
                self._stands_by = False
                return opened

    async def _stood_by(self, told: str) -> bool:
        """Until it is time to try and serve; false when told to stop."""
        if not self._stands_by:
            self._stands_by = True
            log.info("%s", told, extra={"action": "stands_by"})
            self._manager.ready(told)
        data = Path(self._config.data).resolve()
        sign = pulse.Pulse(data)
        standby = await elsewhere.standby(
            data, self._url, self._parts.disk, among_others=self._is_one_of_many
        )
        keeper = elsewhere.keeper(self._url, self._parts.disk)
        beside = [
            asyncio.create_task(_take_in(bot, keeper), name=f"taking-in:{bot.channel_type}")
            for bot in self._bots.by_platform.values()
        ]
        beside.append(
            asyncio.create_task(leaving.keep_clear(data, standby, self._parts.disk), name="leaving")
        )
        try:
            while not self._stopping.is_set():
                self._manager.goes_on()
                await self._parts.disk.run(sign.beat, pulse.Told(stands_by=told))
                if await standby.is_time(self._stopping):
                    return True
            pulse.end(data)
            return False
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await keeper.close()
            await standby.close()

    async def _opened_registry(self) -> Registry:
        loop = asyncio.get_running_loop()

        def lost(error: SessionError) -> None:
            loop.call_soon_threadsafe(self._end_by, error)

        def drained() -> None:
            loop.call_soon_threadsafe(self._ending.set)

        db = await elsewhere.opened(
            Path(self._config.data).resolve(),
            self._url,
            self._parts.disk,
            lost,
            drained,
            among_others=self._is_one_of_many,
            labels=() if self._config.cluster is None else self._config.cluster.labels,
        )
        await self._clock.begin(db)
        return db

    def _end_by(self, error: SessionError) -> None:
        """What this host keeps from now on is kept nowhere: it acknowledges and delivers nothing more."""
        log.critical("%s", error, extra={"action": "registry_lost"})
        self._stuck = error
        self.stop()

    async def _take_up(self, db: Registry) -> None:
        """Where the last life ended, however it did."""
        await self._renew_seals(db)
        own = await db.write(installation.load)
        self.house = house = assemble(self._settings, self._bots, self._parts, db, own, self._stopping)
        try:
            await house.records.spaces.begin(own.id)
        except SessionError:
            await db.close()  # whoever stands by serves at once
            raise
        await house.ordered.forgetting.clear_left()
        await house.taking_up.begin()
        if unsettled := await house.budgets.charge_unsettled():
            log.warning("%d model calls were never settled; charged", unsettled, extra={"action": "charged"})
        await house.ingress.stores.begin()
        await house.scheduler.begin()
        await house.desk.reconcile()
        for session in await db.read(house.records.sessions.here):  # those that may have something on its way
            if house.scheduler.has_tasks(session):
                await self._recover_posts(session)
        await house.ordered.pausing.look()
        await house.supervisor.adopt()
        await house.ordered.forgetting.catch_up()
        await house.service.handing.resume()
        await (
            house.ordered.orders.obey()
        )  # before anybody is heard: who is to be forgotten is not answered first
        if self._config.web is None:
            await db.write(lambda connection: links.serve(connection, "", db.holding.node))
            await house.upkeep.feeding.off()
        else:
            self.web = WebServer(self._settings, house, self._bots, self._parts)
            await self.web.start()

    async def _renew_seals(self, db: Registry) -> None:
        """After a start nothing needs a former key any more; one that fails changes nothing."""
        seal = Seal(Path(self._config.data).resolve(), self._parts.environment)
        try:
            renewed = await db.write(lambda connection: installs.renew(connection, seal))
        except SealError as error:
            log.warning("Tokens are not sealed anew: %s", error, extra={"action": "seals_not_renewed"})
            return
        if renewed:
            log.info("%d tokens are sealed with the key of today", renewed, extra={"action": "seals_renewed"})

    async def _keep_what_was(self) -> None:
        """Records of an earlier version are backed up before they are changed."""
        data = Path(self._config.data).resolve()
        await self._parts.disk.run(_clear_left, data)
        begun = "Records of an earlier version are backed up before they are changed"

        def told(how_far: str) -> None:
            self._manager.starting(f"{begun}: {how_far}")

        if (file := await self._parts.disk.run(upgrading.keep, data, told)) is not None:
            log.warning(
                "%s: %s. `dovecote restore` brings them back, with the earlier version of Dovecote",
                *(begun, file),
                extra={"action": "backed_up"},
            )

    async def _released(self, db: Registry) -> bool:
        """A restored folder waits for a person's word, and nothing on it is heard or said; false when told to stop first."""
        told = False
        while await db.read(resumption.held):
            if not told:
                told = True
                log.warning("%s", HELD, extra={"action": "held"})
                self._manager.ready(HELD)
            self._manager.goes_on()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HELD_LOOK):
                    await self._ending.wait()
            if self._ending.is_set():
                return False
        return True

    async def _recover_posts(self, session: Session) -> None:
        try:
            await self.house.deliveries.recover(session)
        except SessionError as error:
            log.warning("Session %s: %s", session.id, error, extra={"action": "not_recovered"})
        except Exception:  # one of many: the host begins all the same
            log.exception("Session %s", session.id, extra={"action": "not_recovered"})

    async def _shut_down(self, side_tasks: list[asyncio.Task[None]]) -> None:
        """Nothing new is taken first: platforms bring it again. What is under way for it ends, and begins anew at the next start.
        Runners next; then what they left is delivered by the bots, which end last.
        """
        log.info("Stopping", extra={"action": "stopping"})
        self._manager.stopping()
        house = self.house
        house.reception.close()
        await house.ingress.stores.stop()
        if self.webhooks is not None:  # what still knocks there is told to come again
            await self.webhooks.stop()
        house.deliveries.pace.end(DRAIN_GRACE)
        await house.supervisor.close()
        await house.draining.done()
        await house.scheduler.close()
        await house.titles.close()
        await house.service.handing.close()
        await house.deliveries.stop()
        await house.upkeep.packer.finish()
        await house.live.stop()  # the bots are still there: nothing says "working…" while nobody works
        for task in side_tasks:
            task.cancel()

    async def _close(self) -> None:
        house = self.house
        if self.web is not None:
            await self.web.stop()
        await house.board.close()
        await house.live.close()
        await house.deliveries.close()
        await house.gateway.stop()
        await self._parts.launcher.close()
        await house.records.mailboxes.close()
        await house.records.db.close()
        pulse.end(Path(self._config.data))

    # ── bots ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _run_bot(self, bot: Bot) -> None:
        """A bot that ends or breaks is started again; it takes nothing else down."""
        reception, deliveries = self.house.reception, self.house.deliveries
        pause = BOT_RESTART
        while True:
            try:
                await bot.run(reception, lambda: deliveries.bot_online(bot.channel_type))
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

    async def _deal_with_others(self) -> None:
        """What nodes that stand by take in."""
        if not self._url:
            return
        async with self._hints(taking_in.CHANNEL) as hints:
            await TakingIn(self.house.records.db, self._bots, hints).run()

    async def _take_up_others(self) -> None:
        """What no node holds any more, and what others changed."""
        db = self.house.records.db
        if not db.holding.is_shared:
            return
        hearing = Hearing(db)
        async with self._hints(f"{holding.CHANNEL}{db.node}") as hints, asyncio.TaskGroup() as group:
            group.create_task(hearing.run(hints), name="hearing")
            group.create_task(self.house.taking_up.run(hearing), name="taking-up")

    async def _do_for_others(self) -> None:
        """What other nodes ask of this one."""
        db = self.house.records.db
        if not db.holding.is_shared:
            return
        async with self._hints(f"{CHANNEL}{db.node}") as hints:
            await self.house.records.errands.run(hints)

    @contextlib.asynccontextmanager
    async def _hints(self, channel: str) -> AsyncIterator[Hint]:
        hints = elsewhere.hints(self._url, channel, self._parts.disk)
        try:
            yield hints
        finally:
            await hints.close()

    def _stop_without_bots(self, bots: Sequence[asyncio.Task[None]]) -> None:
        if all(bot.done() for bot in bots):
            self.stop()


async def _take_in(bot: Bot, keeper: Keeper) -> None:
    if not isinstance(bot, TakesIn):
        return
    try:
        await bot.take_in(functools.partial(keeper.keep, bot.channel_type))
    except Exception:  # it stands by all the same
        log.exception("Nothing is taken in", extra={"action": "not_taking_in", "platform": bot.channel_type})


def _clear_left(data: Path) -> None:
    """What killed commands copied on their way."""
    scratch.clear(data, scratch.MEMORY)
    scratch.clear_restored(data)

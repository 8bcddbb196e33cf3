"""Who is made of what: every part gets what it needs when it is made, from the bottom of the house up.

Two things are made before all parts, because they run against that order: the record of who lives, and the outlets by which
a part below speaks to one above.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from host.config import Config
from host.config.settings import Settings
from host.controls import channels, handing
from host.controls import service as controls
from host.controls.anew import Anew
from host.controls.handing import Handing
from host.controls.obeying import Orders
from host.controls.pausing import Pausing
from host.controls.reloading import Followers, Reloading
from host.controls.replies import Replies
from host.controls.service import Service
from host.delivery import service as delivery
from host.delivery.actions import Actions
from host.delivery.collect import Collector
from host.delivery.endings import Endings
from host.delivery.minting import Minting
from host.delivery.posts import Posts
from host.delivery.quiet import Quiet
from host.delivery.saying import Saying
from host.delivery.service import Deliveries
from host.delivery.titles import NAME as NAME_THREAD
from host.delivery.titles import Titles
from host.folders.disk import Disk
from host.folders.seal import Seal
from host.gateway.bells import Ears
from host.gateway.budget import Budgets
from host.gateway.credentials import Credentials, EnvironmentCredentials, Learnt
from host.gateway.egress import Internet, Reach
from host.gateway.fields import Fields
from host.gateway.remotes import Remotes
from host.gateway.server import Gateway, Ways
from host.gateway.signins import SignIns
from host.governance import rules
from host.governance.languages import Languages
from host.governance.masking import Masks
from host.governance.pauses import Pauses
from host.intake.incoming import IncomingFiles
from host.intake.ingress import Ingress
from host.intake.onward import Onward
from host.intake.reception import Reception
from host.intake.router import rule_of
from host.intake.standings import Standings
from host.live import LiveMessages
from host.live.draining import Draining
from host.live.progress import ProgressBoard
from host.mailbox.luggage import MIB, MOST, Luggage
from host.mailbox.open import Mailboxes, Records
from host.mailbox.questions import Approvers
from host.mailbox.spaces import Spaces
from host.ports.bot import Bots
from host.ports.findings import Finding
from host.ports.installs import FollowsInstalls
from host.ports.outlet import Outlet
from host.ports.spans import NoSpans, Spans
from host.ports.stations import Stations
from host.registry import installs
from host.registry.errands import Errands
from host.registry.installation import Installation
from host.registry.placing import Place
from host.registry.port import Registry, Statements
from host.registry.sessions import Session, Sessions
from host.registry.tidings import What
from host.runners.launch.base import Launcher
from host.runners.lives import Lives
from host.runners.supervisor import Means, Supervisor
from host.schedule.actions import TaskActions
from host.schedule.desk import Desk
from host.schedule.homes import Homes
from host.schedule.orders import KINDS, RUN_NOW
from host.schedule.readers import Readers
from host.schedule.service import Scheduler
from host.schedule.trials import Trials
from host.upkeep import exporting
from host.upkeep import sweep as sweeping
from host.upkeep.forgetting import Forgetting, Hands
from host.upkeep.misplaced import Misplaced
from host.upkeep.packing import Packer
from host.upkeep.pruning import Pruner
from host.upkeep.searching.feeding import Feeding
from host.upkeep.state import State
from host.upkeep.sweep import Sweep
from host.upkeep.taking_up import TakingUp
from host.upkeep.unusable import Unusable
from sessiondb.records import Address


@dataclass(frozen=True)
class Parts:
    """What the host is given from outside; tests put other parts in."""

    disk: Disk
    launcher: Launcher
    now: Callable[[], int]
    credentials: Credentials = field(default_factory=lambda: EnvironmentCredentials(os.environ))
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    reach: Reach = field(default_factory=Internet)
    spans: Spans = field(default_factory=NoSpans)
    read: Callable[[], Config] | None = (
        None  # the configuration anew, as at a start; raises `ConfigError`, `NotFit`
    )
    look: Callable[[Config], list[Finding]] | None = (
        None  # what the doctor sees of this machine; may wait for it
    )


@dataclass(frozen=True)
class Ordered:
    """What somebody at this machine has the host do."""

    orders: Orders
    reloading: Reloading
    pausing: Pausing
    forgetting: Forgetting


@dataclass(frozen=True)
class Own:
    """What is this data folder's: its id, and what there is new in it."""

    installation: str
    news: Outlet[Session]


@dataclass(frozen=True)
class Upkeep:
    """What goes on beside all else: what is old is forgotten, what is there can be found."""

    pruner: Pruner
    feeding: Feeding
    packer: Packer


@dataclass(frozen=True)
class House:
    """What `app` starts, runs and stops."""

    records: Records
    scheduler: Scheduler
    desk: Desk
    deliveries: Deliveries
    titles: Titles
    live: LiveMessages
    board: ProgressBoard
    budgets: Budgets
    gateway: Gateway
    ears: Ears
    supervisor: Supervisor
    draining: Draining
    ingress: Ingress
    reception: Reception
    sweep: Sweep
    upkeep: Upkeep
    state: State
    ordered: Ordered
    service: Service
    taking_up: TakingUp


def assemble(
    settings: Settings,
    bots: Bots,
    parts: Parts,
    db: Registry,
    installation: Installation,
    stopping: asyncio.Event,
) -> House:
    """`stopping` is set when nobody is to be woken any more."""
    config, now, data = settings.config, parts.now, Path(settings.config.data).resolve()
    records = _records(config, db, parts.disk, now)
    mailboxes, lives, paused, stations = records.mailboxes, Lives(), Pauses(), Stations(now, parts.spans)
    languages, news, due = Languages(settings, db, now), Outlet[Session](), Outlet[Session]()
    live, masks = LiveMessages(records, bots, now, lives, languages), Masks(settings, parts.environment)
    copied: Callable[[Session], Awaitable[None]] = lambda one: deliveries.carrier.before_an_effect(one)  # noqa: E731
    scheduler, desk, titles, actions = _schedule(settings, records, bots, due, masks, now, copied)
    posts = Posts(db, records.errands)
    collector = _collector(settings, bots, actions, masks, installation.id, now)
    board = ProgressBoard(records, bots, live, collector.quiet.hushes, masks, languages)
    heard = delivery.Outlets(live.claimed, live.look, scheduler.look_soon, news, stations)
    deliveries: Deliveries = Deliveries(db, mailboxes, collector, posts, languages, heard)
    saying, kept = Saying(deliveries), installs.of(db, Seal(data, parts.environment), now)
    budgets, sign_ins, gateway = _ways_out(settings, parts, records, stations, saying, masks, deliveries)
    known = installation.id, due, news, paused, lives
    ears, supervisor = _runners(settings, parts, records, deliveries, gateway, board, *known)
    draining = Draining(deliveries, supervisor, mailboxes, board, news, stopping)
    onward = Onward(supervisor, deliveries, saying, posts, IncomingFiles(bots), paused, sign_ins.pasted)
    ingress, followers = Ingress(settings, records, onward, now), Followers(desk, supervisor, bots)
    service = _controls(settings, bots, parts, records, onward, ingress, desk, supervisor, masks, languages)
    answers, own = Replies(service, languages), Own(installation.id, news)
    ordered, upkeep = _ordered(settings, parts, records, onward, followers, languages, own)
    ends, state = Endings(records, bots, now), State(settings, db, lives, bots.by_platform, now)
    _have_shared(db, bots, supervisor, languages)
    standings, unusable = Standings(db, scheduler.changed, now), Unusable(deliveries.notify, now)
    whom = records, ingress.stores, deliveries, draining, live, supervisor, scheduler, ordered.orders
    swept = sweeping.Parts(*whom, ends)
    sweep = Sweep(swept, parts.disk, data, config.host.sweep_every, state.told, unusable)
    return House(
        records,
        scheduler,
        desk,
        deliveries,
        titles,
        live,
        board,
        budgets,
        gateway,
        ears,
        supervisor,
        draining,
        ingress,
        Reception(records, ingress, deliveries, answers, stations, installation.lapse, standings, kept),
        sweep,
        upkeep,
        state,
        ordered,
        service,
        _taking_up(settings, swept, sweep, ordered, service, now),
    )


def _runners(
    settings: Settings,
    parts: Parts,
    records: Records,
    deliveries: Deliveries,
    gateway: Gateway,
    board: ProgressBoard,
    installation: str,
    due: Outlet[Session],
    news: Outlet[Session],
    paused: Pauses,
    lives: Lives,
) -> tuple[Ears, Supervisor]:
    """What begins them, and what hears of their work."""
    host = settings.config.host
    ears = Ears(parts.disk, news, bells=host.bells, slowest=host.poll_slowest)
    ended = Outlet(board.forget, news)
    means = Means(parts.launcher, deliveries, ears, gateway, due, paused, board.waiting, ended)
    return ears, Supervisor(settings, installation, records, means, lives, parts.now)


def _have_shared(db: Registry, bots: Bots, supervisor: Supervisor, languages: Languages) -> None:
    """With nodes that serve at a time: what they change that no part of its own keeps."""

    async def ruled(place: Sequence[str]) -> None:
        channels.in_force(supervisor, languages, Address(*place))

    async def install(of: Sequence[str]) -> None:
        platform, holder = of
        if isinstance(bot := bots.get(platform), FollowsInstalls):
            await bot.install_changed(holder)

    db.tidings.heard_by(What.RULES, ruled)
    db.tidings.heard_by(What.INSTALLS, install)


def _taking_up(
    settings: Settings,
    parts: sweeping.Parts,
    sweep: Sweep,
    ordered: Ordered,
    service: Service,
    now: Callable[[], int],
) -> TakingUp:
    """With what nodes that serve at a time share places out by."""

    def needs() -> Mapping[str, frozenset[str]]:
        agents = settings.config.agents
        return {name: frozenset(agent.needs) for name, agent in agents.items() if agent.needs}

    def routed(connection: Statements, place: Place) -> str:
        address = Address(*place)
        rule = rule_of(address, settings.config.routes, rules.of_channel(connection, address))
        return rule.agent if rule is not None else ""

    placing, lives = parts.records.db.holding.placing, parts.supervisor.lives
    placing.works, placing.needs, placing.routed = (lambda: len(lives)), needs, routed
    called = functools.partial(_called, settings)
    misplaced = Misplaced(parts.records, parts.deliveries.notify, called, now)
    return TakingUp(parts, sweep, now, ordered.forgetting.catch_up, service.handing.resume, misplaced)


def _called(settings: Settings, agent: str) -> str:
    return settings.config.called(agent)


def _records(config: Config, db: Registry, disk: Disk, now: Callable[[], int]) -> Records:
    common = config.cluster.workspaces if config.cluster is not None else None
    sessions = Sessions(data := Path(config.data).resolve(), common)
    luggage = Luggage(db, data, now, _most_packed(config))
    mailboxes = Mailboxes(disk, db, now, config.host.zone, luggage)
    return Records(db, sessions, mailboxes, Spaces(db, sessions, luggage), Errands(db))


def _most_packed(config: Config) -> int:
    """Bytes of a folder."""
    return MOST if config.cluster is None else config.cluster.folder_mb * MIB


def _ordered(
    settings: Settings,
    parts: Parts,
    records: Records,
    onward: Onward,
    followers: Followers,
    languages: Languages,
    own: Own,
) -> tuple[Ordered, Upkeep]:
    supervisor, days = followers.supervisor, settings.config.host.retention_days
    feeding = Feeding(Path(settings.config.data).resolve(), records.db, parts.now, days, own.news)
    pruner = Pruner(records, supervisor, parts.now, days)
    reloading = Reloading(settings, parts.read, records, followers, parts.now)
    pausing = Pausing(records, onward.pauses, supervisor, onward.saying.soon, parts.now)
    hands = Hands(supervisor, pruner, onward.deliveries, followers.bots)
    forgetting = Forgetting(records, hands, own.installation, feeding, parts.now)
    ways = {"reload": reloading.ordered, "pause": pausing.ordered, "forget": forgetting.ordered}
    ways["channel"] = functools.partial(channels.ordered, supervisor, languages)
    orders = Orders(records.db, records.sessions, supervisor, followers.desk, pausing, ways, records.errands)
    packer = _packer(settings, records, supervisor, onward, parts.now)
    return Ordered(orders, reloading, pausing, forgetting), Upkeep(pruner, feeding, packer)


def _packer(
    settings: Settings, records: Records, supervisor: Supervisor, onward: Onward, now: Callable[[], int]
) -> Packer:
    def zone() -> str:
        return settings.config.host.zone

    return Packer(
        records, supervisor.lives, onward.deliveries.notify, now, zone, _most_packed(settings.config)
    )


def _controls(
    settings: Settings,
    bots: Bots,
    parts: Parts,
    records: Records,
    onward: Onward,
    ingress: Ingress,
    desk: Desk,
    supervisor: Supervisor,
    masks: Masks,
    languages: Languages,
) -> Service:
    data, anew = (
        Path(settings.config.data).resolve(),
        Anew(settings, bots, records.db, ingress.channel_became),
    )
    see = controls.Parts(
        settings,
        bots,
        anew,
        data,
        parts.disk,
        records,
        supervisor,
        ingress.ingest,
        onward.deliveries.under_way,
        onward.saying,
        masks,
        languages,
        parts.now,
    )
    ways = handing.Ways(
        settings,
        records,
        parts.disk,
        ingress.ingest,
        onward.deliveries.settled,
        supervisor.stop,
        exporting.said,
        onward.saying,
        parts.now,
    )
    return Service(see, desk, Handing(ways))


def _collector(
    settings: Settings,
    bots: Bots,
    actions: Actions,
    masks: Masks,
    installation: str,
    now: Callable[[], int],
) -> Collector:
    def judged(agent: str) -> bool:
        found = settings.config.agents.get(agent)
        return found is not None and found.feedback

    minting, quiet = Minting(installation), Quiet(settings, now)
    return Collector(bots, actions, Approvers(settings), now, minting, quiet, masks, judged)


def _schedule(
    settings: Settings,
    records: Records,
    bots: Bots,
    due: Outlet[Session],
    masks: Masks,
    now: Callable[[], int],
    copied: Callable[[Session], Awaitable[None]],
) -> tuple[Scheduler, Desk, Titles, Actions]:
    db, mailboxes = records.db, records.mailboxes
    scheduler = Scheduler(db, records.sessions, mailboxes, due, now, records.errands, copied)
    homes = Homes(settings, records, Readers(settings, db, bots))
    trials = Trials(homes, records, bots, due, now)
    desk = Desk(scheduler, homes, trials, records, settings, now)
    again = {*KINDS, NAME_THREAD} - {RUN_NOW}
    tasks = TaskActions(scheduler, homes, db, mailboxes, settings.config.host.zone, now)
    titles, known = Titles(settings, bots, masks, now, db), dict.fromkeys(KINDS, tasks.prepared)
    return scheduler, desk, titles, Actions({**known, NAME_THREAD: titles.prepared}, again)


def _ways_out(
    settings: Settings,
    parts: Parts,
    records: Records,
    stations: Stations,
    saying: Saying,
    masks: Masks,
    deliveries: Deliveries,
) -> tuple[Budgets, SignIns, Gateway]:
    """Of containers: the model, MCP servers on the web, and the hosts that an agent may reach."""
    config, db, now = settings.config, records.db, parts.now
    budgets = Budgets(settings, db, now, saying.soon)
    fields = Fields(config.model.base_url, db, now)
    seal = Seal(Path(config.data).resolve(), parts.environment)
    sign_ins = SignIns(settings, db, records.errands, seal, parts.reach, now, saying.soon, masks.learn)
    credentials = Learnt(parts.credentials, masks.learn)
    copied = deliveries.carrier.before_an_effect
    remotes = Remotes(parts.environment, credentials, sign_ins, copied)
    ways = Ways(parts.reach, remotes, copied, parts.environment)
    gateway = Gateway(settings, records.mailboxes, budgets, credentials, fields, stations, ways)
    return budgets, sign_ins, gateway

"""The workspaces in which the bot works: that of SLACK_BOT_TOKEN, and those that installed the app.

Each has its own token, and nothing of one is asked or said with another's: an address names its workspace, an event too, and
where that is none of these nothing is done. One that installs the app is served at once, and one that removes it no more; what
is still to be said there waits (`unserved`). What happens to one of them, but to the bot's own, is nothing to the others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.faces import Faces
from bots.common.shapes import Json, mapping, string
from bots.slack.client.errors import OPERATOR_PAUSE, TRANSIENT
from bots.slack.client.installing import ENDS, InstallationStore
from bots.slack.client.transport import Transport
from bots.slack.listening import Listeners
from bots.slack.organisations import CHANGES, Organisation
from bots.slack.sending.faces import SCOPE as CUSTOMIZE
from bots.slack.setup.preflight import SlackRefused, check_app_token, identify
from bots.slack.unserved import Unserved
from bots.slack.workspace import CALL_TIMEOUT, Workspace
from host.config import Config, Slack
from host.ports.bot import HostBusy, Ingest, Offline, Rejected
from host.ports.installs import Install, Installs, InstallsError
from sessiondb import Address

log = logging.getLogger(__name__)

ALL_READY = 10.0  # s at a start for those who installed the app: who takes longer is served later
GATE = 2.4  # s an event waits until its workspace is served; Slack gives up after 3 and delivers again
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # s until one that failed is tried again
ORGANISATION = "E"  # begins the ids of organisations
LOOKS = (0.0, 5.0, 60.0)  # s before each look at a token that may be no more
OWN_GONE = "Slack: the app was removed from the workspace of SLACK_BOT_TOKEN: install it again, and copy its new token"


class NotServedYet(Exception):
    """The workspace installed the app and is not served yet: the event is to be delivered again."""


@dataclass
class Life:
    """A workspace that installed the app, for as long as it has it."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)  # once tried: served, or known to fail
    doubt: asyncio.Event = field(default_factory=asyncio.Event)  # Slack told that its token is no more
    task: asyncio.Task[None] | None = None


class Workspaces:
    def __init__(self, settings: Slack, tokens: tuple[str, str], folder: Path, config: Config) -> None:
        """`tokens`: the bot's own, or '', and the app's."""
        bot_token, self._app_token = tokens
        self._settings = settings
        self._folder = folder
        self._access = config.access
        self._faces = Faces()
        self._faces.follow(config)
        self.own = Workspace(settings, bot_token, folder, self._faces) if bot_token else None
        self._served: dict[str, Workspace] = {}  # by team
        self._lives: dict[str, Life] = {}  # by team, of those that installed the app
        self._organisations: dict[str, tuple[Organisation, asyncio.Task[None]]] = {}  # by id
        self._unserved = Unserved()
        self._anew: set[str] = set()  # teams whose service ends and begins once more with another token
        self._open = asyncio.Event()  # events come in
        self._transport: Transport | None = None
        self._ready: Callable[[], None] = lambda: None

    def follow(self, config: Config) -> None:
        self._access = config.access
        self._faces.follow(config)
        for space in self._served.values():
            space.mind(config.access)

    # ── whose it is ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def scopes(self) -> tuple[str, ...]:
        """That whoever installs the app is asked for besides, for what is configured."""
        return (CUSTOMIZE,) if self._faces else ()

    @property
    def served(self) -> Mapping[str, Workspace]:
        return self._served

    def at(self, place: Address) -> Workspace:
        """Raises `DeliveryError` where it is none of those that are served: the same ids name other channels there."""
        team = place.workspace_id
        if team in self._served:
            return self._served[team]
        if not team and len(self._served) == 1 and not self._settings.installs:
            return next(iter(self._served.values()))  # who names none means the one there is
        if (error := self._unserved.error(team)) is not None:
            raise error
        if team in self._lives or team in self._anew or self._is_joining(team):
            raise Offline(f"workspace {team} is not connected")
        raise Rejected(
            f"it belongs to workspace {team or '?'}, and the bot is in {', '.join(self._served) or 'none'}"
        )

    def listening(self, context: AsyncBoltContext) -> Listeners | None:
        """For what Slack tells in this context. Where nobody can install the app there is one workspace, and all is its own."""
        if self.own is not None and not self._settings.installs:
            return self.own.listeners
        space = self._served.get(context.team_id or "")
        return None if space is None else space.listeners

    def whose(self, body: Mapping[str, object], context: AsyncBoltContext) -> str:
        """The team. In a channel that workspaces share, a click's own is the team of whoever clicked; what they clicked on was
        said by the app in one of ours, and is that one's."""
        said_in = string(mapping(body.get("message")).get("team"))
        if body.get("type") == "block_actions" and said_in in self._served:
            return said_in
        # Of an organisation's, who is meant by an event stands outside of what it was sent for.
        return context.team_id or string(body.get("team_id"))

    async def authorize(self, context: AsyncBoltContext, team: str) -> AuthorizeResult | None:
        """For bolt, of each event: as whom the app acts where it came from. Raises `NotServedYet`."""
        if team not in self._served and (life := self._lives.get(team)) is not None:
            try:
                async with asyncio.timeout(GATE):
                    await life.ready.wait()
            except TimeoutError as error:
                raise NotServedYet(team) from error
            if team not in self._served and team in self._lives:
                raise NotServedYet(team)
        sole = self.own if not self._settings.installs else None
        space = self._served.get(team, sole)
        if space is None:
            return self._of_organisation(context, team)
        me = space.identity
        return AuthorizeResult(
            enterprise_id=context.enterprise_id,
            team_id=team,
            bot_user_id=me.user,
            bot_id=me.bot,
            bot_token=space.token,
        )

    def _of_organisation(self, context: AsyncBoltContext, team: str) -> AuthorizeResult | None:
        """Of one of its workspaces the event comes again once that is served. Raises `NotServedYet`."""
        found, _ = self._organisations.get(context.enterprise_id or "", (None, None))
        if team and found is not None and context.is_enterprise_install:
            found.doubt()
        if team and (self._is_joining(team) or (found is not None and context.is_enterprise_install)):
            raise NotServedYet(team)
        if found is None or found.identity is None:
            return None
        return AuthorizeResult(
            enterprise_id=found.id,
            team_id=None,
            bot_user_id=found.identity.user,
            bot_id=found.identity.bot,
            bot_token=found.token,
        )

    def _is_joining(self, team: str) -> bool:
        return any(team in one.known for one, _ in self._organisations.values())

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────

    async def begin(self, host: Ingest) -> None:
        """Raises `SlackRefused` when the bot's own token, or the app's, is wrong; `InstallsError`."""
        client = AsyncWebClient(base_url=self._settings.api_url, timeout=CALL_TIMEOUT, retry_handlers=[])
        await check_app_token(client, self._app_token, self._settings)
        if self.own is not None:
            await self.own.begin(host, self._access)
            self._served[self.own.team] = self.own
        self._host = host
        self._kept: Installs = host.installs("slack")
        self._unserved.begin(self._kept)

    async def prepare(self, transport: Transport) -> None:
        """Before events come in: those who are slow are not waited for. Raises `InstallsError`."""
        self._transport = transport
        if self.own is not None:
            await self.own.prepare(transport)
        store, within = InstallationStore(self._kept), dict[str, set[str]]()
        found = await self._kept.all() if self._settings.installs else ()
        for install in found:
            whose = "" if install.ended else await _organisation_of(store, install.holder)
            if not self._may_have(install, whose) or install.holder in self._served:
                continue
            if whose:
                within.setdefault(whose, set()).add(install.holder)
            elif install.holder.startswith(ORGANISATION) and not install.ended:
                within.setdefault(install.holder, set())
            elif install.ended:
                self._unserved.ended(install)
                await self._stands(
                    install.holder, here=False
                )  # it may not have been told when that was heard
            else:
                self._begin_life(install.holder, transport)
        for organisation, teams in within.items():
            self._begin_organisation(organisation, frozenset(teams))
        asked = [one.looked.wait() for one, _ in self._organisations.values()]
        if coming := [
            asyncio.ensure_future(each)
            for each in (*asked, *(one.ready.wait() for one in self._lives.values()))
        ]:
            _, late = await asyncio.wait(coming, timeout=ALL_READY)
            for waiting in late:
                waiting.cancel()

    async def keep(self, transport: Transport, ready: Callable[[], None]) -> None:
        """For ever, once events come in. `ready` is told as often as one more is served."""
        self._ready = ready
        self._open.set()
        ready()
        if self.own is not None:
            await self.own.fill()
        async with asyncio.TaskGroup() as group:
            if self.own is not None:
                group.create_task(self.own.keep(transport), name="slack:own")
            group.create_task(transport.watch(self._missed), name="slack:watch")

    async def close(self) -> None:
        asking = [task for _, task in self._organisations.values()]
        self._organisations.clear()
        await _ended(*asking)
        tasks = [life.task for life in self._lives.values() if life.task is not None]
        self._lives.clear()
        await _ended(*tasks)
        self._served.clear()
        self._open.clear()
        self._transport = None
        if self.own is not None:
            await self.own.close()

    def is_own(self, team: str) -> bool:
        return self.own is not None and team == self.own.team

    def refused(self, team: str) -> str:
        """Why the app may not be installed there; '' where it may."""
        if self.is_own(team):
            return "This workspace is served already, by the token in SLACK_BOT_TOKEN."
        if team not in self._settings.installs:
            what = "organisation" if team.startswith(ORGANISATION) else "workspace"
            return f"Whoever runs Dovecote has not named this {what}, {team}, in slack.installs."
        return ""

    async def installed(self, team: str) -> None:
        """Its token is on disk: it is served with that from now on. An organisation's: each workspace that it is let into."""
        if team.startswith(ORGANISATION):
            former, task = self._organisations.pop(team, (None, None))
            known = former.known if former is not None else frozenset[str]()
            store = InstallationStore(self._kept)
            self._anew |= known
            for one in (team, *known):
                self._unserved.forget(one)
            try:
                if task is not None:
                    await _ended(task)
                for one in known:
                    if (await store.token_of(one))[1] == team:  # not with a token of its own
                        await self._without_life(one)
                if self._transport is not None:
                    self._begin_organisation(team, known)
            finally:
                self._anew -= known
            return
        self._anew.add(team)
        try:
            self._unserved.forget(team)
            await self._without_life(team)
            if self._transport is not None:
                self._begin_life(team, self._transport)
        finally:
            self._anew.discard(team)

    async def changed_elsewhere(self, holder: str) -> None:
        """Another host that serves for the same app took its token, or learnt that it counts no more. Raises `InstallsError`."""
        found = [one for one in await self._kept.all() if one.holder == holder]
        if not found or self._transport is None:
            return
        if not found[0].ended:
            await self.installed(holder)
            return
        self._unserved.ended(found[0])
        await self._without_life(holder)

    async def _without_life(self, team: str) -> None:
        before = self._lives.pop(team, None)
        if before is not None and before.task is not None:
            await _ended(before.task)

    async def gone(self, context: AsyncBoltContext, event: Json) -> None:
        """`app_uninstalled`, or `tokens_revoked`, which may be about people's tokens alone. Either may come late, after the app
        was installed again: it makes the bot ask, and a host that dies here asks when it starts."""
        team = context.team_id or ""
        if event.get("type") == "tokens_revoked" and not mapping(event.get("tokens")).get("bot"):
            return
        organisation, _ = self._organisations.get(context.enterprise_id or team, (None, None))
        if organisation is not None:
            organisation.doubt()
        if event.get("type") in CHANGES:
            return
        if team in self._lives:
            self._lives[team].doubt.set()
        elif self.is_own(team):
            log.error("%s", OWN_GONE, extra={"action": "workspace_ended", "team": team})

    async def joins(self, team: str, name: str, organisation: str) -> None:
        store = InstallationStore(self._kept)
        new = await store.joined(team, name, organisation)
        if team in self._served or (team in self._lives and not new) or self._transport is None:
            return
        if (await store.token_of(team))[1] == organisation:
            log.info("A workspace joined", extra={"action": "installed", "team": team})
            await self.installed(team)

    async def leaves(self, team: str, why: str) -> None:
        life = self._lives.get(team)
        if (await InstallationStore(self._kept).token_of(team))[1]:
            if life is not None and life.task is not None:
                await _ended(life.task)
            await self._end(team, why)

    async def fails(self, organisation: str, teams: frozenset[str], error: Exception) -> None:
        """Those of its workspaces that have not begun wait with it."""
        for holder in (organisation, *(team for team in teams if team not in self._lives)):
            await self._failed(holder, error)

    async def answers(self, organisation: str) -> None:
        await self._unserved.back(organisation)

    async def _missed(self, *, unheard: bool = False) -> int:
        found = 0 if self.own is None else await self.own.missed(unheard=unheard)
        asked = {
            asyncio.create_task(space.missed(unheard=unheard), name=f"slack:missed:{team}")
            for team, space in self._served.items()
            if space is not self.own
        }
        for task in (await asyncio.wait(asked))[0] if asked else ():
            if (error := task.exception()) is not None:
                _told("What was missed in a workspace is not known yet", error)
            else:
                found += task.result()
        return found

    # ── one that installed the app ───────────────────────────────────────────────────────────────────────

    def _may_have(self, install: Install, organisation: str) -> bool:
        """Whether the configuration lets it have the app. Whose one was that ended is not known any more."""
        named = self._settings.installs
        whole = any(one.startswith(ORGANISATION) for one in named)
        return install.holder in named or organisation in named or bool(install.ended and whole)

    def _begin_organisation(self, id_: str, known: frozenset[str]) -> None:
        def client(token: str) -> AsyncWebClient:
            return AsyncWebClient(
                token, base_url=self._settings.api_url, timeout=CALL_TIMEOUT, retry_handlers=[]
            )

        found = Organisation(id_, self._kept, client, self)
        found.known = known
        self._organisations[id_] = found, asyncio.create_task(found.live(), name=f"slack:organisation:{id_}")

    def _begin_life(self, team: str, transport: Transport) -> None:
        self._lives[team] = life = Life()
        life.task = asyncio.create_task(self._live(team, life, transport), name=f"slack:workspace:{team}")

    async def _live(self, team: str, life: Life, transport: Transport) -> None:
        """Until it removes the app. Whatever goes wrong with it is tried again, and is nothing to the others."""
        pause = FIRST_PAUSE
        while True:
            serving = asyncio.create_task(self._serve(team, life, transport), name=f"slack:serve:{team}")
            try:
                await asyncio.wait({serving})
            finally:
                await _ended(serving)
            life.ready.set()
            error = _cause(serving.exception())
            if isinstance(error, SlackRefused):
                if error.code in ENDS:
                    await self._end(team, ENDS[error.code])
                    return
                pause = OPERATOR_PAUSE
            _told(f"Workspace {team} is not served", error)
            await self._failed(team, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _failed(self, holder: str, error: BaseException | None) -> None:
        """The tasks of one that nobody mends rest as those of one that ended."""
        try:
            if await self._unserved.fails(holder, error):
                await self._stands(holder, here=False)
        except (InstallsError, HostBusy) as busy:
            _told(f"How {holder} failed is not noted yet", busy)

    async def _serve(self, team: str, life: Life, transport: Transport) -> None:
        token, organisation = await InstallationStore(self._kept).token_of(team)
        within = (organisation, team) if organisation else ("", "")
        space = Workspace(self._settings, token, self._folder, self._faces, within)
        try:
            await space.begin(self._host, self._access, whose=f"the token of workspace {team}")
            if space.team != team:
                raise InstallsError(f"the token of workspace {team} is {space.team}'s")
            await space.prepare(transport)
            space.client.refused = life.doubt.set
            self._served[team] = space
            life.ready.set()
            await self._open.wait()
            await self._unserved.back(team)
            await self._stands(team, here=True)
            self._ready()
            async with asyncio.TaskGroup() as group:
                group.create_task(_filled_and_kept(space, transport), name=f"slack:keep:{team}")
                group.create_task(self._doubted(space, life), name=f"slack:doubt:{team}")
        finally:
            if self._served.get(team) is space:
                del self._served[team]
            await space.close()

    async def _doubted(self, space: Workspace, life: Life) -> None:
        """Whether its token is good only Slack knows, and maybe a little later. Raises `SlackRefused` once it is not."""
        while True:
            await life.doubt.wait()
            life.doubt.clear()
            for pause in LOOKS:
                await asyncio.sleep(pause)
                await identify(space.client, f"the token of workspace {space.team}")

    async def _end(self, team: str, why: str) -> None:
        """First on disk: a host that dies here begins without it. What it tells afterwards is told at each start."""
        await self._kept.end(team, why)
        self._unserved.ended(Install(team, "", int(time.time() * 1000), why))
        self._lives.pop(team, None)
        log.warning(
            "Workspace %s: %s; it is served no more",
            team,
            why,
            extra={"action": "workspace_ended", "team": team},
        )
        await self._stands(team, here=False)

    async def _stands(self, team: str, *, here: bool) -> None:
        """Its tasks rest while it is gone."""
        await self._host.place_stands(Address("slack", team, ""), "open" if here else "gone")


async def _organisation_of(store: InstallationStore, team: str) -> str:
    try:
        return (await store.token_of(team))[1]
    except InstallsError:  # which is said when it is to be served
        return ""


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def _filled_and_kept(space: Workspace, transport: Transport) -> None:
    await space.fill()
    await space.keep(transport)


def _cause(error: BaseException | None) -> BaseException | None:
    """Of a group of tasks that ended together: the first that failed."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _told(what: str, error: BaseException | None) -> None:
    """With its traceback where it is none of those that Slack and the network bring."""
    known = isinstance(error, (SlackRefused, InstallsError, HostBusy, *TRANSIENT))
    said = str(error) or type(error).__name__
    log.warning("%s: %s", what, said, exc_info=None if known else error, extra={"action": "workspace_failed"})

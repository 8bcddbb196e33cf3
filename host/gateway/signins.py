"""Who the host is to MCP servers that ask for a sign-in: tokens kept sealed, renewed in time, and owners asked for a new sign-in.

A sign-in under way lives in this process: when the host ends it is over, and the next need begins another. Where several nodes
serve, the address of its landing page may be pasted at any of them: that one asks the others, sealed like all that is kept of a
sign-in, for a code may be in it.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from host.config.settings import Settings
from host.folders.seal import Seal, SealError
from host.gateway.egress import Reach
from host.gateway.fetching import Fetcher, NotFetched, is_private_line
from host.gateway.landing import Landing, SignInFailed
from host.governance import access, requests
from host.governance.access import LOCAL
from host.intake.pages import pasted_in
from host.ports.events import InboundEvent
from host.registry import logins, notices
from host.registry.errands import Errands
from host.registry.logins import Login
from host.registry.notices import Notice
from host.registry.port import Registry, Statements
from host.registry.sessions import Session, room
from host.words import Sentence, as_it_is, known, say
from sessiondb.options import McpServer
from sessiondb.records import Address

log = logging.getLogger(__name__)

LINK_LIVES = 3600.0  # s
PATIENCE = 20.0  # s that a request waits until it is known whether there is a link
AGAIN_AFTER = 60.0  # s after which a sign-in that could not begin is tried again
PASTED = "sign-in.pasted"  # an errand
SOON = 2.0  # s for another node's answer: platforms wait three for what somebody pasted
EARLY = 30.0  # s before its end a token is renewed

YES, NO = "yes", "no"
THANKS = say("Thank you. I will tell you when it is done.")
OVER = say("This sign-in is over. Ask again for what needs it, and I will send a new link.")
NOT_REACHED = say(
    "The machine that has this conversation does not answer, and nothing was done: try again in a minute."
)
Key = tuple[str, str, str]  # agent, server, and the workspace whose owners are asked


class Unavailable(Exception):
    """There is a sign-in, but it cannot be used now; the text says why."""


@dataclass
class _Pending:
    """A sign-in under way. `begun` is set when the link is out, or there will be none."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    landing: Landing | None = None
    told: Sequence[Address] = ()
    trouble: str = ""
    over_at: float = 0.0  # of the loop's clock


class SignIns:
    def __init__(
        self,
        settings: Settings,
        db: Registry,
        errands: Errands,
        seal: Seal,
        reach: Reach,
        now: Callable[[], int],
        say: Callable[[], None],
        learn: Callable[[str, str], None],
    ) -> None:
        """`say` is called when people have been told something, `learn` with a secret that is held."""
        self._learn = learn
        self._settings = settings
        self._db = db
        self._errands = errands
        errands.ways[PASTED] = self._asked_to
        self._seal = seal
        self._reach = reach
        self._now = now
        self._say = say
        self._locks: dict[
            tuple[str, str], asyncio.Lock
        ] = {}  # by agent and server: workspaces may have one in common
        self._pending: dict[Key, _Pending] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    # ── tokens ───────────────────────────────────────────────────────────────────────────────────────────

    async def token(self, session: Session, name: str, server: McpServer, refused: str = "") -> str:
        """'' where nobody has signed in, or it counts no more. `refused` is one that the server takes no longer.

        What a workspace's own owners signed in for is its own: there the agent reads what they may.

        Raises `Unavailable`, `SessionError`.
        """
        agent, home = session.agent, access.home(session.address)
        async with self._locks.setdefault((agent, name), asyncio.Lock()):
            found = await self._db.read(lambda connection: logins.load(connection, agent, name, home))
            if found is None:
                return ""
            try:
                login = logins.opened(self._seal, found, agent, name, server.url, home)
            except SealError as error:  # as if nobody had: whoever signs in again puts it right
                log.warning("MCP server %s: %s", name, error, extra={"action": "mcp_login_unreadable"})
                return ""
            if login is None:
                return ""
            self._issued(login)
            over = login.expires_at and login.expires_at - EARLY < self._now() / 1000
            if login.token != refused and not over:
                return login.token
            return await self._renewed(login, found)

    async def _renewed(self, login: Login, found: bytes) -> str:
        """Raises `Unavailable`, `SessionError`. Committed before it is used: the old one may count no more by now.

        A crash between the answer and the commit costs this sign-in; the next need asks for another.
        """
        library = await _library()
        try:
            fresh = await library.refreshed(login, Fetcher(login.url, self._reach))
        except NotFetched as error:
            raise Unavailable(f"its sign-in cannot be renewed now: {error}") from error
        if fresh is None:
            newer = await self._db.write(lambda connection: _dropped(connection, login, found))
            if newer:  # another node renewed it meanwhile: what was refused was the former one
                kept = logins.opened(self._seal, newer, login.agent, login.server, login.url, login.workspace)
                return str(kept.token) if kept is not None else ""
            log.warning(
                "The sign-in at MCP server %s counts no more",
                login.server,
                extra={"action": "mcp_login_over"},
            )
            return ""
        self._issued(fresh)
        await self._keep(fresh)
        return str(fresh.token)

    def _issued(self, login: Login) -> None:
        held = {**login.tokens, **login.client}
        for name in ("access_token", "refresh_token", "client_secret"):
            self._learn(f"{name} of {login.server}", str(held.get(name) or ""))

    async def _keep(self, login: Login) -> None:
        """Raises `Unavailable`, `SessionError`."""
        try:
            sealed = await asyncio.to_thread(logins.sealed, self._seal, login)
        except SealError as error:
            raise Unavailable(str(error)) from error
        now = self._now()
        await self._db.write(lambda connection: logins.keep(connection, login, sealed, now))

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────

    async def ask(self, session: Session, name: str, server: McpServer) -> str:
        """Has owners asked to sign in, once while a link lives; returns what to tell the model."""
        key = (session.agent, name, access.home(session.address))
        operator = f"the operator can run `dovecote mcp login {name} --agent {session.agent}`"
        if not is_private_line(server.url):
            return "it asks for a sign-in, which needs a url that begins with https"
        told = self._whom(session)
        if not told:
            return f"it asks for a sign-in, and there is no owner to ask: {operator}"
        pending = self._pending.get(key)
        clock = asyncio.get_running_loop().time
        if pending is None or clock() > pending.over_at:
            pending = self._pending[key] = _Pending(over_at=clock() + LINK_LIVES)
            task = asyncio.create_task(self._sign_in(key, server, told, pending), name=f"mcp-sign-in:{name}")
            self._tasks[key] = task
        try:
            async with asyncio.timeout(PATIENCE):
                await pending.begun.wait()
        except TimeoutError:
            return "it asks for a sign-in, which is being prepared"
        if pending.trouble:
            return f"it asks for a sign-in, which failed: {pending.trouble}; {operator}"
        return (
            "it asks for a sign-in; an owner has been sent a link and can do it at any time within the hour"
        )

    def _whom(self, session: Session) -> list[Notice]:
        """Notices without a text: each owner alone, or whoever sits at the console."""
        address = session.address
        if address.channel_type == LOCAL:
            return [Notice("", room(address), as_it_is(""))]
        return [
            Notice(
                "",
                notices.direct(platform, workspace),
                as_it_is(""),
                private_to=user,
            )
            for platform, workspace, user in requests.owners_of(self._settings.config.access, address)
        ]

    async def _sign_in(self, key: Key, server: McpServer, told: list[Notice], pending: _Pending) -> None:
        agent, name, home = key
        about = f"mcp-sign-in:{secrets.token_hex(8)}"

        async def show(url: str) -> None:
            await self._tell(
                told,
                about,
                say(
                    "The MCP server `{server}` of agent `{agent}` asks for a sign-in. [Open this page]({url}) and agree there. If"
                    " the page you land on does not load, copy its address from the browser and send it to me here. The link"
                    " works for an hour.",
                    server=name,
                    agent=self._settings.config.called(agent),
                    url=url,
                ),
            )
            pending.begun.set()

        done = False
        try:
            library = await _library()
            async with asyncio.timeout(LINK_LIVES), Landing(show) as landing:
                pending.landing = landing
                login = await library.sign_in(
                    agent, name, server.url, landing, Fetcher(server.url, self._reach)
                )
            await self._keep(replace(login, workspace=home))
            done = True
            said = say(
                "Signed in: agent `{agent}` can use the MCP server `{server}` from its next message on.",
                agent=self._settings.config.called(agent),
                server=name,
            )
        except (SignInFailed, NotFetched, Unavailable) as error:
            pending.trouble = str(error)
            said = say(
                "The sign-in at the MCP server `{server}` of agent `{agent}` failed: {reason}.",
                server=name,
                agent=self._settings.config.called(agent),
                reason=known(str(error)),
            )
        except TimeoutError:
            said = as_it_is("")
        except Exception as error:  # noqa: BLE001 - the end of a task: nobody waits for it
            pending.trouble = "the host made a mistake"
            log.error("A sign-in ended: %s", type(error).__name__, extra={"action": "mcp_sign_in_failed"})
            said = as_it_is("")
        finally:
            was_shown = pending.begun.is_set()
            pending.landing = None
            pending.begun.set()
            if done or not was_shown:  # who did not agree is not asked again before the hour is over
                pending.over_at = min(pending.over_at, asyncio.get_running_loop().time() + AGAIN_AFTER)
        log.info("Sign-in at MCP server %s: %s", name, said or "over", extra={"action": "mcp_sign_in"})
        if said and was_shown:
            await self._tell(told, f"{about}:end", said)

    async def _tell(self, told: list[Notice], about: str, text: Sentence) -> None:
        now = self._now()

        def job(connection: Statements) -> None:
            for number, one in enumerate(told):
                made = Notice(f"{about}:{number}", one.address, text, private_to=one.private_to)
                notices.add(connection, made, now)

        await self._db.write(job)
        self._say()

    # ── what people paste ────────────────────────────────────────────────────────────────────────────────

    async def pasted(self, event: InboundEvent) -> Sentence:
        """What to answer somebody who wrote the address of a landing page; '' for any other message.

        Such a message goes no further: what is in the address is for the host alone. Raises `SessionError`.
        """
        address = pasted_in(event.text)
        if not address:
            return as_it_is("")
        if not access.is_owner(self._settings.config.access, event.address, event.author.id):
            return say("Only an owner can sign in.")
        home = access.home(event.address)
        if self._arrived(home, address):
            return THANKS
        answers = await self._others(home, address)
        if YES in answers:
            return THANKS
        return NOT_REACHED if None in answers else OVER

    def _arrived(self, home: str, address: str) -> bool:
        """Whether it is of a sign-in that is under way here; told twice it is the first time once more."""
        return any(
            pending.landing is not None and pending.landing.arrived(address)
            for (_, _, whose), pending in self._pending.items()
            if whose in ("", home)
        )

    async def _others(self, home: str, address: str) -> Collection[str | None]:
        """What the other nodes say; None of one that says nothing. Raises `SessionError`."""
        if not self._errands.are_needed:
            return ()
        try:
            sealed = await asyncio.to_thread(self._seal.seal, json.dumps([home, address]))
        except SealError as error:
            log.warning("Other nodes are not asked: %s", error, extra={"action": "node_not_seen"})
            return ()
        return (await self._errands.ask_others(PASTED, sealed.decode(), SOON)).values()

    async def _asked_to(self, body: str) -> str:
        try:
            home, address = json.loads(await asyncio.to_thread(self._seal.open, body.encode()))
        except SealError as error:  # the nodes have keys of their own
            log.warning("What was pasted elsewhere: %s", error, extra={"action": "mcp_login_unreadable"})
            return NO
        return YES if self._arrived(home, address) else NO


def _dropped(connection: Statements, login: Login, found: bytes) -> bytes:
    """What is kept in its place by now; b'' where that is still what was `found`, which goes."""
    kept = logins.load(connection, login.agent, login.server, login.workspace)
    if kept is None or kept == found:
        logins.drop(connection, login)
        return b""
    return kept


async def _library() -> Any:
    """It takes most of a second to load: not in the loop, and only where somebody signs in."""
    return await asyncio.to_thread(importlib.import_module, "host.gateway.oauth")

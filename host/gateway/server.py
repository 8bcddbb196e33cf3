"""The gateway: an HTTP service on one Unix socket per live session, the one way out of a container (law 9).

The socket is the identity: whoever speaks on it is that session, so there is no token to steal. What passes is parsed,
allowed by the agent's permit, paid for from a budget, and given the real credential; answers stream through as they come.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from aiohttp import web

from host.config import Agent, Config
from host.config.settings import Settings
from host.gateway import bodies
from host.gateway.binding import listening_on
from host.gateway.budget import Budgets, Call, OverBudget
from host.gateway.credentials import Credentials, Grant, NoCredential, Via
from host.gateway.egress import Internet, Reach, Tunnels, at_once
from host.gateway.elsewhere import Elsewhere, granted, split
from host.gateway.fields import LARGEST_REFUSAL, REFUSALS, Fields
from host.gateway.front import Entrance
from host.gateway.meter import Meter, count
from host.gateway.permits import Asked, Permit, Refused
from host.gateway.prices import cost, price_of, upper_bound
from host.gateway.readers import SMALL, Allowance, Holding, Readers, holding
from host.gateway.remotes import Remotes
from host.mailbox.open import Mailboxes
from host.ports import figures
from host.ports.door import UNPACKS
from host.ports.stations import Stations
from host.registry.sessions import Session
from sessiondb import MessageIn, SessionError
from sessiondb.contract import SAID_BY_HOST
from sessiondb.remote_servers import PREFIX

log = logging.getLogger(__name__)

LARGEST_BODY = 32 * 1024 * 1024  # bytes; the model API's own limit
REQUESTS_AT_A_TIME = 8  # of one session
BODY_DEADLINE = 30.0  # s from a request's head to the end of its body
CONNECT_TIMEOUT = 30.0  # s
READ_TIMEOUT = 600.0  # s without a byte of the answer; the API pings more often
TURNED_AWAY = 1.0  # s until somebody who asks too often hears so
UNPAID = frozenset({400, 401, 403, 404, 413, 422})  # statuses of the API that are the caller's own doing
CLOSING_GRACE = 1.0  # s for answers under way when their runner has ended
PASSED_ON = ("anthropic-version", "content-type")
PASSED_BACK = ("content-type", "request-id", "retry-after", "x-should-retry")


class GatewayError(Exception):
    """The session cannot be served now; the text says why, for people. `.transient`: it may work the next time."""

    def __init__(self, reason: str, *, transient: bool = True) -> None:
        super().__init__(reason)
        self.transient = transient


class Door(Protocol):
    """The gateway as the supervisor sees it."""

    async def open(self, session: Session, config: Config) -> None:
        """Before its runner starts, which keeps this configuration. Raises `GatewayError`."""

    async def equip(self, session: Session) -> Provisions:
        """What its next runner is given besides the socket. Raises `GatewayError`."""

    async def close(self, session: Session) -> None:
        """After the confirmed end of its runner."""


@dataclass(frozen=True, slots=True)
class Provisions:
    """Nothing secret: variables, and files by their place in the container."""

    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass
class _Open:
    session: Session
    permit: Permit
    runner: web.ServerRunner
    tunnels: Tunnels
    elsewhere: Elsewhere | None = None
    entrance: Entrance | None = None
    listener: asyncio.Server | None = None
    under_way: int = 0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    free: Allowance = field(default_factory=Allowance)


@dataclass(frozen=True, slots=True)
class _Passing:
    """A request that may pass, with what it takes to pass it on."""

    door: _Open
    request: web.BaseRequest
    asked: Asked
    held: Holding
    grant: Grant
    elsewhere: Elsewhere | None  # where it goes instead of to the model's own place


@dataclass(frozen=True, slots=True)
class Ways:
    """Where else than to the model a container may be led."""

    reach: Reach = field(default_factory=Internet)
    remotes: Remotes | None = None
    copied: Callable[[Session], Awaitable[None]] = at_once  # before it
    environment: Mapping[str, str] = field(default_factory=dict)  # with the keys of other models' places


class Gateway:
    def __init__(
        self,
        settings: Settings,
        mailboxes: Mailboxes,
        budgets: Budgets,
        credentials: Credentials,
        fields: Fields,
        stations: Stations,
        ways: Ways | None = None,
    ) -> None:
        self._stations = stations
        self._ways = ways or Ways()
        self._settings = settings
        self._mailboxes = mailboxes
        self._budgets = budgets
        self._credentials = credentials
        self._fields = fields
        self._readers = Readers()
        self._open: dict[str, _Open] = {}
        self._upstream: aiohttp.ClientSession | None = None
        self._settling: set[asyncio.Task[None]] = set()

    # ── sockets ──────────────────────────────────────────────────────────────────────────────────────────

    async def open(self, session: Session, config: Config) -> None:
        agent = config.agents.get(session.agent)
        if agent is None or session.id in self._open:
            return

        remotes = self._ways.remotes
        line = remotes.line(session, agent) if remotes is not None else None

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if remotes is not None and line is not None and request.path.startswith(PREFIX):
                return await remotes.handle(line, request, self._readers.room)
            return await self._handle(door, request)

        runner = web.ServerRunner(
            web.Server(handle, handler_cancellation=True, access_log=None, auto_decompress=UNPACKS),
            shutdown_timeout=CLOSING_GRACE,
        )
        door = _Open(session, Permit.of(agent), runner, self._tunnels(session, agent), Elsewhere.of(agent))
        await runner.setup()
        serve = runner.server
        assert serve is not None  # noqa: S101 - it is set up
        door.entrance = Entrance(serve, door.tunnels.begin)
        try:
            listener = await asyncio.to_thread(listening_on, session.folder.gateway_socket)
            door.listener = await asyncio.get_running_loop().create_unix_server(door.entrance, sock=listener)
        except OSError as error:
            await runner.cleanup()
            raise GatewayError(f"the gateway's socket cannot be made: {error}") from error
        self._open[session.id] = door

    async def equip(self, session: Session) -> Provisions:
        try:
            given = await self._credentials.equip(session.agent)
        except NoCredential as missing:
            raise GatewayError(str(missing), transient=missing.transient) from missing
        try:
            files = await asyncio.to_thread(_lay_out, session.folder.vault, given.files)
            without = " ".join(await self._fields.without())
        except OSError as error:
            raise GatewayError(f"the vault's files cannot be written: {error.strerror}") from error
        except SessionError as error:
            raise GatewayError("the host cannot read its own records right now") from error
        told = {"DOVECOTE_MODEL_WITHOUT": without} if without else {}
        return Provisions({**given.environment, **told}, files)

    async def close(self, session: Session) -> None:
        door = self._open.pop(session.id, None)
        if door is None:
            return
        if door.listener is not None:
            door.listener.close()
        if door.entrance is not None:
            door.entrance.close()
        await door.tunnels.close()
        await door.runner.cleanup()
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(session.folder.gateway_socket.unlink)

    async def stop(self) -> None:
        """Everything is closed and settled when this returns."""
        for door in list(self._open.values()):
            await self.close(door.session)
        await self.settled()
        await self._readers.close()
        await self._credentials.close()
        if self._ways.remotes is not None:
            await self._ways.remotes.close()
        if self._upstream is not None:
            await self._upstream.close()

    async def settled(self) -> None:
        """When every call that has ended is accounted for."""
        while self._settling:
            await asyncio.wait(list(self._settling))

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────

    async def _handle(self, door: _Open, request: web.BaseRequest) -> web.StreamResponse:
        if door.under_way >= REQUESTS_AT_A_TIME:
            return await _turned_away(request, "too many requests of this conversation at a time")
        if door.free.is_spent(asyncio.get_running_loop().time()):
            return await _turned_away(request, "too many calls of this conversation that cost nothing")
        door.under_way += 1
        costs_nothing = True
        try:
            with holding(self._readers.room, door.session.id) as held:
                elsewhere, path = split(request.path, door.elsewhere)
                asked = await self._asked(
                    door, elsewhere.permit if elsewhere else door.permit, request, path, held
                )
                grant = await granted(
                    elsewhere, door.session.agent, self._credentials, self._ways.environment
                )
                passing = _Passing(door, request, asked, held, grant, elsewhere)
                if not asked.is_charged:
                    return await self._pass(passing, Meter(streamed=False))
                response = await self._pass_paid(passing)
                costs_nothing = response.status in UNPAID
                return response
        except Refused as refused:
            self._note(door, refused.kind, refused.message)
            return _error(refused.status, refused.kind, refused.message)
        except (_NotSent, _Lost) as failure:
            costs_nothing = False
            return _error(502, "api_error", str(failure))
        except NoCredential as missing:
            self._note(door, "no_credential", str(missing))
            if missing.transient:
                return _error(503, "api_error", str(missing))
            return _error(401, "authentication_error", str(missing))
        except OverBudget as over:
            self._note(door, "over_budget", str(over))
            return _error(402, "billing_error", f"{SAID_BY_HOST if over.told else ''}{over}")
        except SessionError as error:
            self._note(door, "no_account", str(error))
            return _error(503, "api_error", "the host cannot keep account of requests right now")
        finally:
            door.under_way -= 1
            if costs_nothing:
                door.free.spend(request.content_length or LARGEST_BODY)

    async def _asked(
        self, door: _Open, permit: Permit, request: web.BaseRequest, path: str, held: Holding
    ) -> Asked:
        """One body of a session at a time, from its first byte until it is read. Raises `Refused`."""
        async with door.reading:
            raw = await bodies.whole(
                request,
                held,
                most=LARGEST_BODY,
                deadline=BODY_DEADLINE,
                what="request",
                taken="the model API takes",
            )
            asked = await self._readers.read(
                permit, request.method, path, request.query_string, request.headers, raw
            )
        held.body = asked.body
        return replace(asked, body=b"")

    async def _pass_paid(self, passing: _Passing) -> web.StreamResponse:
        """Reserved before, settled after, whatever happens in between."""
        door, asked = passing.door, passing.asked
        price = price_of(asked.model, self._settings.config.model.prices)
        whose = await self._whose(door.session)
        author, task = (whose.author_id, whose.task_id) if whose else ("", "")
        most = upper_bound(asked.tokens, asked.max_tokens, price)
        place = (whose.address, whose.platform_message_id, whose.id) if whose else (None, "", "")
        call = Call(door.session.id, door.session.agent, author, task, asked.model, most, *place)
        reservation = await self._reserved(call)
        ended = self._stations.model_called(door.session.id, whose, asked.model)
        meter = Meter(streamed=asked.streamed)
        unpaid = False
        try:
            response = await self._pass(passing, meter)
            unpaid = response.status >= 400
            return response
        except _NotSent:
            unpaid = True
            raise
        finally:
            if unpaid:
                settlement = self._budgets.release(reservation)
            elif meter.complete or (meter.knows_anything and not asked.uncertain and not meter.uncertain):
                paid = cost(meter.usage, price)
                count(call.agent, meter.usage, paid)
                settlement = self._budgets.settle(
                    reservation, meter.usage, paid, estimated=not meter.complete
                )
            else:
                count(call.agent, meter.usage, call.cost)
                settlement = self._budgets.charge_in_full(reservation)
            ended("not answered" if unpaid else "" if meter.complete else "broke off")
            self._settle_soon(settlement)

    async def _reserved(self, call: Call) -> int:
        """Set aside, or given back: a client that goes away while it is being written must not tie money down."""
        reserving = asyncio.ensure_future(self._budgets.reserve(call))
        try:
            return await asyncio.shield(reserving)
        except asyncio.CancelledError:
            self._settle_soon(_given_back(self._budgets, reserving))
            raise

    def _settle_soon(self, settlement: Awaitable[None]) -> None:
        """It outlives the request it is for: that one may be cancelled at any moment."""
        task = asyncio.create_task(_settled(settlement), name="settle")
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _pass(self, passing: _Passing, meter: Meter) -> web.StreamResponse:
        request, asked, agent = passing.request, passing.asked, passing.door.session.agent
        called_at = asyncio.get_running_loop().time()
        async with await self._sent(passing) as answer:
            figures.MODEL_CALLS.labels(agent, str(answer.status)).inc()
            figures.FIRST_BYTE.labels(agent).observe(asyncio.get_running_loop().time() - called_at)
            response = web.StreamResponse(status=answer.status)
            for name in PASSED_BACK:
                if name in answer.headers:
                    response.headers[name] = answer.headers[name]
            refusal = bytearray()
            try:
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    meter.feed(chunk)
                    if answer.status in REFUSALS and len(refusal) < LARGEST_REFUSAL:
                        refusal += chunk
                    await response.write(chunk)
                meter.end()
                if passing.elsewhere is None:
                    await self._learn(asked, answer.status, bytes(refusal))
                await response.write_eof()
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                # Either side is gone. Half an answer must not look whole.
                if request.transport is not None:
                    request.transport.abort()
            return response

    async def _sent(self, passing: _Passing) -> aiohttp.ClientResponse:
        """The beginning of the answer; the body is given back by then. Raises `_NotSent`, `_Lost`."""
        door, request, asked, grant = passing.door, passing.request, passing.asked, passing.grant
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        headers = {
            "content-type": "application/json",
            **headers,
            "accept-encoding": "identity",
            **grant.headers,
        }
        if asked.betas:
            headers["anthropic-beta"] = ",".join(asked.betas)
        place = passing.elsewhere.url if passing.elsewhere else self._settings.config.model.base_url
        url = place + asked.path
        try:
            return await self._client().post(
                url,
                data=io.BytesIO(passing.held.body),  # written piece by piece, with its length known
                headers=headers,
                allow_redirects=False,
                **_way(grant.via),
            )
        except aiohttp.ClientHttpProxyError as error:
            self._credentials.distrust(door.session.agent)
            raise _NotSent(f"the credential vault's proxy refuses the request ({error.status})") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise _NotSent("the model API cannot be reached") from error
        except (aiohttp.ClientError, TimeoutError):
            raise _Lost("the connection to the model API was lost") from None
        finally:
            passing.held.end()

    async def _learn(self, asked: Asked, status: int, refusal: bytes) -> None:
        """Before the runner has the end of the answer: then the next one to start is told."""
        if status < 400:
            self._fields.accepted(asked.optional)
        if status not in REFUSALS:
            return
        try:
            field = await self._fields.refused(asked.optional, asked.tools, refusal)
        except SessionError as error:
            log.warning("A refused field is not remembered: %s", error, extra={"action": "field_refused"})
            return
        if field:
            log.warning("The model's address does not take %s", field, extra={"action": "field_refused"})

    async def _whose(self, session: Session) -> MessageIn | None:
        """The oldest message under way."""
        wanting = await self._mailboxes.use(session, lambda writer: writer.wanting())
        return wanting[0] if wanting else None

    def _tunnels(self, session: Session, agent: Agent) -> Tunnels:
        async def via() -> Via | None:
            return await self._credentials.way(session.agent)

        return Tunnels(
            session.id,
            frozenset(agent.network.allow),
            self._ways.reach,
            via,
            lambda: self._credentials.distrust(session.agent),
            lambda: self._ways.copied(session),
        )

    def _client(self) -> aiohttp.ClientSession:
        if self._upstream is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=READ_TIMEOUT)
            self._upstream = aiohttp.ClientSession(
                timeout=timeout, auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)
            )
        return self._upstream

    def _note(self, door: _Open, kind: str, reason: str) -> None:
        figures.REFUSALS.labels(door.session.agent, kind).inc()
        log.warning(
            "Model request refused: %s",
            reason,
            extra={"action": "request_refused", "session": door.session.id},
        )


def _way(via: Via | None) -> dict[str, Any]:
    """By the vault's proxy, and trusting its certificates, where there is one."""
    if via is None:
        return {}
    return {"proxy": via.url, "proxy_headers": {"Proxy-Authorization": via.authorization}, "ssl": via.trust}


class _NotSent(Exception):
    """The request did not leave this machine."""


class _Lost(Exception):
    """The request may have been worked on; its answer is lost."""


async def _settled(settlement: Awaitable[None]) -> None:
    try:
        await settlement
    except SessionError as error:
        # It stays reserved, and is charged in full at the next boot.
        log.error("A model call is not settled: %s", error, extra={"action": "settlement_failed"})


async def _given_back(budgets: Budgets, reserving: Awaitable[int]) -> None:
    with contextlib.suppress(OverBudget):  # then nothing was set aside
        await budgets.release(await reserving)


async def _turned_away(request: web.BaseRequest, reason: str) -> web.StreamResponse:
    """Late, and without a look at the body: whoever comes again at once gains nothing by it."""
    await asyncio.sleep(TURNED_AWAY)
    if (request.content_length or LARGEST_BODY) > SMALL and request.transport is not None:
        request.transport.abort()  # an answer would have the whole body read first
    return _error(429, "rate_limit_error", reason)


def _error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"type": "error", "error": {"type": kind, "message": message}}, status=status)


def _lay_out(folder: Path, contents: Mapping[str, str]) -> dict[str, Path]:
    """One session's own copies, made for the start of the only runner it has: nobody else writes or reads them."""
    if folder.exists():
        shutil.rmtree(folder)
    if not contents:
        return {}
    folder.mkdir(mode=0o700)
    files = {path: folder / str(number) for number, path in enumerate(contents)}
    for path, file in files.items():
        file.write_text(contents[path], encoding="utf-8")
        file.chmod(0o400)
    return files

"""MCP servers on the web, offered on a session's socket at `/mcp/NAME`: the container speaks MCP, the host adds who it is.

Only bytes pass, in both directions and as they come; nothing that a container or a server sent is parsed here. What
identifies the host to the server goes no further than this process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp import web

from host.config import Agent, tidied, unfit
from host.gateway import bodies
from host.gateway.credentials import Credentials, NoCredential, Via
from host.gateway.egress import KEEPS_NO_RECORDS
from host.gateway.fetching import is_private_line
from host.gateway.permits import Refused
from host.gateway.readers import Allowance, Holding, Room, holding
from host.gateway.signins import SignIns, Unavailable
from host.registry.sessions import Session
from sessiondb import SessionError
from sessiondb.options import McpServer, Options
from sessiondb.remote_servers import AWAY, PREFIX

log = logging.getLogger(__name__)

REQUESTS_AT_A_TIME = 24  # of one session: a stream to each server, and calls beside it
LARGEST_REQUEST = 8 * 1024 * 1024  # bytes of one message to a server
LARGEST_ANSWER = 64 * 1024 * 1024  # bytes of one answer or stream, after which it is cut off
BODY_DEADLINE = 30.0  # s from a request's head to the end of its body
CONNECT_TIMEOUT = 20.0  # s
READ_TIMEOUT = 900.0  # s without a byte of an answer or a stream
TURNED_AWAY = 1.0  # s until somebody who asks too often hears so
MOST_REDIRECTS = 3
METHODS = frozenset({"POST", "GET", "DELETE"})
PASSED_ON = ("accept", "content-type", "last-event-id")
PASSED_BACK = ("content-type", "retry-after", "cache-control")
OWN = "mcp-"  # how the protocol's own headers begin


class Away(Exception):
    """The server cannot be used now; the text says why, for the model and for people."""


@dataclass
class Line:
    """One session's way to its servers."""

    session: Session
    servers: Mapping[str, McpServer]
    free: Allowance = field(default_factory=Allowance)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    under_way: int = 0


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request on its way to a server, without who the host is."""

    line: Line
    name: str
    server: McpServer
    method: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Remotes:
    """Those of all agents, for all sessions."""

    def __init__(
        self,
        environment: Mapping[str, str],
        credentials: Credentials,
        sign_ins: SignIns,
        copied: Callable[[Session], Awaitable[None]],
    ) -> None:
        """`copied`: before a server is asked for anything."""
        self._copied = copied
        self._environment = tidied(environment)
        self._credentials = credentials
        self._sign_ins = sign_ins
        self._client: aiohttp.ClientSession | None = None

    def line(self, session: Session, agent: Agent) -> Line:
        """`agent` is as it was when the session's runner began."""
        return Line(session, {name: one for name, one in Options.of(agent.options).mcp.items() if one.url})

    async def close(self) -> None:
        await self._sign_ins.close()
        if self._client is not None:
            await self._client.close()

    async def handle(self, line: Line, request: web.BaseRequest, room: Room) -> web.StreamResponse:
        """`room` is that of everybody whose bodies the host has in hand."""
        if line.under_way >= REQUESTS_AT_A_TIME or line.free.is_spent(asyncio.get_running_loop().time()):
            await asyncio.sleep(TURNED_AWAY)
            return _error(429, "too many requests to MCP servers of this conversation at a time")
        name = request.path.removeprefix(PREFIX)
        line.under_way += 1
        try:
            with holding(room, line.session.id) as held:
                return await self._passed(line, name, request, held)
        except Refused as refused:
            line.free.spend(request.content_length or LARGEST_REQUEST)
            return _error(refused.status, refused.message)
        except Away as away:
            line.free.spend()
            told = {"action": "mcp_server_away", "session": line.session.id}
            log.warning("MCP server %s of agent %s: %s", name, line.session.agent, away, extra=told)
            return _error(502, f"server {name} does not answer: {away}")
        finally:
            line.under_way -= 1

    async def _passed(
        self, line: Line, name: str, request: web.BaseRequest, held: Holding
    ) -> web.StreamResponse:
        """Raises `Refused`, `Away`."""
        server = line.servers.get(name)
        if server is None:
            raise Refused(404, "not_found_error", f"this agent has no MCP server {name!r} on the web")
        if request.method not in METHODS:
            raise Refused(405, "invalid_request_error", "an MCP server is spoken to by POST, GET and DELETE")
        async with line.reading:  # one body of a session at a time
            held.body = bytes(
                await bodies.whole(
                    request,
                    held,
                    most=LARGEST_REQUEST,
                    deadline=BODY_DEADLINE,
                    what="message",
                    taken="MCP servers are sent",
                )
            )
        headers = {
            header: value
            for header, value in request.headers.items()
            if (header.lower() in PASSED_ON or header.lower().startswith(OWN))
            and header.lower() != server.header.lower()
        }
        try:
            await self._copied(line.session)
        except SessionError as error:
            raise Away(KEEPS_NO_RECORDS) from error
        sent = _Sent(line, name, server, request.method, held.body, headers)
        answer = await self._identified(sent)
        async with answer:
            held.end()
            return await self._answered(sent, request, answer)

    async def _identified(self, sent: _Sent) -> aiohttp.ClientResponse:
        """The answer to a request that says who the host is; once more where a token had to be renewed. Raises `Away`."""
        via = await self._via(sent.line)
        if sent.server.secret_env:
            return await self._sent(sent, self._secret(sent.server), via)
        token = await self._token(sent)
        answer = await self._sent(sent, _bearer(token), via)
        if answer.status == 401 and token:
            answer.release()
            token = await self._token(sent, refused=token)
            answer = await self._sent(sent, _bearer(token), via)
        return answer

    async def _token(self, sent: _Sent, refused: str = "") -> str:
        """Raises `Away`."""
        if not is_private_line(sent.server.url):
            return ""
        try:
            return await self._sign_ins.token(sent.line.session, sent.name, sent.server, refused)
        except (Unavailable, SessionError) as error:
            raise Away(str(error)) from error

    def _secret(self, server: McpServer) -> dict[str, str]:
        """Raises `Away`."""
        secret = self._environment.get(server.secret_env, "").strip()
        if not secret:
            raise Away(f"the host's environment has no {server.secret_env}")
        if problem := unfit(secret):
            raise Away(f"{server.secret_env} {problem}")
        if not is_private_line(server.url):
            raise Away("a secret would go there without encryption: its url must begin with https")
        return _bearer(secret) if server.header.lower() == "authorization" else {server.header: secret}

    async def _via(self, line: Line) -> Via | None:
        """Raises `Away`."""
        try:
            return await self._credentials.way(line.session.agent)
        except NoCredential as missing:
            raise Away(str(missing)) from missing

    async def _sent(
        self, sent: _Sent, identity: Mapping[str, str], via: Via | None
    ) -> aiohttp.ClientResponse:
        """The beginning of the answer. Follows redirects that stay with the server. Raises `Away`."""
        url = sent.server.url
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._asked(sent, url, identity, via)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            answer.release()
            further = urljoin(url, answer.headers.get("location", ""))
            if urlsplit(further)[:2] != urlsplit(url)[:2] or answer.status < 307:
                raise Away(f"it sends to another address, {further[:200]}: name that one as its url")
            url = further
        raise Away("it sends from one address to the next")

    async def _asked(
        self, sent: _Sent, url: str, identity: Mapping[str, str], via: Via | None
    ) -> aiohttp.ClientResponse:
        """Raises `Away`."""
        way: dict[str, Any] = (
            {}
            if via is None
            else {
                "proxy": via.url,
                "proxy_headers": {"Proxy-Authorization": via.authorization},
                "ssl": via.trust,
            }
        )
        try:
            headers = {**sent.headers, "accept-encoding": "identity", **identity}
            return await self._session().request(
                sent.method, url, data=sent.body or None, headers=headers, allow_redirects=False, **way
            )
        except aiohttp.ClientConnectorCertificateError as error:
            raise Away("its certificate is not trusted") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise Away("it cannot be reached") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Away("the connection was lost") from error

    async def _answered(
        self, sent: _Sent, request: web.BaseRequest, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        """Raises `Away`."""
        if answer.status == 401 and not sent.server.secret_env:
            raise Away(await self._sign_ins.ask(sent.line.session, sent.name, sent.server))
        if answer.status in (401, 403, 407):
            who = f"what {sent.server.secret_env} holds" if sent.server.secret_env else "this agent"
            raise Away(f"it refuses {who} (status {answer.status})")
        if answer.status >= 500:
            raise Away(f"it fails with status {answer.status}")
        response = web.StreamResponse(status=answer.status)
        for name, value in answer.headers.items():
            if name.lower() in PASSED_BACK or name.lower().startswith(OWN):
                response.headers[name] = value
        passed = 0
        try:
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                passed += len(chunk)
                if passed > LARGEST_ANSWER:
                    raise ConnectionError
                await response.write(chunk)
            await response.write_eof()
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            # Either side is gone, or it never ends. Half an answer must not look whole.
            if request.transport is not None:
                request.transport.abort()
        return response

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            # No cookies: they would tie the conversations of all sessions together.
            self._client = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_TIMEOUT, sock_read=READ_TIMEOUT
                ),
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._client


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _error(status: int, message: str) -> web.Response:
    """As the protocol's library reads it; it puts the request's own id in."""
    told = {"jsonrpc": "2.0", "id": None, "error": {"code": AWAY, "message": message}}
    return web.json_response(told, status=status)

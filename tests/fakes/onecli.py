"""A OneCLI credential vault on loopback: its API, and the HTTPS proxy that puts the real credentials in.

A container gets placeholders and a proxy address with its agent's token. The proxy takes a CONNECT,
terminates TLS with a certificate of its own authority, swaps placeholders for the real values and forwards to
the `upstream` that the test named for the host; nothing leaves loopback. The bodies of errors,
`{"error": CODE, "message": …}`, are this fake's own: go by the status.

    async with FakeOneCLI() as vault:
        vault.add_secret(Secret("api.example.com", "sk-placeholder", "sk-real", upstream, env="EXAMPLE_KEY"))
"""

import asyncio
import base64
import contextlib
import json
import re
import secrets
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from tests.fakes.certificates import CertificateAuthority

API_KEY = "oc-fake-onecli-key"
DEFAULT_AGENT = "default"  # whose configuration a request without `agent` gets
CA_CONTAINER_PATH = "/tmp/onecli-gateway-ca.pem"
CLOSING_GRACE = 0.1  # seconds that requests under way get when the vault stops
HOP_BY_HOP = frozenset(
    {"connection", "content-length", "host", "keep-alive", "proxy-authorization", "transfer-encoding"}
)


@dataclass(frozen=True)
class Secret:
    """In requests to `host`, `placeholder` in a header becomes `value`; `env` names it in the container."""

    host: str
    placeholder: str
    value: str
    upstream: str
    env: str


@dataclass(frozen=True)
class CredentialStub:
    container_path: str
    content: str


@dataclass(frozen=True)
class Agent:
    name: str
    identifier: str
    token: str


@dataclass(frozen=True)
class Status:
    """The next API call is answered with this status."""

    status: int
    code: str = "INTERNAL"


@dataclass(frozen=True)
class Drop:
    """The next API call's connection ends without an answer."""


@dataclass(frozen=True)
class ApiCall:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes


@dataclass(frozen=True)
class Forwarded:
    """A request through the proxy: as the container sent it, and the headers the upstream saw."""

    agent: str
    host: str
    method: str
    path: str
    raw: bytes
    received_headers: Mapping[str, str]
    sent_headers: Mapping[str, str]


@dataclass(frozen=True)
class _Tunnel:
    agent: str
    host: str


class FakeOneCLI:
    """`quota` limits the agents that may be created; `ready` and `down` are switches for the test."""

    def __init__(self, *, api_key: str = API_KEY, quota: int | None = None) -> None:
        self.api_key = api_key
        self.quota = quota
        self.ready = True
        self.down = False
        self.base_url = ""
        self.proxy_port = 0
        self.authority = CertificateAuthority("Fake OneCLI gateway")
        self.agents: dict[str, Agent] = {}
        self.stubs: list[CredentialStub] = []
        self.warnings: list[str] = []
        self.calls: list[ApiCall] = []
        self.forwarded: list[Forwarded] = []
        self._default = Agent("Default", DEFAULT_AGENT, _new_token())
        self._secrets: list[Secret] = []
        self._faults: deque[Status | Drop] = deque()
        self._tunnels: dict[int, _Tunnel] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._api = self._build_api()
        self._interceptor = self._build_interceptor()
        self._interceptor_port = 0

    def add_secret(self, secret: Secret) -> None:
        self._secrets.append(secret)

    def add_agent(self, identifier: str, name: str = "") -> Agent:
        agent = Agent(name or identifier, identifier, _new_token())
        self.agents[identifier] = agent
        return agent

    def fail_next(self, *faults: Status | Drop) -> None:
        """Faults for the next API calls, one each."""
        self._faults.extend(faults)

    def proxy_url(self, identifier: str, host: str = "127.0.0.1") -> str:
        agent = self._default if identifier == DEFAULT_AGENT else self.agents[identifier]
        return f"http://x:{agent.token}@{host}:{self.proxy_port}"

    async def start(self) -> None:
        await self._api.setup()
        await web.TCPSite(self._api, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._api.addresses[0][1]}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = self._choose_certificate
        await self._interceptor.setup()
        await web.TCPSite(self._interceptor, "127.0.0.1", 0, ssl_context=context).start()
        self._interceptor_port = self._interceptor.addresses[0][1]
        self._proxy = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.proxy_port = self._proxy.sockets[0].getsockname()[1]
        self._upstream = aiohttp.ClientSession(auto_decompress=False, trust_env=False)

    async def stop(self) -> None:
        self._proxy.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._upstream.close()
        await self._interceptor.cleanup()
        await self._api.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # The API

    def _build_api(self) -> web.AppRunner:
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/v1/agents", self._create_agent)
        app.router.add_get("/v1/container-config", self._container_config)
        return web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING_GRACE)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        raw = await request.read()
        self.calls.append(ApiCall(request.method, request.path, request.query, request.headers, raw))
        fault = self._faults.popleft() if self._faults else None
        if self.down or isinstance(fault, Drop):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if isinstance(fault, Status):
            return _error(fault.status, fault.code)
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return _error(401, "UNAUTHORIZED")
        response: web.StreamResponse = await handler(request)
        return response

    async def _create_agent(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
            name, identifier = str(body["name"]), str(body["identifier"])
        except (ValueError, KeyError, TypeError):
            return _error(400, "INVALID_BODY")
        if not name or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,49}", identifier):
            return _error(400, "INVALID_IDENTIFIER")
        if identifier in self.agents or identifier == DEFAULT_AGENT:
            return _error(409, "AGENT_EXISTS")
        if self.quota is not None and len(self.agents) >= self.quota:
            return _error(403, "QUOTA_EXCEEDED")
        agent = self.add_agent(identifier, name)
        created = {
            "id": f"agent-{len(self.agents)}",
            "name": agent.name,
            "identifier": agent.identifier,
            "createdAt": "2026-10-21T00:00:00.000Z",
        }
        return web.json_response(created, status=201)

    async def _container_config(self, request: web.Request) -> web.Response:
        identifier = request.query.get("agent", DEFAULT_AGENT)
        if identifier not in self.agents and identifier != DEFAULT_AGENT:
            return _error(404, "AGENT_NOT_FOUND")
        if not self.ready:
            return _error(503, "NOT_READY")
        config: dict[str, Any] = {
            "env": self._container_env(identifier),
            "caCertificate": self.authority.pem,
            "caCertificateContainerPath": CA_CONTAINER_PATH,
        }
        if self.stubs:
            config["credentialStubs"] = [
                {"containerPath": stub.container_path, "content": stub.content} for stub in self.stubs
            ]
        if self.warnings:
            config["warnings"] = self.warnings
        return web.json_response(config)

    def _container_env(self, identifier: str) -> dict[str, str]:
        proxy = self.proxy_url(identifier)
        bundles = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO")
        return {
            "HTTPS_PROXY": proxy,
            "HTTP_PROXY": proxy,
            "NODE_USE_ENV_PROXY": "1",
            **dict.fromkeys(bundles, CA_CONTAINER_PATH),
            **{secret.env: secret.placeholder for secret in self._secrets},
        }

    # The proxy: a CONNECT becomes a pipe to the interceptor, which speaks TLS and HTTP

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            tunnel = await self._accept(reader, writer)
            if tunnel is not None:
                await self._pipe(tunnel, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Tunnel | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head)}
        if self.down:
            return None
        agent = self._agent_of(headers.get("proxy-authorization", ""))
        if agent is None:
            await _turn_away(writer, "407 Proxy Authentication Required", "Proxy-Authenticate: Basic")
            return None
        if method != "CONNECT":
            await _turn_away(writer, "501 Not Implemented")
            return None
        writer.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        await writer.drain()
        return _Tunnel(agent.identifier, target.rpartition(":")[0].strip("[]"))

    def _agent_of(self, authorization: str) -> Agent | None:
        try:
            _, _, token = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        except ValueError:
            return None
        known = [self._default, *self.agents.values()]
        return next((agent for agent in known if agent.token == token), None)

    async def _pipe(
        self, tunnel: _Tunnel, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._interceptor_port)
        # The interceptor knows a connection by the port it comes from; no byte is sent before it is noted.
        port: int = inner_writer.get_extra_info("sockname")[1]
        self._tunnels[port] = tunnel
        try:
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
        finally:
            self._tunnels.pop(port, None)
            inner_writer.close()

    def _choose_certificate(
        self, tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext
    ) -> None:
        tls.context = self.authority.server_context(name or "127.0.0.1")

    def _build_interceptor(self) -> web.AppRunner:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{rest:.*}", self._forward)
        return web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=CLOSING_GRACE)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        tunnel = self._tunnels[peer[1]] if peer else _Tunnel("", "")
        matching = [secret for secret in self._secrets if secret.host == tunnel.host]
        if not matching:
            return web.json_response({"error": f"no upstream for {tunnel.host}"}, status=502)
        sent = _passed_on(request.headers)
        for secret in matching:
            sent = {name: value.replace(secret.placeholder, secret.value) for name, value in sent.items()}
        raw = await request.read()
        self.forwarded.append(
            Forwarded(tunnel.agent, tunnel.host, request.method, request.path_qs, raw, request.headers, sent)
        )
        target = matching[0].upstream.rstrip("/") + request.path_qs
        async with self._upstream.request(
            request.method, target, headers=sent, data=raw or None, allow_redirects=False
        ) as answered:
            response = web.StreamResponse(status=answered.status)
            response.headers.extend(_passed_on(answered.headers))
            await response.prepare(request)
            async for chunk in answered.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}


def _new_token() -> str:
    return f"aoc_{secrets.token_hex(16)}"


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"error": code, "message": code.replace("_", " ").capitalize()}, status=status)


async def _turn_away(writer: asyncio.StreamWriter, status: str, *headers: str) -> None:
    lines = [f"HTTP/1.1 {status}", "Content-Length: 0", "Connection: close", *headers, "", ""]
    writer.write("\r\n".join(lines).encode())
    await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either side ends; the end is passed on, so that both directions finish."""
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()

"""OneCLI, a credential vault: its proxy puts the real credentials in, so that not even this host has them.

The container gets what the vault means for it (placeholders, a certificate, stub files) without the address of the proxy
and the agent's token in it: the gateway goes by the proxy itself.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import aiohttp
from pydantic import BaseModel, Field, ValidationError

from host.gateway.credentials import Equipment, Grant, NoCredential, Via

log = logging.getLogger(__name__)

KEY = "ONECLI_API_KEY"
DEADLINE = 20.0  # s for one answer of its API
FRESH = 60.0  # s for which an agent's configuration is believed
LARGEST_ANSWER = 4 * 1024 * 1024  # bytes
PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
DOCKER_NAME = "host.docker.internal"  # how a container on a bridge calls the vault's machine
# Where no file of the vault's may appear.
OURS = ("/session", "/workspace", "/shared", "/agent", "/opt", "/proc", "/sys", "/dev")


class _Stub(BaseModel):
    path: str = Field(alias="containerPath")
    content: str


class _Answer(BaseModel):
    """What `GET /v1/container-config` says."""

    env: dict[str, str]
    certificate: str = Field(alias="caCertificate", min_length=1)
    certificate_path: str = Field(alias="caCertificateContainerPath")
    stubs: list[_Stub] = Field(alias="credentialStubs", default=[])
    warnings: list[str] = []


@dataclass(frozen=True)
class _Known:
    grant: Grant
    equipment: Equipment
    until: float


class OneCLICredentials:
    """Agents are known to the vault by the names they have in the configuration."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        self._url = url.rstrip("/")
        self._key = environment.get(KEY, "").strip()
        self._known: dict[str, _Known] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._exists: set[str] = set()
        self._session: aiohttp.ClientSession | None = None

    async def grant(self, agent: str) -> Grant:
        async with self._asking[agent]:
            known = self._known.get(agent)
            if known is None or known.until < time.monotonic():
                known = self._known[agent] = await self._ask(agent)
        return known.grant

    async def abroad(self, agent: str) -> Grant:
        """Its proxy decides by the address what it puts in; what it gets from here is worth nothing."""
        return await self.grant(agent)

    async def way(self, agent: str) -> Via | None:
        return (await self.grant(agent)).via

    async def equip(self, agent: str) -> Equipment:
        """Asked for anew each time: a runner does not start on what the vault said earlier."""
        async with self._asking[agent]:
            known = self._known[agent] = await self._ask(agent)
        return known.equipment

    def distrust(self, agent: str) -> None:
        self._known.pop(agent, None)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    # ── its API ──────────────────────────────────────────────────────────────────────────────────────────

    async def _ask(self, agent: str) -> _Known:
        if not self._key:
            raise NoCredential(f"the host has no {KEY} in its environment")
        if agent not in self._exists:
            await self._ensure(agent)
        status, body = await self._call("GET", "/v1/container-config", params={"agent": agent})
        if status == 404:  # deleted since it was made
            await self._ensure(agent)
            status, body = await self._call("GET", "/v1/container-config", params={"agent": agent})
        if status != 200:
            raise _refused(status, f"the configuration of agent {agent!r}")
        try:
            answer = _Answer.model_validate_json(body)
        except ValidationError as error:
            raise NoCredential("OneCLI's answer is not one that this version understands") from error
        for warning in answer.warnings:
            log.warning("OneCLI: %s", warning[:300], extra={"action": "vault_warns", "agent": agent})
        return self._understood(answer)

    async def _ensure(self, agent: str) -> None:
        status, _ = await self._call("POST", "/v1/agents", json={"name": agent, "identifier": agent})
        if status == 403:
            raise NoCredential(
                f"OneCLI admits no agent {agent!r} (403): raise its quota, or delete an agent there"
            )
        if status not in (200, 201, 409):
            raise _refused(status, f"to make agent {agent!r}")
        self._exists.add(agent)

    async def _call(self, method: str, path: str, **options: Any) -> tuple[int, bytes]:
        """Status and body. Raises `NoCredential` when there is no answer, or none worth reading."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE))
        headers = {"Authorization": f"Bearer {self._key}"}
        try:
            asked = self._session.request(
                method, self._url + path, headers=headers, allow_redirects=False, **options
            )
            async with asked as answer:
                body = await answer.content.read(LARGEST_ANSWER)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NoCredential(f"OneCLI does not answer at {self._url}", transient=True) from error
        if status >= 500:
            raise NoCredential(f"OneCLI is not ready ({status})", transient=True)
        return status, body

    # ── what it said ─────────────────────────────────────────────────────────────────────────────────────

    def _understood(self, answer: _Answer) -> _Known:
        named = {name.lower(): value for name, value in answer.env.items()}
        proxy = urlsplit(named.get("https_proxy") or named.get("http_proxy") or "")
        via = self._via(proxy, answer.certificate)
        token = unquote(proxy.password or "")
        environment = {
            name: value
            for name, value in answer.env.items()
            if name.lower() not in PROXIES and not name.startswith("DOVECOTE_") and token not in value
        }
        files = {_path(answer.certificate_path): answer.certificate}
        files |= {_path(stub.path): stub.content for stub in answer.stubs if token not in stub.content}
        return _Known(
            Grant(_placeholder(answer.env), via), Equipment(environment, files), time.monotonic() + FRESH
        )

    def _via(self, proxy: SplitResult, certificate: str) -> Via:
        try:
            host, port = proxy.hostname, proxy.port
            trust = ssl.create_default_context()
            trust.load_verify_locations(cadata=certificate)
        except (ValueError, ssl.SSLError) as error:
            raise NoCredential("OneCLI named a proxy or a certificate that cannot be used") from error
        if proxy.scheme != "http" or not host or not port or not proxy.password:
            raise NoCredential("OneCLI named no proxy with a token")
        if host == DOCKER_NAME:
            host = urlsplit(self._url).hostname or host
        login = f"{unquote(proxy.username or '')}:{unquote(proxy.password)}"
        return Via(
            host, port, "Basic " + base64.b64encode(login.encode()).decode(), trust, unquote(proxy.password)
        )


def _placeholder(environment: Mapping[str, str]) -> dict[str, str]:
    """What the vault's proxy looks for in a model request."""
    for name in ("ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"):
        if environment.get(name):
            return {"authorization": f"Bearer {environment[name]}"}
    return {"x-api-key": environment.get("ANTHROPIC_API_KEY") or "placeholder"}


def _path(named: str) -> str:
    """Where a file of the vault's goes. Raises `NoCredential`."""
    path = PurePosixPath(named)
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 3:
        raise NoCredential(f"OneCLI names {named[:200]!r} as a path in the container")
    if any(path.is_relative_to(folder) for folder in OURS):
        raise NoCredential(f"OneCLI wants a file at {named[:200]!r}, which is not its place")
    return str(path)


def _refused(status: int, what: str) -> NoCredential:
    if status == 401:
        return NoCredential(f"OneCLI does not accept this host's key (401): correct {KEY}")
    if status == 429:
        return NoCredential("OneCLI asks for patience (429)", transient=True)
    return NoCredential(f"OneCLI refuses {what} ({status}): look at that agent in OneCLI")

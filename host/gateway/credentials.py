"""Where the real credential comes from; it never leaves the host but for the model API itself."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from host.config import tidied, unfit


class NoCredential(Exception):
    """The text says what to do, and holds nothing secret. `.transient`: it may be there the next time."""

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient


@dataclass(frozen=True, slots=True)
class Via:
    """A proxy that puts real credentials in on the way. It terminates TLS with an authority of its own."""

    host: str
    port: int
    authorization: str = field(repr=False)  # the agent's token, as the value of a Proxy-Authorization header
    trust: ssl.SSLContext = field(repr=False)
    token: str = field(default="", repr=False)  # that it is made of

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Grant:
    """What authenticates a request of one agent, and by which way it goes."""

    headers: Mapping[str, str] = field(repr=False)
    via: Via | None = None


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a container is given: placeholders and certificates, nothing secret."""

    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)  # path in the container → content


class Credentials(Protocol):
    async def grant(self, agent: str) -> Grant:
        """Raises `NoCredential`."""

    async def abroad(self, agent: str) -> Grant:
        """For an address that is not the model's own, and that nobody named a key for. Raises `NoCredential`."""

    async def way(self, agent: str) -> Via | None:
        """By which the agent's other connections have to go. Raises `NoCredential`."""

    async def equip(self, agent: str) -> Equipment:
        """For a runner that is about to start. Raises `NoCredential`."""

    def distrust(self, agent: str) -> None:
        """The proxy turned a grant away: the next one is asked for anew."""

    async def close(self) -> None: ...


class Learnt:
    """Credentials of which `learn` hears what the vault issued, before anything is done with it."""

    def __init__(self, credentials: Credentials, learn: Callable[[str, str], None]) -> None:
        self._credentials = credentials
        self._learn = learn
        self.equip = credentials.equip
        self.distrust = credentials.distrust
        self.close = credentials.close

    async def grant(self, agent: str) -> Grant:
        grant = await self._credentials.grant(agent)
        self._heard(grant.via)
        return grant

    async def abroad(self, agent: str) -> Grant:
        grant = await self._credentials.abroad(agent)
        self._heard(grant.via)
        return grant

    async def way(self, agent: str) -> Via | None:
        via = await self._credentials.way(agent)
        self._heard(via)
        return via

    def _heard(self, via: Via | None) -> None:
        if via is not None:
            self._learn("the vault's token", via.authorization.removeprefix("Basic "))
            self._learn("the vault's token", via.token)


class EnvironmentCredentials:
    """One key for every agent: ANTHROPIC_API_KEY of the host's environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._key = tidied(environment).get("ANTHROPIC_API_KEY", "")

    async def grant(self, agent: str) -> Grant:
        if not self._key:
            raise NoCredential("the host has no ANTHROPIC_API_KEY in its environment")
        if problem := unfit(self._key):
            raise NoCredential(f"ANTHROPIC_API_KEY {problem}")
        return Grant({"x-api-key": self._key})

    async def abroad(self, agent: str) -> Grant:
        return Grant({})

    async def way(self, agent: str) -> Via | None:
        return None

    async def equip(self, agent: str) -> Equipment:
        return Equipment()

    def distrust(self, agent: str) -> None:
        return

    async def close(self) -> None:
        return

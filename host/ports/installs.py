"""Workspaces that installed a platform's app: what is kept of each, what an installation under way goes by, and its two pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

KEPT_FOR = (
    7 * 86_400_000
)  # ms that what is still to be said waits where an app was removed, or cannot be served
KEPT_DAYS = KEPT_FOR // 86_400_000


@dataclass(frozen=True, slots=True)
class Install:
    """`holder` is a workspace's id, or that of an organisation whose workspaces share one token."""

    holder: str
    name: str
    changed_at: int  # ms UTC
    ended: str = ""  # why; '' while it counts
    trouble: str = ""  # why it cannot be served although it counts
    since: int = 0  # ms UTC: it could not, without a break

    @property
    def why(self) -> str:
        return self.ended or self.trouble

    @property
    def waits_until(self) -> int:
        """ms UTC; of one that is not served: what is still to be said there is given up after that."""
        return (self.changed_at if self.ended else self.since) + KEPT_FOR


class InstallsError(Exception):
    """They cannot be had now; the text says why, and nothing secret."""


class Installs(Protocol):
    """Of one platform. Each raises `InstallsError`."""

    async def keep(self, holder: str, name: str, secret: str) -> None:
        """Durable, and sealed, when it returns. What was kept of the holder before is no more."""

    async def secret(self, holder: str) -> str:
        """'' where there is none that counts."""

    async def end(self, holder: str, why: str) -> bool:
        """Its secret is no more; whether it counted until now."""

    async def trouble(self, holder: str, why: str) -> int:
        """It cannot be served, or can again where `why` is ''. Since when it could not, ms UTC; 0 where it can or is gone."""

    async def all(self) -> Sequence[Install]: ...

    async def begin(self) -> str:
        """A state for an installation that begins: it is good once, and for minutes."""

    async def comes_back(self, state: str) -> bool:
        """Whether it was begun here, not long ago, and comes back for the first time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a browser is answered: a sentence, or where to go on."""

    status: int
    text: str = ""
    location: str = ""
    cookie: str = ""  # as a header has it


@runtime_checkable
class FollowsInstalls(Protocol):
    """A bot of a platform whose workspaces another node may have installed the app for, or ended."""

    async def install_changed(self, holder: str) -> None: ...


@runtime_checkable
class TakesInstalls(Protocol):
    """A bot of a platform whose workspaces can install its app from the page."""

    async def install(self, step: Literal["install", "oauth_redirect"], query: str, cookie: str) -> Reply:
        """The first step, and where the platform sends people back to. `cookie` is what the browser has kept of the first."""

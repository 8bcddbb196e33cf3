"""Organisations that installed the app as a whole (Enterprise Grid): one token, and the workspaces that it was let into.

Slack tells of a workspace that is added or taken away by an event that may be lost, or that the app has not asked for: which they
are is asked at each start, after each event, and by the hour. Each is then a workspace like any other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from slack_sdk.web.async_client import AsyncWebClient

from bots.common.shapes import items, mapping, string
from bots.slack.client.errors import OPERATOR_PAUSE, TRANSIENT
from bots.slack.client.installing import ENDS, REMOVED, InstallationStore
from bots.slack.reading.events import Identity
from bots.slack.setup.preflight import SlackRefused, identify
from host.ports.bot import HostBusy
from host.ports.installs import Installs, InstallsError

log = logging.getLogger(__name__)

LOOKS = (
    0.0,
    5.0,
    60.0,
)  # s before each look after an event, which may come before what it tells of can be asked for
AGAIN = 3_600.0  # s until it is asked once more without any
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # s until one that failed is tried again
PAGE = 100


class Town(Protocol):
    async def joins(self, team: str, name: str, organisation: str) -> None:
        """It may be served with the organisation's token. Again is once."""

    async def leaves(self, team: str, why: str) -> None: ...

    async def fails(self, organisation: str, teams: frozenset[str], error: Exception) -> None:
        """It could not be asked."""

    async def answers(self, organisation: str) -> None:
        """Raises `InstallsError`."""


class Organisation:
    """For as long as it has the app. `known` are the workspaces that it had when it was last asked."""

    def __init__(self, id_: str, kept: Installs, client: Callable[[str], AsyncWebClient], town: Town) -> None:
        self.id = id_
        self.known: frozenset[str] = frozenset()
        self.identity: Identity | None = None  # as whom the app acts in it
        self.token = ""
        self.looked = asyncio.Event()  # once it was asked, or known to fail
        self._doubt = asyncio.Event()
        self._kept = kept
        self._client = client
        self._town = town

    def doubt(self) -> None:
        """Something of it has changed, as Slack says."""
        self._doubt.set()

    async def live(self) -> None:
        """Until it removes the app. Whatever goes wrong with it is tried again, and is nothing to the others."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._watch()
            except SlackRefused as error:
                if error.code in ENDS:
                    await self._end(ENDS[error.code])
                    return
                pause = OPERATOR_PAUSE
                await self._failed(error)
            except (InstallsError, HostBusy, *TRANSIENT) as error:
                await self._failed(error)
            self.looked.set()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _failed(self, error: Exception) -> None:
        log.warning("Organisation %s is not asked: %s", self.id, error, extra=_FAILED)
        await self._town.fails(self.id, self.known, error)

    async def _watch(self) -> None:
        found = await InstallationStore(self._kept).async_find_bot(
            enterprise_id=self.id, team_id=None, is_enterprise_install=True
        )
        self.token = "" if found is None else found.bot_token or ""
        client = self._client(self.token)
        waits = iter((0.0,))
        while True:
            if await self._doubted(next(waits, AGAIN)):
                waits = iter(LOOKS)
                continue
            self.identity = await identify(client, f"the token of organisation {self.id}")
            if self.identity.organisation != self.id:
                raise InstallsError(f"its token is {self.identity.organisation or self.identity.team}'s")
            await self._settle({team: name async for team, name in _teams(client)})
            await self._town.answers(self.id)
            self.looked.set()

    async def _doubted(self, within: float) -> bool:
        """Whether Slack has told of something new, in so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._doubt.wait()
        except TimeoutError:
            return False
        self._doubt.clear()
        return True

    async def _settle(self, teams: Mapping[str, str]) -> None:
        for team, name in teams.items():
            await self._town.joins(team, name, self.id)
        for team in self.known - teams.keys():
            await self._town.leaves(team, REMOVED)
        self.known = frozenset(teams)

    async def _end(self, why: str) -> None:
        """First its workspaces, each on disk: a host that dies in between finds the refusal again."""
        for team in self.known:
            await self._town.leaves(team, why)
        await self._kept.end(self.id, why)
        told = {"action": "organisation_ended", "organisation": self.id}
        log.warning(
            "Organisation %s: %s; none of its workspaces is served any more", self.id, why, extra=told
        )


async def _teams(client: AsyncWebClient) -> AsyncIterator[tuple[str, str]]:
    """Ids and names of the workspaces that the token was let into."""
    cursor = ""
    while True:
        answer = await client.auth_teams_list(limit=PAGE, cursor=cursor or None)
        for team in items(answer.get("teams")):
            if id_ := string(team.get("id")):
                yield id_, string(team.get("name"))
        cursor = string(mapping(answer.get("response_metadata")).get("next_cursor"))
        if not cursor:
            return


CHANGES = ("team_access_granted", "team_access_revoked")
_FAILED = {"action": "organisation_failed"}

"""What bolt keeps of workspaces that installed the app, and of installations under way, in the host's own registry.

Bolt's stores on SQLite are not used: they would bring a second SQLite library into the process (law 2).
"""

from __future__ import annotations

import json
import logging
from datetime import datetime

from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from host.ports.installs import Installs

log = logging.getLogger(__name__)

REMOVED, REVOKED = "the app was removed", "the app's token was revoked"  # why a workspace is served no more
ENDS = {  # what Slack says to the token of one that is gone
    "account_inactive": REMOVED,
    "token_revoked": REVOKED,
}


class InstallationStore(AsyncInstallationStore):
    """Of each workspace, or organisation, the app's own token and no person's: the app asks for none."""

    def __init__(self, kept: Installs) -> None:
        self._kept = kept

    @property
    def logger(self) -> logging.Logger:
        return log

    async def async_save(self, installation: Installation) -> None:
        await self.async_save_bot(installation.to_bot())

    async def async_save_bot(self, bot: Bot) -> None:
        holder = holder_of(bot.enterprise_id, bot.team_id, org=bool(bot.is_enterprise_install))
        name = bot.enterprise_name if bot.is_enterprise_install else bot.team_name
        await self._kept.keep(holder, name or "", _written(bot))

    async def async_find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None:
        holder = holder_of(enterprise_id, team_id, org=bool(is_enterprise_install))
        secret = await self._kept.secret(holder) if holder else ""
        return Bot(**json.loads(secret)) if secret else None

    async def token_of(self, team: str) -> tuple[str, str]:
        """By which a workspace is served, and the organisation whose it is: '' where it is its own. Raises `InstallsError`."""
        kept = json.loads(await self._kept.secret(team) or "{}")
        if organisation := str(kept.get("organisation") or ""):
            found = await self.async_find_bot(
                enterprise_id=organisation, team_id=None, is_enterprise_install=True
            )
            return (found.bot_token or "" if found else ""), organisation
        return str(kept.get("bot_token") or ""), ""

    async def joined(self, team: str, name: str, organisation: str) -> bool:
        """A workspace of an organisation that has the app; false where it has a token of its own, or was known."""
        if await self._kept.secret(team):
            return False
        await self._kept.keep(team, name, json.dumps({"organisation": organisation}))
        return True

    async def async_find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,
        is_enterprise_install: bool | None = False,
    ) -> Installation | None:
        """Bolt asks for the app's token alone, where this is so."""
        raise NotImplementedError

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        await self._kept.end(holder_of(enterprise_id, team_id, org=not team_id), REMOVED)

    async def async_delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        """Of one person: nothing of theirs is kept."""


class StateStore(AsyncOAuthStateStore):
    def __init__(self, kept: Installs) -> None:
        self._kept = kept

    @property
    def logger(self) -> logging.Logger:
        return log

    async def async_issue(self, *args: object, **kwargs: object) -> str:
        return await self._kept.begin()

    async def async_consume(self, state: str) -> bool:
        return await self._kept.comes_back(state)


def holder_of(enterprise_id: str | None, team_id: str | None, *, org: bool) -> str:
    """Whose token it is. The ids of workspaces are unique in all of Slack, whatever organisation they join later."""
    return (enterprise_id if org or not team_id else team_id) or ""


def _written(bot: Bot) -> str:
    """As `Bot` takes it again."""
    kept = bot.to_dict_for_copying()
    kept["bot_scopes"] = list(bot.bot_scopes or ())
    return json.dumps({name: _plain(value) for name, value in kept.items()})


def _plain(value: object) -> object:
    return value.timestamp() if isinstance(value, datetime) else value

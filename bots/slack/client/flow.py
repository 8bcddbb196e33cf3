"""Installing the app in a workspace, by bolt's own flow: its two pages, and what is said where one ends."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Literal, Protocol

from slack_bolt.error import BoltError
from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions, AsyncFailureArgs, AsyncSuccessArgs
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client.errors import TRANSIENT
from bots.slack.client.installing import InstallationStore, StateStore
from bots.slack.setup.manifest import SCOPES
from host.ports.installs import Installs, InstallsError, Reply

log = logging.getLogger(__name__)

INSTALL, REDIRECT = "/slack/install", "/slack/oauth_redirect"
TIMEOUT = 20  # s of one call
AGAIN = "Begin again where you began."
NOT_NOW = "Slack does not answer right now, or the records cannot be read; nothing was installed. Try again in a minute."
SAID: Mapping[str, str] = {  # why bolt ends one
    "access_denied": "You did not agree, and nothing was installed.",
    "invalid_browser": f"This installation was begun in another browser. {AGAIN}",
    "invalid_state": f"This installation is used up or took too long. {AGAIN}",
    "missing_code": f"This is no answer of an installation. {AGAIN}",
    "invalid_code": f"Slack refuses this installation: it is used up, or the app's id, secret or redirect URL are wrong. {AGAIN}",
}


class RefusedInstall(BoltError):
    """The app is not to work there; the text is for whoever tried."""


class Town(Protocol):
    """The workspaces, by their teams."""

    def is_own(self, team: str) -> bool:
        """Whether it is that of SLACK_BOT_TOKEN: Slack gives out the same token once more."""

    def refused(self, team: str) -> str:
        """Why the app may not work there; '' where it may."""

    async def installed(self, team: str) -> None:
        """Its token is kept."""


class Flow(AsyncOAuthFlow):
    def __init__(self, settings: AsyncOAuthSettings, client: AsyncWebClient, town: Town) -> None:
        super().__init__(settings=settings, client=client, logger=log)
        self._town = town

    async def store_installation(self, request: AsyncBoltRequest, installation: Installation) -> None:
        """A token that is not to be kept is given back at once, but for the bot's own. One that is kept is served from the next
        start on where this process dies before it does so."""
        whole = installation.enterprise_id if installation.is_enterprise_install else ""
        team = whole or installation.team_id or ""
        if why := self._town.refused(team):
            if not self._town.is_own(team):
                await self.client.auth_revoke(token=installation.bot_token or "")
            log.warning(
                "An installation was refused: %s", why, extra={"action": "install_refused", "team": team}
            )
            raise RefusedInstall(why)
        await super().store_installation(request, installation)
        log.info("A workspace installed the app", extra={"action": "installed", "team": team})
        await self._town.installed(team)


class Flows:
    """The two pages, while the bot runs."""

    def __init__(
        self,
        secrets: tuple[str, str],
        public_url: str,
        api_url: str,
        kept: Installs,
        town: Town,
        scopes: Collection[str] = (),
    ) -> None:
        """`secrets` are the app's id and secret; `scopes` those that are asked for beside what nothing works without."""
        settings = AsyncOAuthSettings(
            client_id=secrets[0],
            client_secret=secrets[1],
            scopes=[*SCOPES, *scopes],
            user_scopes=[],  # nobody's own token
            redirect_uri=f"{public_url}{REDIRECT}",
            install_page_rendering_enabled=False,
            callback_options=AsyncCallbackOptions(_succeeded, _failed),
            authorization_url=f"{api_url.removesuffix('api/')}oauth/v2/authorize",
            installation_store=InstallationStore(kept),
            installation_store_bot_only=True,
            state_store=StateStore(kept),
            logger=log,
        )
        client = AsyncWebClient(base_url=api_url, timeout=TIMEOUT, retry_handlers=[])
        self._flow = Flow(settings, client, town)

    async def step(self, step: Literal["install", "oauth_redirect"], query: str, cookie: str) -> Reply:
        request = AsyncBoltRequest(body="", query=query, headers={"cookie": cookie} if cookie else {})
        try:
            if step == "install":
                answer = await self._flow.handle_installation(request)
            else:
                answer = await self._flow.handle_callback(request)
        except (InstallsError, *TRANSIENT) as error:
            told = {"action": "install_failed"}
            log.warning("An installation failed: %s", str(error) or type(error).__name__, extra=told)
            return Reply(503, NOT_NOW)
        first = answer.first_headers()
        return Reply(answer.status, answer.body, first.get("location", ""), first.get("set-cookie", ""))


async def _succeeded(args: AsyncSuccessArgs) -> BoltResponse:
    found = args.installation
    name = found.team_name or found.team_id or found.enterprise_name or found.enterprise_id
    invite = "Invite the bot to a channel there, or write to it."
    if found.is_enterprise_install:
        invite = "Add it to workspaces in the organisation's settings, and invite the bot to channels there."
    forget = args.settings.state_utils.build_set_cookie_for_deletion()
    said = f"Installed in {name}. {invite}"
    return BoltResponse(status=200, body=said, headers={"Set-Cookie": [forget]})


async def _failed(args: AsyncFailureArgs) -> BoltResponse:
    if args.error is not None:
        return BoltResponse(status=403, body=str(args.error))
    said = SAID.get(args.reason, "Slack ended this installation.")
    return BoltResponse(status=max(args.suggested_status_code, 400), body=said)

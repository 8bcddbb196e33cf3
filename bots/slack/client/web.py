"""The Web API in one workspace: an organisation's token has to be told which (`team_id`), where a method asks what there is."""

from __future__ import annotations

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

ASKS = ("users.conversations", "usergroups.users.list", "files.list")  # of what the bot calls


class WorkspaceClient(AsyncWebClient):
    """`team` is '' where the token is a workspace's own, which says it already."""

    team = ""

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:
        if self.team and api_method in ASKS:
            name = next(key for key in ("params", "data", "json") if arguments.get(key) is not None)
            arguments[name] = {**arguments[name], "team_id": self.team}
        return await super().api_call(api_method, **arguments)

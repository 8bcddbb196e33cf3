"""The Web API in one workspace: an organisation's token has to be told which (`team_id`), where a method asks what there is.

A token may be no more before any event has told of it: whoever serves the workspace hears of that by the first refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bots.slack.client.errors import TOKEN_REFUSED, code_of

ASKS = (
    "users.conversations",
    "usergroups.list",
    "usergroups.users.list",
    "files.list",
)  # of what the bot calls


class WorkspaceClient(AsyncWebClient):
    """`team` is '' where the token is a workspace's own, which says it already."""

    team = ""
    refused: Callable[[], None] = staticmethod(lambda: None)  # the token was

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:
        if self.team and api_method in ASKS:
            name = next(key for key in ("params", "data", "json") if arguments.get(key) is not None)
            arguments[name] = {**arguments[name], "team_id": self.team}
        try:
            return await super().api_call(api_method, **arguments)
        except SlackApiError as error:
            if code_of(error) in TOKEN_REFUSED:
                self.refused()
            raise

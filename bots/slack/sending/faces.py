"""Under which name and picture an agent's messages stand: Slack's customize scope, where the workspace has given it.

A workspace that has not sees the app's own. Slack passes the arguments over then, or refuses them, which proves that nothing
was posted: they are left out from that moment on. Neither is a part of what a message is found again by.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from slack_sdk.errors import SlackApiError

from bots.common.faces import Faces
from bots.slack.client.errors import code_of

log = logging.getLogger(__name__)

SCOPE = "chat:write.customize"
REMEDY = f"Add the scope {SCOPE} under OAuth & Permissions and install the app again"
REFUSED = frozenset({"missing_scope", "invalid_arguments", "not_allowed_token_type"})


class Customizing:
    """Of one workspace."""

    def __init__(self, faces: Faces) -> None:
        self._faces = faces
        self._allowed = True
        self._team = ""

    def begin(self, team: str, scopes: Collection[str]) -> None:
        """`scopes` are those of its token; none where Slack did not tell."""
        self._team, self._allowed = team, True
        if scopes and SCOPE not in scopes and self._faces:
            self._leave_out("the scope is missing")

    def arguments(self, agent: str) -> dict[str, Any]:
        """For the calls that begin a message; those that change one take none."""
        face = self._faces.of(agent)
        if not self._allowed or not agent:
            return {}
        picture = {"icon_emoji" if face.icon.startswith(":") else "icon_url": face.icon} if face.icon else {}
        return ({"username": face.name} if face.name else {}) | picture

    async def call(self, agent: str, call: Callable[[dict[str, Any]], Awaitable[Any]]) -> Any:
        """Calls with them; where Slack refuses it because of them, once more without. Raises as the call does."""
        shown = self.arguments(agent)
        try:
            return await call(shown)
        except SlackApiError as error:
            if not shown or code_of(error) not in REFUSED:
                raise
            answer = await call({})
            self._leave_out(code_of(error))
            return answer

    def _leave_out(self, why: str) -> None:
        """Said once in a life: nobody can do more about the second message than about the first."""
        self._allowed = False
        log.warning(
            "Agents are seen under the app's own name in workspace %s (%s). %s",
            self._team,
            why,
            REMEDY,
            extra={"action": "no_faces", "team": self._team},
        )

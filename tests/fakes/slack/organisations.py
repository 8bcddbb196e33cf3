"""An organisation (Enterprise Grid) that installed the app as a whole: one token for the workspaces that it was let into.

"Using APIs with organization-wide apps", "auth.teams.list", "team_access_granted". Ids are unique within it. `auth.test` shows no
example for such a token: the fields are those that Slack's SDKs know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import ApiError
from .records import Json

if TYPE_CHECKING:
    from .core import Call, Core

NAME_TEAM = (
    "users.conversations",
    "users.list",
    "conversations.list",
    "usergroups.list",
    "usergroups.users.list",
    "files.list",
)


@dataclass(eq=False)
class Organisation:
    id: str = "E000000001"
    name: str = "Aviaries"
    token: str = "xoxb-fake-organisation-1"
    refuses: str = ""  # what Slack says to it, once it does
    granted: list[Core] = field(default_factory=list)

    def judge(self, core: Core, call: Call) -> Json | None:
        """The answer where it is about the token itself; None where `core`'s workspace has one. Raises `ApiError`."""
        if self.refuses:
            raise ApiError(self.refuses)
        if call.method == "auth.test":
            who = {"user": core.bot.name, "user_id": core.bot.id, "bot_id": core.bot_id}
            org = {"team": self.name, "team_id": self.id, "enterprise_id": self.id}
            return {
                "url": "https://aviaries.enterprise.slack.com/",
                **org,
                **who,
                "is_enterprise_install": True,
            }
        if call.method == "auth.teams.list":
            teams = [{"id": one.team_id, "name": one.workspace.name} for one in self.granted]
            return {"teams": teams, "response_metadata": {"next_cursor": ""}}
        if call.method == "auth.revoke":
            self.refuses = "token_revoked"
            return {"revoked": True}
        if call.method in NAME_TEAM and "team_id" not in call.args:
            raise ApiError("missing_argument")
        if core not in self.granted:
            raise ApiError("team_access_not_granted")
        return None

    def grant(self, core: Core) -> None:
        self.granted.append(core)
        self._tell(core, "team_access_granted", team_ids=[core.team_id])

    def revoke(self, core: Core) -> None:
        self.granted.remove(core)
        self._tell(core, "team_access_revoked", team_ids=[core.team_id])

    def uninstall(self, core: Core) -> None:
        """`core` is any of its workspaces: Slack tells of the organisation."""
        self.refuses = "account_inactive"
        self._tell(core, "app_uninstalled")
        self._tell(core, "tokens_revoked", tokens={"bot": [core.bot_user_id]})

    def _tell(self, core: Core, kind: str, **more: object) -> None:
        core.events.gone(kind, team=None, organisation=self.id, **more)

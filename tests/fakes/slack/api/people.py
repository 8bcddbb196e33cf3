"""auth.test, apps.connections.open, users.*, usergroups.*, bots.info, team.info: who everybody is."""

from __future__ import annotations

from .. import wire
from ..core import Core
from ..errors import ApiError
from ..records import Json
from .paging import page
from .registry import Args, method


@method("auth.test", token="any")
def auth_test(core: Core, args: Args) -> Json:
    return {
        "url": f"https://{core.workspace.domain}.slack.com/",
        "team": core.workspace.name,
        "team_id": core.team_id,
        "user": core.bot.name,
        "user_id": core.bot.id,
        "bot_id": core.bot_id,
        "is_enterprise_install": False,
    }


@method("auth.teams.list")
def auth_teams_list(core: Core, args: Args) -> Json:
    """Of a workspace's own token; an organisation's is answered by the organisation."""
    teams, paging = page(args, [{"id": core.team_id, "name": core.workspace.name}])
    return {"teams": teams, "response_metadata": paging["response_metadata"]}


@method("auth.revoke")
def auth_revoke(core: Core, args: Args) -> Json:
    core.refuses = "token_revoked"
    return {"revoked": True}


@method("apps.connections.open", "connections:write", token="app")
def connections_open(core: Core, args: Args) -> Json:
    return {"url": core.socket_mode.open(core.origin)}


@method("users.info", "users:read")
def users_info(core: Core, args: Args) -> Json:
    """The locale only on request ("Locale locale locale")."""
    user = core.workspace.user(args.required("user"))
    return {"user": wire.user(user) | ({"locale": user.locale} if args.flag("include_locale") else {})}


@method("users.list", "users:read")
def users_list(core: Core, args: Args) -> Json:
    some, paging = page(args, list(core.workspace.users.values()))
    members = [wire.user(user) for user in some]
    return {"members": members, "response_metadata": paging["response_metadata"]}


@method("usergroups.list", "usergroups:read")
def usergroups_list(core: Core, args: Args) -> Json:
    """Those that are not switched off ("usergroups.list")."""
    groups = core.workspace.usergroups
    return {"usergroups": [{"id": id_, "name": id_, "handle": f"group-{id_.lower()}"} for id_ in groups]}


@method("usergroups.users.list", "usergroups:read")
def usergroups_users_list(core: Core, args: Args) -> Json:
    """A group of people, by its id ("usergroups.users.list")."""
    members = core.workspace.usergroups.get(args.required("usergroup"))
    if members is None:
        raise ApiError("no_such_subteam")
    return {"users": list(members)}


@method("bots.info", "users:read")
def bots_info(core: Core, args: Args) -> Json:
    for user in core.workspace.users.values():
        if user.bot_id is not None and user.bot_id == args.text("bot"):
            bot = {
                "id": user.bot_id,
                "deleted": False,
                "name": user.name,
                "app_id": user.app_id,
                "user_id": user.id,
            }
            return {"bot": bot}
    raise ApiError("bot_not_found")


@method("team.info", "team:read")
def team_info(core: Core, args: Args) -> Json:
    return {"team": {"id": core.team_id, "name": core.workspace.name, "domain": core.workspace.domain}}

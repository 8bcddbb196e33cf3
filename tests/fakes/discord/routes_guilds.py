"""REST: the application, users, guilds, members, roles and application commands (Discord docs, "Resources",
"Interactions: Application Commands")."""

from tests.fakes.discord import errors, limits, payloads
from tests.fakes.discord.events import Intent
from tests.fakes.discord.journal import Call
from tests.fakes.discord.model import Json
from tests.fakes.discord.rest import Route
from tests.fakes.discord.state import World

# Docs, "Resources: Application", flags of an app in fewer than 100 guilds: which privileged intents are on.
INTENT_FLAGS = {
    Intent.GUILD_PRESENCES: 1 << 13,
    Intent.GUILD_MEMBERS: 1 << 15,
    Intent.MESSAGE_CONTENT: 1 << 19,
}


def me(world: World, call: Call) -> Json:
    return payloads.own_user(world.bot)


def application(world: World, call: Call) -> Json:
    enabled = world.settings.enabled_intents
    return {
        "id": str(world.application_id),
        "name": world.bot.name,
        "icon": None,
        "description": "",
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "00" * 32,
        "owner": payloads.user(world.bot),
        "team": None,
        "bot": payloads.own_user(world.bot),
        "flags": sum(flag for intent, flag in INTENT_FLAGS.items() if enabled & intent),
        "interactions_endpoint_url": None,
        "approximate_guild_count": len(world.guilds),
    }


def list_my_guilds(world: World, call: Call) -> list[Json]:
    return [payloads.guild(guild) for guild in world.guilds.values() if world.bot.id in guild.members]


def get_user(world: World, call: Call) -> Json:
    return payloads.user(world.user(call.id("user")))


def get_guild(world: World, call: Call) -> Json:
    return payloads.guild(world.guild(call.id("guild")))


def list_channels(world: World, call: Call) -> list[Json]:
    guild = world.guild(call.id("guild"))
    return [payloads.channel(c) for c in world.channels.values() if c.guild is guild and not c.is_thread]


def list_members(world: World, call: Call) -> list[Json]:
    """Docs, "List Guild Members": needs the GUILD_MEMBERS intent in the portal."""
    guild = world.guild(call.id("guild"))
    if not world.settings.enabled_intents & Intent.GUILD_MEMBERS:
        raise errors.missing_access()
    after = int(call.query.get("after", 0))
    found = [guild.members[user_id] for user_id in sorted(guild.members) if user_id > after]
    return [payloads.member(member) for member in found[: int(call.query.get("limit", 1))]]


def get_member(world: World, call: Call) -> Json:
    return payloads.member(world.member(world.guild(call.id("guild")), call.id("user")))


def list_roles(world: World, call: Call) -> list[Json]:
    return [payloads.role(role) for role in world.guild(call.id("guild")).roles.values()]


def list_commands(world: World, call: Call) -> list[Json]:
    return world.commands.get(_command_scope(world, call), [])


def overwrite_commands(world: World, call: Call) -> list[Json]:
    """Bulk overwrite: a command that keeps its name and type keeps its id."""
    scope = _command_scope(world, call)
    limits.check_commands(call.json)
    known = {(old["name"], old["type"]): old["id"] for old in world.commands.get(scope, [])}
    world.commands[scope] = [
        {
            "default_member_permissions": None,
            "dm_permission": True,
            "nsfw": False,
            "description": "",
            **command,
            "type": command.get("type", 1),
            "id": known.get((command["name"], command.get("type", 1)), str(world.ids.next())),
            "application_id": str(world.application_id),
            "version": str(world.ids.next()),
            **({"guild_id": str(scope)} if scope else {}),
        }
        for command in call.json
    ]
    return world.commands[scope]


def _command_scope(world: World, call: Call) -> int:
    if call.id("application") != world.application_id:
        raise errors.missing_access()
    return world.guild(call.id("guild")).id if "guild" in call.path else 0


_COMMANDS = "/applications/{application}/commands"
_GUILD_COMMANDS = "/applications/{application}/guilds/{guild}/commands"
ROUTES = [
    Route("GET", "/users/@me", me),
    Route("GET", "/oauth2/applications/@me", application),
    Route("GET", "/applications/@me", application),
    Route("GET", "/users/@me/guilds", list_my_guilds),
    Route("GET", "/users/{user}", get_user),
    Route("GET", "/guilds/{guild}", get_guild),
    Route("GET", "/guilds/{guild}/channels", list_channels),
    Route("GET", "/guilds/{guild}/members", list_members),
    Route("GET", "/guilds/{guild}/members/{user}", get_member),
    Route("GET", "/guilds/{guild}/roles", list_roles),
    Route("GET", _COMMANDS, list_commands),
    Route("PUT", _COMMANDS, overwrite_commands),
    Route("GET", _GUILD_COMMANDS, list_commands),
    Route("PUT", _GUILD_COMMANDS, overwrite_commands),
]

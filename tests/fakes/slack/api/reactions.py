"""reactions.*"""

from __future__ import annotations

import re

from .. import wire
from ..core import Core
from ..errors import ApiError
from ..records import Json, Message
from .registry import Args, method

NAME = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")


def _item(core: Core, args: Args) -> Message:
    channel = core.workspace.member_channel(args.required("channel"))
    return core.workspace.message(channel, args.required("timestamp"))


def _name(args: Args) -> str:
    name = args.required("name")
    if not NAME.fullmatch(name):
        raise ApiError("invalid_name")
    return name


@method("reactions.add", "reactions:write")
def add(core: Core, args: Args) -> Json:
    message, name = _item(core, args), _name(args)
    users = message.reactions.setdefault(name, [])
    if core.bot.id in users:
        raise ApiError("already_reacted")
    users.append(core.bot.id)
    core.events.reaction("reaction_added", core.bot, message, name)
    return {}


@method("reactions.remove", "reactions:write")
def remove(core: Core, args: Args) -> Json:
    message, name = _item(core, args), _name(args)
    users = message.reactions.get(name, [])
    if core.bot.id not in users:
        raise ApiError("no_reaction")
    users.remove(core.bot.id)
    if not users:
        del message.reactions[name]
    core.events.reaction("reaction_removed", core.bot, message, name)
    return {}


@method("reactions.get", "reactions:read")
def get(core: Core, args: Args) -> Json:
    message = _item(core, args)
    shown = wire.message(core.workspace, message, core.origin)
    return {"type": "message", "channel": message.channel, "message": shown}

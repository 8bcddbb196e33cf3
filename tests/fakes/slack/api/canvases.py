"""canvases.*: standalone canvases. One is its maker's alone until it was linked where others are, and access was set for them.

The pages "canvases.create", "canvases.edit", "canvases.delete" and "canvases.access.set".
"""

from __future__ import annotations

from ..core import Core
from ..errors import ApiError
from ..records import File, Json
from .registry import Args, method

LARGEST = 1024 * 1024  # bytes of one change


def markdown(found: Json | None) -> str:
    text = (found or {}).get("markdown")
    if not isinstance(text, str) or (found or {}).get("type") != "markdown" or len(text.encode()) > LARGEST:
        raise ApiError("invalid_arguments")
    return text


def owned(core: Core, args: Args) -> File:
    file = core.workspace.files.get(args.required("canvas_id"))
    if file is None or file.deleted or file.canvas is None or file.user != core.bot.id:
        raise ApiError("canvas_not_found")
    return file


@method("canvases.create", "canvases:write")
def create(core: Core, args: Args) -> Json:
    if core.canvases:
        raise ApiError(core.canvases)
    text, title = markdown(args.structure("document_content")), args.text("title") or ""
    file = File(
        id=core.workspace.ids.mint("F"),
        name=title,
        title=title,
        size=len(text),
        user=core.bot.id,
        created=core.workspace.clock.seconds(),
        content=text.encode(),
        canvas=text,
    )
    core.workspace.files[file.id] = file
    return {"canvas_id": file.id}


@method("canvases.edit", "canvases:write")
def edit(core: Core, args: Args) -> Json:
    """One change a call; of them the fake knows `rename`."""
    file, changes = owned(core, args), args.structure("changes") or []
    if len(changes) != 1 or changes[0].get("operation") != "rename":
        raise ApiError("invalid_arguments")
    file.title = markdown(changes[0].get("title_content"))
    return {}


@method("canvases.delete", "canvases:write")
def delete(core: Core, args: Args) -> Json:
    file = owned(core, args)
    file.deleted, file.content = True, None
    return {}


@method("canvases.access.set", "canvases:write")
def set_access(core: Core, args: Args) -> Json:
    """Channels by their ids, but those of direct messages: there the people are named, who must have been sent the link."""
    file, channels, people = owned(core, args), args.names("channel_ids"), args.names("user_ids")
    if bool(channels) == bool(people):
        raise ApiError("invalid_parameters")
    if args.required("access_level") not in ("read", "write") and not people:
        raise ApiError("invalid_arguments")
    for id_ in channels:
        if core.workspace.channel(id_).kind in ("im", "mpim"):
            raise ApiError("channel_not_found")
        if not _linked(core, file, id_):
            raise ApiError("failed_to_update_channel_ids")
    for id_ in people:
        core.workspace.user(id_)
        rooms = [one for one in core.workspace.channels.values() if one.kind in ("im", "mpim")]
        if not any(id_ in room.members and _linked(core, file, room.id) for room in rooms):
            raise ApiError("failed_to_update_user_ids")
    file.readers |= {*channels, *people}
    return {}


def _linked(core: Core, file: File, channel_id: str) -> bool:
    link = f"/docs/{core.team_id}/{file.id}"
    return any(link in message.text for message in core.workspace.channels[channel_id].messages.values())

"""files.*: the three-step upload and what is known of a file ("Working with files")."""

from __future__ import annotations

from .. import wire
from ..core import Core
from ..errors import ApiError
from ..records import Channel, File, Json, Message
from . import chat
from .paging import page
from .registry import Args, method


def stored(core: Core, file_id: str) -> File:
    """A file whose bytes are there."""
    file = core.workspace.files.get(file_id)
    if file is None or file.deleted or file.content is None:
        raise ApiError("file_deleted" if file is not None and file.deleted else "file_not_found")
    return file


@method("files.getUploadURLExternal", "files:write")
def get_upload_url(core: Core, args: Args) -> Json:
    name, size = args.required("filename"), args.number("length", 0)
    if size <= 0:
        raise ApiError("invalid_arguments")
    file = File(
        id=core.workspace.ids.mint("F"),
        name=name,
        title=name,
        size=size,
        user=core.bot.id,
        created=core.workspace.clock.seconds(),
        alt_text=args.text("alt_txt"),
    )
    core.workspace.files[file.id] = file
    return {"upload_url": f"{core.origin}/upload/{core.team_id}-{file.id}", "file_id": file.id}


@method("files.completeUploadExternal", "files:write")
def complete_upload(core: Core, args: Args) -> Json:
    """Without a channel the files stay private. The answer knows no ts: sharing happens after it."""
    files = []
    for item in args.structure("files") or []:
        file = stored(core, str(item.get("id")))
        file.title = item.get("title") or file.title
        files.append(file)
    if not files:
        raise ApiError("invalid_arguments")
    channels = args.names("channels") or args.names("channel_id")
    places = [_share_target(core, channel_id) for channel_id in channels]
    answer = {"files": [wire.file(core.workspace, file, core.origin, shares=False) for file in files]}
    for channel in places:
        text = args.text("initial_comment") or ""
        ts, thread_ts = core.workspace.clock.ts(), chat.thread_of(args)
        core.post_as_bot(
            Message(channel.id, ts, None, text, thread_ts, subtype="file_share", files=list(files))
        )
    return answer


def _share_target(core: Core, channel_id: str) -> Channel:
    channel = core.workspace.member_channel(channel_id)
    if channel.archived:
        raise ApiError("is_archived")
    return channel


@method("files.info", "files:read")
def info(core: Core, args: Args) -> Json:
    file = stored(core, args.required("file"))
    return {"file": wire.file(core.workspace, file, core.origin), "comments": []}


@method("files.list", "files:read")
def list_files(core: Core, args: Args) -> Json:
    channel, user = args.text("channel"), args.text("user")
    found = [
        file
        for file in core.workspace.files.values()
        if not file.deleted
        and file.content is not None
        and (file.canvas is None or core.lists_canvases)
        and file.created >= args.number("ts_from", 0)
        and (channel is None or any(place == channel for place, _ in file.shares))
        and (user is None or file.user == user)
    ]
    some, _ = page(args, found)
    return {
        "files": [wire.file(core.workspace, file, core.origin) for file in some],
        "paging": {"total": len(found), "page": 1},
    }


@method("files.delete", "files:write")
def delete(core: Core, args: Args) -> Json:
    file = stored(core, args.required("file"))
    if file.user != core.bot.id:
        raise ApiError("cant_delete_file")
    file.deleted, file.content = True, None
    return {}

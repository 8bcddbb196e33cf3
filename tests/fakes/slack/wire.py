"""Records as Slack's JSON ("Message event", "users.info", "conversations.info", "File object")."""

from __future__ import annotations

import datetime
import mimetypes
import re
import zoneinfo

from .optional import spared
from .records import Channel, ChannelKind, File, Json, Message, User, View
from .workspace import Workspace


def user(record: User) -> Json:
    zone = zoneinfo.ZoneInfo(record.tz)
    offset = datetime.datetime.now(zone).utcoffset() or datetime.timedelta()
    profile: Json = {"real_name": record.name.title(), "display_name": record.name, "team": record.team_id}
    if record.is_bot:
        profile |= {"bot_id": record.bot_id, "api_app_id": record.app_id}
    shape: Json = {
        "id": record.id,
        "team_id": record.team_id,
        "name": record.name,
        "real_name": record.name.title(),
        "deleted": record.deleted,
        "tz": record.tz,
        "tz_label": record.tz,
        "tz_offset": int(offset.total_seconds()),
        "profile": profile,
        "is_bot": record.is_bot,
        "is_app_user": False,
        "is_admin": False,
        "is_restricted": bool(record.guest),  # a single-channel guest is both ("users.info")
        "is_ultra_restricted": record.guest == "single",
        **({"is_stranger": True} if record.external else {}),
    }
    return spared("user", shape)


def channel(workspace: Workspace, record: Channel) -> Json:
    return spared("channel", _channel(workspace, record))


def _channel(workspace: Workspace, record: Channel) -> Json:
    kind = record.kind
    shape: Json = {
        "id": record.id,
        "created": record.created,
        "is_archived": record.archived,
        "is_channel": kind == "channel",
        "is_group": kind == "group",
        "is_im": kind == "im",
        "is_mpim": kind == "mpim",
        "is_private": kind != "channel",
        "is_ext_shared": record.ext_shared,
        "is_shared": record.ext_shared,
        "context_team_id": workspace.team_id,
    }
    if kind == "im":
        others = [member for member in record.members if member != workspace.bot.id]
        return shape | {"user": others[0], "is_open": True}
    return shape | {
        "name": record.name,
        "name_normalized": record.name,
        "is_member": workspace.bot.id in record.members,
        "num_members": len(record.members),
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def file(workspace: Workspace, record: File, origin: str, *, shares: bool = True) -> Json:
    """`shares=False` is the answer of files.completeUploadExternal, which comes before the file is shared."""
    if record.record is not None:
        return record.record
    mimetype = mimetypes.guess_type(record.name)[0] or "application/octet-stream"
    path = f"{origin}/files-pri/{workspace.team_id}-{record.id}"
    slug = (
        re.sub(r"[^a-z0-9._-]+", "_", record.name.lower()).lstrip("._") or "file"
    )  # as in Slack's addresses
    places: dict[ChannelKind, list[str]] = {"channel": [], "group": [], "mpim": [], "im": []}
    for channel_id, _ in record.shares:
        places[workspace.channels[channel_id].kind].append(channel_id)
    shape: Json = {
        "id": record.id,
        "created": record.created,
        "timestamp": record.created,
        "name": record.name,
        "title": record.title,
        "mimetype": mimetype,
        "filetype": record.name.rpartition(".")[2] or "binary",
        "user": record.user,
        "size": record.size,
        "mode": "hosted",
        "is_external": False,
        "is_public": False,
        "url_private": f"{path}/{slug}",
        "url_private_download": f"{path}/download/{slug}",
        "channels": places["channel"],
        "groups": [*places["group"], *places["mpim"]],
        "ims": places["im"],
    }
    if record.canvas is not None:
        shape |= {"mimetype": "application/vnd.slack-docs", "filetype": "quip", "mode": "quip"}
        shape |= {"permalink": f"{origin}/docs/{workspace.team_id}/{record.id}"}
    if record.alt_text is not None:
        shape["alt_txt"] = record.alt_text
    if shares:
        grouped: dict[str, dict[str, list[Json]]] = {}
        for channel_id, ts in record.shares:
            side = "public" if channel_id in places["channel"] else "private"
            grouped.setdefault(side, {}).setdefault(channel_id, []).append({"ts": ts})
        shape["shares"] = grouped
    return spared("file", shape)


def message(workspace: Workspace, record: Message, origin: str, *, metadata: bool = False) -> Json:
    """As histories, answers and events show it; metadata only where `include_all_metadata` asked for it."""
    shape: Json = {"type": "message", "ts": record.ts, "text": record.text}
    optional: Json = {
        "user": record.user,
        "subtype": record.subtype,
        "thread_ts": record.thread_ts,
        "bot_id": record.bot_id,
        "app_id": record.app_id,
        "username": record.username,
        "icons": record.icons,
        "client_msg_id": record.client_msg_id,
        "blocks": record.blocks or None,
        "attachments": record.attachments or None,
        "metadata": record.metadata if metadata else None,
        "files": [file(workspace, each, origin) for each in record.files] or None,
        "reactions": reactions(record) or None,
    }
    shape |= {name: value for name, value in optional.items() if value is not None}
    if record.user is not None:
        shape["team"] = workspace.users[record.user].team_id
    if record.bot_id is not None and record.user is not None and not record.more:
        shape["bot_profile"] = {
            "id": record.bot_id,
            "app_id": record.app_id,
            "name": workspace.users[record.user].name,
        }
    if record.edited_at is not None:
        shape["edited"] = {"user": record.edited_by, "ts": record.edited_at}
    shape |= _thread(workspace, record)
    return spared("message", shape) | record.more


def _thread(workspace: Workspace, record: Message) -> Json:
    messages = workspace.channels[record.channel].messages
    if record.is_reply:
        root = messages.get(record.thread_ts or "")
        return {"parent_user_id": root.user} if root is not None and root.user is not None else {}
    replies = workspace.channels[record.channel].replies(record.ts)
    if not replies:
        return {}
    repliers = list(dict.fromkeys(reply.user for reply in replies if reply.user is not None))
    shape: Json = {
        "reply_count": len(replies),
        "reply_users": repliers,
        "reply_users_count": len(repliers),
        "latest_reply": replies[-1].ts,
        "is_locked": False,
        "subscribed": False,
    }
    return spared("root", shape)


def reactions(record: Message) -> list[Json]:
    return [
        {"name": name, "users": list(users), "count": len(users)} for name, users in record.reactions.items()
    ]


def view(workspace: Workspace, record: View) -> Json:
    return {
        **record.body,
        "id": record.id,
        "team_id": workspace.team_id,
        "app_id": workspace.app_id,
        "app_installed_team_id": workspace.team_id,
        "bot_id": workspace.bot.bot_id,
        "hash": record.hash,
        "root_view_id": record.root_view_id,
        "previous_view_id": record.previous_view_id,
        "callback_id": record.body.get("callback_id", ""),
        "private_metadata": record.body.get("private_metadata", ""),
        "external_id": record.body.get("external_id", ""),
        "state": record.body.get("state", {"values": {}}),
    }

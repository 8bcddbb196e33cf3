"""The app's manifest, made from the code's own list of scopes and events."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "mpim:read",
    "reactions:read",
    "reactions:write",
    "usergroups:read",
    "users:read",
)
EVENTS = (
    "agent_session_stopped",
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "channel_archive",
    "channel_deleted",
    "channel_id_changed",
    "channel_left",
    "channel_rename",
    "channel_shared",
    "channel_unarchive",
    "channel_unshared",
    "group_archive",
    "group_deleted",
    "group_left",
    "group_rename",
    "group_unarchive",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "reaction_added",
    "reaction_removed",
    "tokens_revoked",
    "user_change",
)
COMMAND = "/dovecote"
ASK_ABOUT, BECAME, LATER = (
    "dovecote-ask-about",
    "dovecote-became",
    "dovecote-remind",
)  # what stands in a message's menu
SHORTCUTS = {  # the name, of at most 24 characters, and what it does
    ASK_ABOUT: ("Ask about this message", "The agent answers in the thread of the message"),
    LATER: ("Remind me / make a task", "Asks when, says it back, and does it in your direct messages"),
    BECAME: ("What became of it?", "The life of a message, told to you alone"),
}


def manifest(name: str = "Dovecote", *, url: str = "") -> dict[str, Any]:
    """`url` is where Slack posts to without Socket Mode; '' means Socket Mode."""
    endpoint = {"request_url": url} if url else {}
    command = {
        "command": COMMAND,
        "description": "Ask the agent, see and steer what it does",
        "usage_hint": "ask … | status | tasks | stop | usage | why | memory | config | help",
        "should_escape": True,
        **({"url": url} if url else {}),
    }
    return {
        "display_information": {"name": name, "description": "An AI agent in your channels"},
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name.lower(), "always_online": True},
            "agent_view": {"agent_description": "Answers in threads and direct messages"},
            "slash_commands": [command],
            "shortcuts": [
                {"name": name, "type": "message", "callback_id": id_, "description": does}
                for id_, (name, does) in SHORTCUTS.items()
            ],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**endpoint, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **endpoint},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": False,
        },
    }


def link(name: str = "Dovecote", *, url: str = "") -> str:
    """Opens Slack's form for a new app with everything filled in."""
    shape = json.dumps(manifest(name, url=url), separators=(",", ":"))
    return f"https://api.slack.com/apps?new_app=1&manifest_json={quote(shape)}"

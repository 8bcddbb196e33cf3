"""What Slack marks as optional, per object, and what is left out of it where the least is sent.

Sources: the published types (@slack/types, @slack/bolt's actions) and the pages of each object and event: "Some messages
aren't authored by users" (reaction_added), `num_members` on request, a file's second address, a click's place in a thread.
"""

from __future__ import annotations

from .. import sparing
from .records import Json

OPTIONAL: dict[str, frozenset[str]] = {
    "message": frozenset({"app_id", "bot_profile", "client_msg_id", "edited", "parent_user_id", "team"}),
    "root": frozenset({"reply_users", "reply_users_count", "latest_reply", "is_locked", "subscribed"}),
    "file": frozenset({"url_private_download", "user", "timestamp", "ims", "shares"}),
    "user": frozenset({"real_name", "is_app_user", "is_admin"}),
    "channel": frozenset({"name_normalized", "num_members", "topic", "purpose", "context_team_id"}),
    "reaction": frozenset({"item_user"}),
    "envelope": frozenset(
        {"context_team_id", "context_enterprise_id", "authorizations", "is_ext_shared_channel", "event_time"}
    ),
    "interaction": frozenset({"channel", "state", "enterprise", "is_enterprise_install"}),
    "person": frozenset({"username", "name", "team_id"}),
    "container": frozenset({"thread_ts", "is_ephemeral"}),
    "clicked": frozenset({"reactions"}),
    "command": frozenset({"team_domain", "channel_name", "user_name", "is_enterprise_install"}),
}


def spared(kind: str, data: Json) -> Json:
    """`data` as a Slack that sends no more than it promises has it."""
    if not sparing.least():
        return data
    return {name: value for name, value in data.items() if name not in OPTIONAL[kind]}

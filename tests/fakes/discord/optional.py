"""What Discord's documentation marks with `?`, per object, and what is left out of it where the least is sent.

Sources: the tables of Discord's docs ("Resources", "Interactions", "Gateway Events") and the types that it publishes
(discord-api-types). What discord.py itself cannot do without (a thread's owner and counts) stays.
"""

from tests.fakes import sparing
from tests.fakes.discord.model import Json

# Left out whatever they say. A bot's `bot`, a message's flags and the like are below: they are missing when they say nothing.
OPTIONAL: dict[str, frozenset[str]] = {
    "user": frozenset({"system", "public_flags", "flags", "verified", "email", "locale", "mfa_enabled"}),
    "member": frozenset({"avatar", "premium_since", "communication_disabled_until"}),
    "channel": frozenset({"flags", "topic", "nsfw", "rate_limit_per_user", "last_message_id"}),
    "thread": frozenset({"flags", "rate_limit_per_user", "last_message_id", "total_message_sent"}),
    "thread_metadata": frozenset({"invitable", "create_timestamp"}),
    "thread_member": frozenset({"id", "user_id"}),
    "attachment": frozenset({"content_type", "width", "height", "title", "ephemeral", "flags"}),
    "emoji": frozenset({"animated"}),
    "embed": frozenset({"type"}),
    "reference": frozenset({"type", "guild_id"}),
    "message": frozenset({"application_id", "interaction_metadata", "position"}),
    "gateway_message": frozenset({"channel_type", "member"}),
    "reaction_event": frozenset({"member", "message_author_id", "burst_colors"}),
    "interaction": frozenset({"channel", "guild", "guild_locale", "context", "entitlement_sku_ids"}),
}
# Left out where they say nothing: false, none, empty.
WHEN_EMPTY: dict[str, frozenset[str]] = {
    "user": frozenset({"bot"}),
    "member": frozenset({"nick", "pending"}),
    "channel": frozenset({"parent_id"}),
    "thread": frozenset(
        {"applied_tags"}
    ),  # of a forum's posts alone, and there it is what they are filed under
    "message": frozenset({"components", "flags"}),
}


def spared(kind: str, data: Json) -> Json:
    """`data` as a Discord that sends no more than it promises has it."""
    if not sparing.least():
        return data
    silent = WHEN_EMPTY.get(kind, frozenset())
    return {
        name: value
        for name, value in data.items()
        if name not in OPTIONAL[kind] and (value or name not in silent)
    }

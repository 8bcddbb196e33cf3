"""Which scope each method wants ("Scopes" on every method's page) and what the installed app was given."""

from __future__ import annotations

from collections.abc import Collection

from .errors import ApiError
from .records import Channel, ChannelKind

# The scopes of the product's own manifest (bots.slack.manifest; a test keeps them equal).
MANIFEST = frozenset(
    {
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
    }
)

FAMILIES: dict[ChannelKind, str] = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


def demand(granted: Collection[str], *needed: str) -> None:
    """Any one of `needed` will do. The refusal names what is needed and what is there ("missing_scope")."""
    if needed and not set(needed) & set(granted):
        raise ApiError("missing_scope", needed=",".join(needed), provided=",".join(sorted(granted)))


def demand_for(granted: Collection[str], channel: Channel, right: str) -> None:
    """conversations.* ask for the scope of the conversation's own kind, such as groups:history."""
    demand(granted, f"{FAMILIES[channel.kind]}:{right}")

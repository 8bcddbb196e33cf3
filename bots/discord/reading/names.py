"""How what Discord writes by number is called: people, roles and channels in a message's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bots.common.shapes import Json, items, mapping, string
from bots.markup import discord as markup


@dataclass(frozen=True, slots=True)
class Names:
    users: Mapping[str, str] = field(default_factory=dict)  # by id; a role's id has "&" before it
    channels: Mapping[str, str] = field(default_factory=dict)
    me: str = ""
    my_roles: frozenset[str] = frozenset()  # ids of the roles that Discord made for the bot

    def with_those_of(self, message: Json) -> Names:
        """Discord tells with a message whom it mentions."""
        told = {string(one.get("id")): person(one) for one in items(message.get("mentions"))}
        return replace(self, users={**self.users, **told})

    def words(self, value: object) -> str:
        """As Markdown: names instead of numbers, emoji and times as a person sees them."""
        return markup.inbound(string(value), self.users, self.channels, self.me)[0]


def person(user: Json) -> str:
    """As it is shown in the place where it was said."""
    nick = string(mapping(user.get("member")).get("nick"))
    return nick or string(user.get("global_name")) or string(user.get("username"))

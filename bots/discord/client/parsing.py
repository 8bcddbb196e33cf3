"""What Discord sends and the library cannot read costs itself, and nothing beside it (law 15).

The library lets such a payload end the whole connection, and a history that holds it, again at every start. Here an event
that cannot be read is tried again with the fields that every message has, and passed over when that fails too.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import discord

log = logging.getLogger(__name__)

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError, discord.DiscordException)
LIFECYCLE = frozenset({"READY", "RESUMED"})  # without these there is no connection to go on with
MESSAGES = frozenset({"MESSAGE_CREATE", "MESSAGE_UPDATE"})
ALWAYS = frozenset(
    {
        "id",
        "channel_id",
        "guild_id",
        "author",
        "member",
        "webhook_id",
        "content",
        "timestamp",
        "edited_timestamp",
    }
    | {
        "tts",
        "mention_everyone",
        "mentions",
        "mention_roles",
        "attachments",
        "embeds",
        "pinned",
        "type",
        "flags",
    }
)
EMPTY: dict[str, Any] = {"mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "type": 0}

INTERACTION = "INTERACTION_CREATE"
BESIDES = (
    "message",
    "channel",
    "guild",
    "entitlements",
    "locale",
)  # of an interaction, which says who did what all the same

MOST_SEEN = 5_000  # interactions that are known to have come

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unread:
    """A message of a history that could not be read."""

    id: int


def guard(
    client: discord.Client, passed: Callable[[int, int], None], keep: Callable[[dict[str, Any]], None]
) -> None:
    """`passed` hears the channel's and the message's id of every live message that was passed over.

    `keep` is given every message that is new here as it came, before the library has made its own of it.
    """
    state = client._connection
    for name, parser in list(state.parsers.items()):
        if name not in LIFECYCLE:
            state.parsers[name] = _guarded(name, parser, passed, keep)
    state.parsers[INTERACTION] = _once(state.parsers[INTERACTION])
    store = (
        state._view_store
    )  # which wants a click's message, and the button in it: `panels.buttons` takes all of them
    store.dispatch_view = _left_to_us  # type: ignore[method-assign, assignment]
    create = state.create_message

    def tolerant(*, channel: Any, data: Any) -> Any:
        if isinstance(data, dict):
            keep(data)
        made = _first_that_works(
            "a message of a history", data, lambda fields: create(channel=channel, data=fields)
        )
        return Unread(_id(data, "id")) if made is None else made

    state.create_message = tolerant  # type: ignore[method-assign]


def _once(parser: Callable[[Any], Any]) -> Callable[[Any], None]:
    """The first copy of a click, a form or a command is obeyed; a second is nothing, and hides nothing of the first."""
    seen: OrderedDict[int, None] = OrderedDict()

    def parse(data: Any) -> None:
        id_ = _id(data, "id")
        if id_ and id_ in seen:
            return
        seen[id_] = None
        if len(seen) > MOST_SEEN:
            seen.popitem(last=False)
        parser(_placed(data))

    return parse


def _left_to_us(*_: object) -> None:
    """What the library would do with a click."""


def _placed(data: Any) -> Any:
    """An interaction with its channel, which may come by its number alone; the library looks for it in the whole one."""
    if not isinstance(data, dict) or "channel" in data or "channel_id" not in data:
        return data
    channel: dict[str, Any] = {"id": data["channel_id"]}
    if "guild_id" not in data:
        channel |= {"type": discord.ChannelType.private.value, "recipients": [data.get("user")]}
    return {**data, "channel": channel}


def _guarded(
    name: str,
    parser: Callable[[Any], Any],
    passed: Callable[[int, int], None],
    keep: Callable[[dict[str, Any]], None],
) -> Callable[[Any], None]:
    def parse(data: Any) -> None:
        if name == "MESSAGE_CREATE" and isinstance(data, dict):
            keep(data)

        def read(fields: Any) -> bool:
            parser(fields)
            return True

        if _first_that_works(name, data, read) is None and name in MESSAGES:
            passed(_id(data, "channel_id"), _id(data, "id"))

    return parse


def _first_that_works(what: str, data: Any, read: Callable[[Any], T]) -> T | None:
    """None when nothing of it can be read. What went wrong is said once."""
    first: BaseException | None = None
    made: T | None = None
    for fields in _ever_less(data):
        try:
            made = read(fields)
            break
        except UNREADABLE as error:
            first = first or error
    if first is not None:
        log.warning(
            "Discord: %s cannot be read%s (%s: %s)",
            what,
            "" if made is None else " whole",
            type(first).__name__,
            first,
            extra={"action": "discord_unreadable", "about": str(_id(data, "id"))},
        )
    return made


def _ever_less(data: Any) -> Iterator[Any]:
    """The payload; what every message has of it; and of that what says who wrote which words, and no more. Of an interaction what
    was done, by whom and where."""
    if isinstance(data, dict) and not isinstance(
        data.get("locale", ""), str
    ):  # the library would take it, and break later
        data = {name: value for name, value in data.items() if name != "locale"}
    yield data
    if isinstance(data, dict) and "token" in data:
        yield {name: value for name, value in data.items() if name != "message"}
        yield _placed({name: value for name, value in data.items() if name not in BESIDES})
    if isinstance(data, dict) and "author" in data:
        always = {name: data[name] for name in ALWAYS if name in data}
        yield always
        text = data.get("content")
        yield {**always, **EMPTY, "content": text if isinstance(text, str) else "", "member": {}} | (
            {} if isinstance(data.get("flags"), int) else {"flags": 0}
        )


def _id(data: Any, name: str) -> int:
    found = data.get(name) if isinstance(data, dict) else None
    return int(str(found)) if str(found).isdecimal() else 0

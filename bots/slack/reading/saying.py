"""What a message says: the one reader of live, edited, forwarded, earlier and reacted-to messages. Pure.

Its author's own words are text: typed, in blocks, on an app's cards. What somebody else said is in parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bots.common.opening import opening
from bots.common.shapes import Json, bounded, items, joined, mapping, string
from bots.slack.reading import attachments, blocks, files, richtext
from bots.slack.reading.attachments import without_repetition
from bots.slack.reading.names import Names
from host.ports.events import IncomingFile
from sessiondb.content import Part

# What Slack announces in the name of a person who said nothing.
ANNOUNCEMENTS = frozenset(
    {
        "app_conversation_join",
        "assistant_app_thread",
        "bot_add",
        "bot_disable",
        "bot_enable",
        "bot_remove",
        "channel_archive",
        "channel_canvas_updated",
        "channel_convert_to_private",
        "channel_convert_to_public",
        "channel_join",
        "channel_leave",
        "channel_name",
        "channel_posting_permissions",
        "channel_purpose",
        "channel_topic",
        "channel_unarchive",
        "ekm_access_denied",
        "group_archive",
        "group_join",
        "group_leave",
        "group_name",
        "group_purpose",
        "group_topic",
        "group_unarchive",
        "message_replied",
        "pinned_item",
        "reminder_add",
        "tabbed_canvas_updated",
        "tombstone",
        "unpinned_item",
    }
)
CONVERSIONS = frozenset({"channel_convert_to_private", "channel_convert_to_public"})
SHOWN = frozenset({"huddle_thread", "sh_room_created"})  # said by nobody, but a thread is about them


MOST_READ = 200_000  # characters of one message, cards and forwards included; people write 40,000
FIRST = ("text", "blocks", "files", "room")  # what is its author's own


@dataclass(frozen=True, slots=True)
class Spoken:
    text: str = ""  # without anything but our own name: ''
    parts: tuple[Part, ...] = ()
    files: tuple[IncomingFile, ...] = ()
    mentioned: bool = False  # its author named us
    quoted: bool = False  # we are named in what its author quotes
    opening: str = ""  # how it begins as its author typed it, behind our name

    @property
    def says_nothing(self) -> bool:
        return not (self.text or self.parts or self.files)

    @property
    def gist(self) -> tuple[object, ...]:
        """What makes an edit: a preview that Slack adds does not."""
        return (
            self.text,
            tuple(p for p in self.parts if p.kind != "preview"),
            tuple(f.name for f in self.files),
        )


def speaks(message: Json) -> bool:
    """Whether somebody said it, live."""
    subtype = string(message.get("subtype"))
    return subtype not in ANNOUNCEMENTS | SHOWN and not message.get("hidden")


def within(message: Json) -> Json:
    """What is read of it."""
    return bounded(message, MOST_READ, FIRST)


def said(message: Json, names: Names) -> Spoken:
    message = within(message)
    attached = [attachments.read(one, names) for one in items(message.get("attachments"))]
    fetched, named = files.read(items(message.get("files")))
    typed, shown = string(message.get("text")), blocks.text(message.get("blocks"), names)
    own = [
        without_repetition(names.words(typed), shown),
        *(one.text for one in attached),
        _room(message, names),
    ]
    text = joined(own)
    mentioned, quoted = mentions(message, names.me)
    return Spoken(
        "" if _is_only_our_name(text, names) else text,
        (*(part for one in attached for part in one.parts), *named),
        (*fetched, *(file for one in attached for file in one.files)),
        mentioned,
        quoted,
        names.literal(opening(typed, _marks(typed, names.me))),
    )


def _marks(typed: str, me: str) -> list[str]:
    """Those that name us, as they stand in front of it."""
    return [found[0] for found in re.finditer(rf"<@{me}(?:\|[^<>]*)?>", typed[:1_000])] if me else []


def mentions(message: Json, me: str) -> tuple[bool, bool]:
    """Whether its author names us, in the text or a block; and whether something quoted in it does."""
    if not me:
        return False, False
    rich = [one for one in items(message.get("blocks")) if one.get("type") == "rich_text"]
    if rich:
        found = [richtext.mentions(one, me) for one in rich]
        own, quoted = any(one for one, _ in found), any(one for _, one in found)
    else:
        lines = string(message.get("text")).split("\n")
        own = any(_names(line, me) for line in lines if not line.startswith("&gt;"))
        quoted = any(_names(line, me) for line in lines if line.startswith("&gt;"))
    others = [one for one in items(message.get("blocks")) if one.get("type") != "rich_text"]
    return own or any(_in_block(one, me) for one in others), quoted


def _in_block(found: Json, me: str) -> bool:
    """In what an app's block says in its own words."""
    kinds = ("section", "context", "markdown", "header")
    return found.get("type") in kinds and _names(
        str([found.get(key) for key in ("text", "fields", "elements")]), me
    )


def _names(text: str, me: str) -> bool:
    return f"<@{me}>" in text or f"<@{me}|" in text


def _is_only_our_name(text: str, names: Names) -> bool:
    return not (text.replace(names.person(names.me), "") if names.me else text).strip(" \n\t:,")


def _room(message: Json, names: Names) -> str:
    """A huddle or call: its name and who was there."""
    room = mapping(message.get("room"))
    if not room:
        return ""
    ids = room.get("participant_history") or room.get("participants") or []
    people = (
        ", ".join(names.person(id_) for id_ in ids if isinstance(id_, str)) if isinstance(ids, list) else ""
    )
    link = string(room.get("huddle_link"))
    return f"[huddle: {joined([string(room.get('name')), people, link], ' — ')}]"

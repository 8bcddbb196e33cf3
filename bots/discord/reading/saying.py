"""What a message says: the one reader of live, edited, replied-to, forwarded, earlier and reacted-to messages. Pure.

Its author's own words are text: typed, on an app's embeds and components, in a poll. What somebody else said is in parts.
It reads Discord's own payload, so that a field which the library cannot read, or does not know, costs nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bots.common.downloads import guessed
from bots.common.opening import opening
from bots.common.shapes import Json, items, joined, mapping, number, string
from bots.common.short import shortened
from bots.discord.reading import rich
from bots.discord.reading.names import Names, person
from host.ports import bill
from host.ports.events import IncomingFile
from sessiondb.content import Part

DEFAULT, REPLY, COMMAND, STARTER, MENU, POLL_RESULT, MODERATION = 0, 19, 20, 21, 23, 46, 24
SPOKEN = frozenset({DEFAULT, REPLY, COMMAND, MENU})  # by somebody; the others are announcements
TOLD = frozenset({POLL_RESULT, MODERATION})  # announcements that carry words
FORWARD = 1  # kind of reference
VOICE = 1 << 13  # flag
DEEPEST = 5  # forwards of forwards
EXCERPT = 200  # characters of a message that somebody reacted to

_CODE = re.compile(r"```.*?```|``.*?``|`[^`\n]*`", re.DOTALL)
_LINE_QUOTE = re.compile(r"^> .*$", re.MULTILINE)
_REST_QUOTE = re.compile(r"^>>> .*", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Spoken:
    text: str = ""  # without anything but our own name: ''
    parts: tuple[Part, ...] = ()
    files: tuple[IncomingFile, ...] = ()
    mentioned: bool = False  # its author named us
    opening: str = ""  # how it begins as its author typed it, behind our name

    @property
    def gist(self) -> tuple[object, ...]:
        """What makes an edit: a preview that Discord adds does not."""
        return (
            self.text,
            tuple(part for part in self.parts if part.kind != "preview"),
            tuple(file.name for file in self.files),
        )

    @property
    def excerpt(self) -> str:
        line = " ".join(joined([self.text, *(part.text for part in self.parts)]).split())
        return shortened(line, EXCERPT)


def kind_of(message: Json) -> int:
    return number(message.get("type"))


def said(message: Json, names: Names) -> Spoken:
    """With what it replies to and what it forwards."""
    own = _own(message, names)
    quoted = _replied_to(message, names)
    forwarded = [_forwarded(message, one, names) for one in items(message.get("message_snapshots"))]
    others = [*quoted, *forwarded]
    return Spoken(
        own.text,
        (*own.parts, *(part for one in others for part in one.parts)),
        (*own.files, *(file for one in others for file in one.files)),
        mentions(message, names),
        opening(string(message.get("content")), [f"<@{names.me}>", f"<@!{names.me}>"]),
    )


def mentions(message: Json, names: Names) -> bool:
    """Whether its author names us in what they wrote, or replies to us so that we are told of it."""
    if not names.me:
        return False
    texts = [string(message.get("content")), *_displays(message.get("components"))]
    marks = [f"<@{names.me}>", f"<@!{names.me}>", *(f"<@&{role}>" for role in names.my_roles)]
    written = [_without_quotes(text) for text in texts]
    if any(mark in text for text in written for mark in marks):
        return True
    told = any(string(one.get("id")) == names.me for one in items(message.get("mentions")))
    original = mapping(mapping(message.get("referenced_message")).get("author"))
    return told and kind_of(message) == REPLY and string(original.get("id")) == names.me


def _own(message: Json, names: Names) -> Spoken:
    names = names.with_those_of(message)
    by_person = _is_by_person(message)
    shown = [one for one in items(message.get("embeds")) if not (by_person or rich.is_preview(one))]
    previews = [one for one in items(message.get("embeds")) if one not in shown]
    spoken = bool(number(message.get("flags")) & VOICE)
    files, named = _files(items(message.get("attachments")), spoken=spoken)
    lines = [
        names.words(_addressed(bill.without(string(message.get("content"))), names)),
        *(rich.embed(one, names) for one in shown),
        rich.components(message.get("components"), names),
        rich.poll(mapping(message.get("poll")), names),
        rich.stickers(message),
        *named,
        _voice(message) if spoken else "",
    ]
    parts = [Part("preview", text) for one in previews if (text := rich.embed(one, names))]
    return Spoken(joined([*lines, _doing(message)]), tuple(parts), files)


def _is_by_person(message: Json) -> bool:
    """A person writes no embeds: theirs are previews. Discord does not say whose a forwarded message is."""
    author = mapping(message.get("author"))
    by_app = author.get("bot") is True or "webhook_id" in message or kind_of(message) in TOLD
    return bool(author) and not by_app


def _addressed(content: str, names: Names) -> str:
    """Without the bot's name in front."""
    for mark in (f"<@{names.me}>", f"<@!{names.me}>"):
        content = content.removeprefix(mark).lstrip() if content.startswith(mark) else content
    return "" if not content.strip(" \n\t:,") else content


def _replied_to(message: Json, names: Names) -> list[Spoken]:
    """What is there of it: Discord sends null for a message that was deleted, and nothing where it does not know."""
    if kind_of(message) != REPLY or "referenced_message" not in message:
        return []
    original = mapping(message["referenced_message"])
    if not original:
        return [Spoken(parts=(Part("quoted", "(this message was deleted)"),))]
    author = mapping(original.get("author"))
    if string(author.get("id")) == names.me:
        return []
    found = said({**original, "referenced_message": None, "type": DEFAULT}, names)
    part = Part("quoted", _whole(found), author=person(author), author_id=string(author.get("id")))
    return [Spoken(parts=(part,), files=found.files)]


def _forwarded(message: Json, snapshot: Json, names: Names, depth: int = 0) -> Spoken:
    said = mapping(snapshot.get("message"))
    found = _own(said, names)
    if depth < DEEPEST:
        inner = [_forwarded(said, one, names, depth + 1) for one in items(said.get("message_snapshots"))]
        parts = (*found.parts, *(part for one in inner for part in one.parts))
        found = Spoken(found.text, parts, (*found.files, *(file for one in inner for file in one.files)))
    reference = mapping(message.get("message_reference"))
    place = names.channels.get(string(reference.get("channel_id")), "")
    part = Part("forwarded", _whole(found), place=f"#{place}" if place else "")
    return Spoken(parts=(part,) if part.text else (), files=found.files)


def _whole(found: Spoken) -> str:
    """Its words, what it shows, and the names of its files, which come beside the message's own."""
    lines = [found.text, *(part.text for part in found.parts)]
    attached = [f"[attached: {file.name}]" for file in found.files]
    return joined([*lines, *(one for one in attached if not any(one in line for line in lines))])


def _files(found: list[Json], *, spoken: bool) -> tuple[tuple[IncomingFile, ...], list[str]]:
    """Those that can be fetched, and what is said of files: their descriptions, and which are not to be had."""
    files: list[IncomingFile] = []
    named: list[str] = []
    for one in found:
        name = string(one.get("filename")) or "file"
        kind = (string(one.get("content_type")) or guessed(name)).partition(";")[0]
        if url := string(one.get("url")):
            files.append(IncomingFile(name, kind, number(one.get("size")), url, spoken))
        about = joined([string(one.get("title")), string(one.get("description"))], ": ")
        if about or not url:
            named.append(f"[{name}: {about}]" if about else f"[{name}]")
    return tuple(files), named


def _voice(message: Json) -> str:
    lengths = [one.get("duration_secs") for one in items(message.get("attachments"))]
    seconds = next((round(one) for one in lengths if isinstance(one, int | float)), 0)
    return f"[voice message of {seconds} s]" if seconds else "[voice message]"


def _doing(message: Json) -> str:
    """What it is the answer to, or an invitation to."""
    game = string(mapping(message.get("application")).get("name")) if message.get("activity") else ""
    command = string(mapping(message.get("interaction")).get("name"))
    by = person(mapping(mapping(message.get("interaction")).get("user")))
    return joined(
        [
            f"[invitation to {game}]" if game else "",
            f"[/{command}, used by {by}]" if command and kind_of(message) == COMMAND else "",
        ]
    )


def _displays(found: object) -> list[str]:
    """What an app wrote in text displays, wherever they stand."""
    texts: list[str] = []
    for one in items(found):
        texts += [string(one.get("content"))] if one.get("type") == 10 else []
        texts += _displays(one.get("components"))
    return texts


def _without_quotes(text: str) -> str:
    text = _CODE.sub(" ", text)
    return _LINE_QUOTE.sub("", _REST_QUOTE.sub("", text))

"""Attachments: an app's own cards are its words; what was forwarded, quoted or previewed has another author."""

from __future__ import annotations

from dataclasses import dataclass

from bots.common.shapes import Json, items, joined, mapping, one_line, string
from bots.slack.reading import blocks, files, generic
from bots.slack.reading.names import Names
from host.ports.events import IncomingFile
from sessiondb.content import Part

DEEPEST = 5  # forwards of forwards
SHORT = 300  # characters of a card that stand on one line


@dataclass(frozen=True, slots=True)
class Attached:
    text: str = ""  # of the message's own author
    parts: tuple[Part, ...] = ()
    files: tuple[IncomingFile, ...] = ()


def read(found: Json, names: Names, depth: int = 0) -> Attached:
    if is_shared(found):
        return _shared(found, names, depth)
    addresses = ("from_url", "original_url", "app_unfurl_url")
    address = next((url for key in addresses if (url := string(found.get(key)))), "")
    if address or found.get("is_app_unfurl"):
        return Attached(parts=(_preview(found, address, names),))
    fetched, named = files.read(items(found.get("files")))
    return Attached(_card(found, names), named, fetched)


def is_shared(found: Json) -> bool:
    """A message of somebody: forwarded, or shown because a link to it was written."""
    return bool(found.get("is_share") or found.get("is_msg_unfurl") or found.get("message_blocks"))


def _shared(found: Json, names: Names, depth: int) -> Attached:
    """With whose words they are and where they were said."""
    fetched, named = files.read(items(found.get("files")))
    listed = [f"[file: {one.name}]" for one in fetched]
    author_id = string(found.get("author_id"))
    author = string(found.get("author_name")) or string(found.get("author_subname"))
    said = _said(found, names, depth)
    # Where there is nothing else: "[Nov 1] Bob: …", which repeats what the attributes say.
    text = joined([said or ("" if listed or named else names.words(string(found.get("fallback")))), *listed])
    part = Part(
        "forwarded" if found.get("is_share") else "quoted",
        text,
        author=author or names.people.get(author_id, author_id),
        author_id=author_id,
        place=_place(found, names),
        link=string(found.get("from_url")),
    )
    return Attached(parts=(part, *named), files=fetched)


def _said(found: Json, names: Names, depth: int) -> str:
    """Slack repeats the words: as text, and as the blocks that they are."""
    messages = [mapping(one.get("message")) for one in items(found.get("message_blocks"))]
    shown = [blocks.text(one.get("blocks"), names) for one in [found, *messages]]
    inner = (
        [read(one, names, depth + 1) for one in items(found.get("attachments"))] if depth < DEEPEST else []
    )
    below = [text for one in inner for text in (one.text, *(part.text for part in one.parts))]
    title = names.plain(string(found.get("title")))
    pretext = names.words(string(found.get("pretext")))
    fields = [_field(one, names) for one in items(found.get("fields"))]
    return joined(
        [
            pretext,
            title,
            without_repetition(names.words(string(found.get("text"))), joined(shown)),
            *fields,
            *below,
        ]
    )


def _place(found: Json, names: Names) -> str:
    name = string(found.get("channel_name"))
    if name:
        return f"#{name}"
    place = string(found.get("channel_id"))
    return names.place(place) if place else ""


def _preview(found: Json, address: str, names: Names) -> Part:
    title = one_line(names.plain(string(found.get("title"))))
    leads_to = string(found.get("title_link"))
    other = {"title": "", "title_link": leads_to if leads_to != address else ""}
    said = _card({**found, **other, "fallback": "" if title else found.get("fallback")}, names, long=True)
    author = string(found.get("service_name"))
    return Part("preview", said, title=title, author=author, link=address)


def _card(found: Json, names: Names, *, long: bool = False) -> str:
    lines = [
        names.plain(string(found.get("pretext"))),
        joined(
            [_linked(found, "author_name", "author_link", names), string(found.get("author_subname"))], " "
        ),
        _linked(found, "title", "title_link", names),
        without_repetition(names.plain(string(found.get("text"))), blocks.text(found.get("blocks"), names)),
        *(_field(one, names) for one in items(found.get("fields"))),
        _picture(found),
        joined([_action(one, names) for one in items(found.get("actions"))], " "),
        *generic.words(mapping(found.get("preview")), names),
        names.plain(string(found.get("footer"))),
    ]
    lines = [line for line in lines if line.strip()]
    if not lines:
        return names.words(string(found.get("fallback")))
    one = " — ".join(lines)
    return one if len(one) <= SHORT and "\n" not in one and not long else "\n".join(lines)


def _action(found: Json, names: Names) -> str:
    """Its `name` is for the app."""
    return blocks.element({key: value for key, value in found.items() if key != "name"}, names)


def _field(found: Json, names: Names) -> str:
    return joined([names.plain(string(found.get("title"))), names.plain(string(found.get("value")))], ": ")


def _linked(found: Json, key: str, link: str, names: Names) -> str:
    said, address = names.plain(string(found.get(key))), string(found.get(link))
    return f"{said} ({address})" if said and address else said or address


def _picture(found: Json) -> str:
    address = string(found.get("image_url"))
    return f"[image: {address}]" if address else ""


def without_repetition(text: str, shown: str) -> str:
    """Both, unless the one holds every word of the other: a message's text beside its blocks, most often."""
    if not shown.strip() or not text.strip():
        return text or shown
    said, seen = _words(text), _words(shown)
    return shown if said <= seen else text if seen <= said else f"{text}\n{shown}"


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() else " " for c in text).split())

"""Files of a message: those to be fetched, and those of which only the name and the link can be told."""

from __future__ import annotations

import json
from collections.abc import Iterable

from bots.common.downloads import guessed
from bots.common.shapes import Json, items, mapping, number, string
from host.ports.events import IncomingFile
from sessiondb.content import Part

PREVIEW = "[cut: Slack showed only the beginning of this transcript]"
GONE = frozenset({"tombstone", "hidden_by_limit"})
LISTS = frozenset({"list"})
CANVASES = frozenset({"quip", "canvas"})
CANVAS = "application/vnd.slack-docs"
EMAIL = "email"
CLIPS = frozenset({"slack_audio", "slack_video"})  # what people record in Slack itself


def read(found: Iterable[Json]) -> tuple[tuple[IncomingFile, ...], tuple[Part, ...]]:
    fetched: list[IncomingFile] = []
    named: list[Part] = []
    for file in found:
        if (why := _cannot(file)) is not None:
            named.append(Part("file", why, title=_name(file), link=_link(file)))
        else:
            fetched.append(
                IncomingFile(
                    _name(file), _media_type(file), number(file.get("size")), reference(file), speaks(file)
                )
            )
        named += told(file)
    return tuple(fetched), tuple(named)


def _cannot(file: Json) -> str | None:
    """Why a file is only named; None when it is to be fetched."""
    mode = string(file.get("mode"))
    if mode in GONE:
        return "was deleted" if mode == "tombstone" else "is hidden: the workspace's plan does not keep it"
    if mode in LISTS or string(file.get("mimetype")) == "application/vnd.slack-list":
        return "is a Slack list, not a file: it can be opened by its link"
    if mode == "external" or file.get("is_external"):
        # Its address is whatever another app says: our token must not go there.
        where = string(file.get("external_type"))
        return f"lies outside of Slack{f' ({where})' if where else ''} and was not fetched"
    if not string(file.get("id")) and not _address(file):
        return "came without an address"
    return None


def reference(file: Json) -> str:
    """What `fetching` needs: the id, the address, and what Slack said of it."""
    kept = {
        "id": string(file.get("id")),
        "url": _address(file),
        "mode": string(file.get("mode")),
        "ask": must_ask(file),
        "vtt": string(file.get("vtt")),
        "clip": waits_for_words(file),
    }
    return json.dumps({key: value for key, value in kept.items() if value})


def must_ask(file: Json) -> bool:
    """A stub, as Slack Connect sends: everything else of the file is for those who ask `files.info`."""
    return (
        file.get("file_access") == "check_file_info"
        or file.get("mode") == "file_access"
        or not _address(file)
    )


def told(file: Json) -> list[Part]:
    """What Slack itself says of a file's content: the words of a clip, what somebody wrote about it."""
    told: list[Part] = []
    if words := spoken(file):
        more = mapping(mapping(file.get("transcription")).get("preview")).get("has_more")
        told.append(Part("transcript", f"{words} {PREVIEW}" if more else words, title=_name(file)))
    said = mapping(file.get("initial_comment")).get("comment") or file.get("initial_comment")
    alt = string(file.get("alt_txt"))
    if notes := [text for text in (string(said), alt) if text]:
        told.append(Part("file", "\n".join(notes), title=_name(file)))
    if file.get("mode") == EMAIL or file.get("filetype") == EMAIL:
        told += _mail(file)
    return told


def _mail(file: Json) -> list[Part]:
    """What was sent to a channel's address; the file itself is HTML."""
    people = {
        key: ", ".join(
            string(one.get("original")) or string(one.get("address")) for one in items(file.get(key))
        )
        for key in ("from", "to", "cc")
    }
    lines = [f"{key.title()}: {said}" for key, said in people.items() if said]
    subject = string(file.get("subject"))
    lines += [f"Subject: {subject}"] if subject else []
    words = string(file.get("plain_text")) or string(file.get("preview_plain_text"))
    text = "\n\n".join(part for part in ("\n".join(lines), words) if part)
    return [Part("document", text, title=_name(file))] if text else []


def spoken(file: Json) -> str:
    """Slack's own transcript, as far as the file's record has it."""
    return string(mapping(mapping(file.get("transcription")).get("preview")).get("content"))


def speaks(file: Json) -> bool:
    """By what Slack calls it: the bytes of a voice clip are said to be of a video, or of nothing."""
    return string(file.get("subtype")) in CLIPS


def waits_for_words(file: Json) -> bool:
    """A clip whose transcript is not there yet, or only as a preview."""
    found = mapping(file.get("transcription"))
    if not found:
        return speaks(file)
    status = string(found.get("status"))
    if status in ("none", "failed"):
        return False
    return status != "complete" or bool(mapping(found.get("preview")).get("has_more"))


def _name(file: Json) -> str:
    title, name = string(file.get("title")), string(file.get("name"))
    if string(file.get("mode")) in LISTS | CANVASES and title:
        return title
    return name or title or string(file.get("id")) or "file"


def _media_type(file: Json) -> str:
    return string(file.get("mimetype")) or guessed(string(file.get("name")))


def _address(file: Json) -> str:
    return string(file.get("url_private_download")) or string(file.get("url_private"))


def _link(file: Json) -> str:
    return (
        string(file.get("permalink")) or string(file.get("external_url")) or string(file.get("url_private"))
    )

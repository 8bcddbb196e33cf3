"""The words in what is not typed: embeds, components, polls, stickers. Pure.

Of components also those that Discord adds tomorrow are read, if not prettily: every field that holds words for people.
"""

from __future__ import annotations

from collections.abc import Iterator

from bots.common.judging import DISCORD_ID
from bots.common.shapes import DEEPEST, Json, items, joined, mapping, number, string
from bots.discord.reading.names import Names

PREVIEWS = frozenset({"link", "article", "image", "video", "gifv"})  # what Discord made of an address
BUTTON, TEXT_INPUT, FILE = 2, 4, 13
WORDS = ("label", "title", "name", "content", "text", "placeholder", "description")
INSIDE = ("components", "component", "accessory", "items", "options")


def is_preview(embed: Json) -> bool:
    return string(embed.get("type")) in PREVIEWS


def embed(found: Json, names: Names) -> str:
    """All that a person reads on it. In two kinds the fields are for programs."""
    told = {string(one.get("name")): string(one.get("value")) for one in items(found.get("fields"))}
    if found.get("type") == "poll_result" and "poll_question_text" in told:
        return _poll_result(told)
    if found.get("type") == "auto_moderation_message" and "rule_name" in told:
        return _moderation(told, names.words(found.get("description")))
    return _card(found, names)


def _card(found: Json, names: Names) -> str:
    author, provider = mapping(found.get("author")), mapping(found.get("provider"))
    lines = [
        linked(names.words(author.get("name")), string(author.get("url"))),
        linked(names.words(found.get("title")), string(found.get("url"))),
        names.words(found.get("description")),
        *(_field(one, names) for one in items(found.get("fields"))),
        picture(mapping(found.get("image")), names),
        picture({**mapping(found.get("thumbnail")), "url": ""}, names),
        picture({**mapping(found.get("video")), "url": ""}, names, "video"),
        names.words(mapping(found.get("footer")).get("text")),
        linked(names.words(provider.get("name")), string(provider.get("url"))),
    ]
    return joined(lines) or picture(mapping(found.get("thumbnail")), names)


def picture(found: Json, names: Names, kind: str = "image") -> str:
    """By its description, else its address."""
    said = names.words(found.get("description")) or string(found.get("url"))
    return f"[{kind}: {said}]" if said else ""


def _poll_result(told: dict[str, str]) -> str:
    winner = told.get("victor_answer_text") or "nobody"
    votes = told.get("victor_answer_votes", "0")
    question = told.get("poll_question_text", "")
    return f"[poll closed: {question}] {winner} won with {votes} of {told.get('total_votes', '0')} votes"


def _moderation(told: dict[str, str], said: str) -> str:
    """What AutoMod stopped, and by which rule."""
    why = joined([f"rule: {rule}" if (rule := told.get("rule_name")) else "", told.get("keyword", "")], ", ")
    return joined([f"[stopped by AutoMod{f' ({why})' if why else ''}]", said], " ")


def components(found: object, names: Names) -> str:
    return joined(list(_components(found, names, 0)))


def poll(found: Json, names: Names) -> str:
    """Question and answers, with their counts as far as Discord tells them."""
    question = names.words(mapping(found.get("question")).get("text"))
    if not question and not found.get("answers"):
        return ""
    results = mapping(found.get("results"))
    counts = {string(one.get("id")): number(one.get("count")) for one in items(results.get("answer_counts"))}
    state = " (closed)" if results.get("is_finalized") is True else ""
    lines = [f"[poll{state}] {question}"]
    for one in items(found.get("answers")):
        media = mapping(one.get("poll_media"))
        words = joined([string(mapping(media.get("emoji")).get("name")), names.words(media.get("text"))], " ")
        count = counts.get(string(one.get("answer_id")), 0)
        lines.append(f"- {words}: {count} vote{'' if count == 1 else 's'}" if results else f"- {words}")
    if found.get("allow_multiselect") is True:
        lines.append("(several answers may be chosen)")
    return joined(lines)


def stickers(message: Json) -> str:
    found = [*items(message.get("sticker_items")), *items(message.get("stickers"))]
    told = {
        string(one.get("id")) or str(at): joined(
            [string(one.get("name")), string(one.get("description"))], ": "
        )
        for at, one in enumerate(found)
    }
    return joined([f"[sticker: {words}]" for words in told.values() if words])


def linked(words: str, url: str) -> str:
    return f"{words} ({url})" if words and url and url not in words else words or url


def _field(found: Json, names: Names) -> str:
    return joined([names.words(found.get("name")), names.words(found.get("value"))], ": ")


def _components(node: object, names: Names, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        return
    if isinstance(node, list):
        for one in node:
            yield from _components(one, names, depth + 1)
    if not isinstance(node, dict):
        return
    kind = node.get("type")
    words = joined([names.words(node.get(key)) for key in WORDS], " — ")
    if kind == BUTTON and string(node.get("custom_id")).startswith(DISCORD_ID):
        return  # our own buttons under an answer: no word of it
    if kind == BUTTON:
        emoji = string(mapping(node.get("emoji")).get("name"))
        shown = linked(joined([emoji, words], " "), string(node.get("url")))
        yield f"[button: {shown}]" if shown else ""
    elif kind == FILE:
        yield f"[file: {words}]" if words else ""
    elif "media" in node:  # of a gallery, or beside words
        yield picture({"description": words, "url": mapping(node["media"]).get("url")}, names)
    else:
        yield joined([words, names.words(node.get("value")) if kind == TEXT_INPUT else ""], ": ")
    for key in INSIDE:
        yield from _components(node.get(key), names, depth + 1)

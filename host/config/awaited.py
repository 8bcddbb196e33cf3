"""What a task may wait for instead of a time: a reaction, a file, words, in one channel. Pure.

What people write is looked at by plain comparisons, in time that grows with its length and no faster: nobody's pattern, and
nobody's text, can hold the host up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from host.config import emoji
from host.config.recurrence import ScheduleError
from host.words import Sentence, alternatives, say
from sessiondb.records import Address

Kind = Literal["reaction", "file", "words"]
ANY_FILE = "*"
LONGEST_PHRASE, MOST_PHRASES = 80, 10
LOOKED_AT = 4_000  # characters of a message; two hundred characters of a file's name

_POINTS = re.compile("[\u0591-\u05c7\u064b-\u065f\u0670]")  # which Hebrew and Arabic may leave out
_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Awaited:
    kind: Kind
    what: str  # as `reaction`, `endings` or `phrases` made it
    place: Address  # the channel
    since: int  # ms UTC: what happened until then does not count, least of all the message that asked for it
    by: tuple[str, ...] = ()  # ids of those who may begin it; () = whoever may ask the agent there

    def in_words(self) -> Sentence:
        who = say("one of those named") if self.by else say("somebody")
        if self.kind == "reaction":
            return say("whenever {who} reacts with {emoji} in its channel", who=who, emoji=self.what)
        if self.kind == "words":
            phrases = alternatives([f"“{one}”" for one in self.what.split("|")])
            return say("whenever {who} writes {phrases} in its channel", who=who, phrases=phrases)
        if self.what == ANY_FILE:
            return say("whenever {who} shares a file in its channel", who=who)
        return say("whenever {who} shares a file ({endings}) in its channel", who=who, endings=self.what)

    def encoded(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "what": self.what,
            "place": list(self.place),
            "since": self.since,
            "by": list(self.by),
        }


def decoded(found: Mapping[str, Any]) -> Awaited:
    """Raises `KeyError`, `TypeError` or `ValueError` for what `encoded` did not make."""
    return Awaited(
        found["kind"], str(found["what"]), Address(*found["place"]), int(found["since"]), tuple(found["by"])
    )


def reaction(text: str) -> str:
    """`:ticket:`, `ticket` and 🎫 are the same, of any skin; a name that no emoji bears is an emoji of the team's own."""
    return emoji.sign(text) or text.strip().casefold().strip(":")


def asked_reaction(text: str) -> str:
    """Raises `ScheduleError`."""
    found = reaction(text)
    if not found or len(found) > 40 or any(sign.isspace() for sign in found):
        raise ScheduleError(say("{text} is not one emoji", text=repr(text)))
    return found


def endings(text: str) -> str:
    """`pdf, csv` from `*.pdf .csv`; `*` for any file. Raises `ScheduleError`."""
    found = [
        one.casefold().removeprefix("*").lstrip(".") for one in re.split(r"[,;\s|]+", text) if one.strip(".")
    ]
    if text.strip() in (ANY_FILE, "*.*", "any"):
        return ANY_FILE
    if (
        not found
        or len(found) > MOST_PHRASES
        or not all(re.fullmatch(r"[a-z0-9]{1,15}", one) for one in found)
    ):
        raise ScheduleError(
            say("{text} is not how files' names end, such as pdf or csv; `*` is any file", text=repr(text))
        )
    return ", ".join(dict.fromkeys(found))


def phrases(text: str) -> str:
    """`deploy failed|rollback*`: one of several phrases, whose last word may go on behind a `*`. Raises `ScheduleError`."""
    found = []
    for one in text.strip(" |").split("|"):
        plain = _plain(one) + ("*" if one.rstrip().endswith("*") else "")
        if not plain.strip("*"):
            raise ScheduleError(say("there are no words to wait for: write such as deploy failed|rollback*"))
        if len(plain) > LONGEST_PHRASE:
            raise ScheduleError(say("words to wait for have {most} characters at most", most=LONGEST_PHRASE))
        found.append(plain)
    if len(found) > MOST_PHRASES:
        raise ScheduleError(say("{most} phrases are the most that a task waits for", most=MOST_PHRASES))
    return "|".join(dict.fromkeys(found))


def fits(kind: Kind, what: str, *, reacted: str, said: str, files: Iterable[str]) -> bool:
    """`reacted` is as the platform told it, `said` the author's own words, `files` their files' names."""
    if kind == "reaction":
        return bool(reacted) and reaction(reacted) == reaction(what)  # kept by an older version as a name
    if kind == "file":
        names = [name[-200:].casefold() for name in files]
        return bool(names) and (
            what == ANY_FILE or any(name.endswith(f".{end}") for name in names for end in what.split(", "))
        )
    text = f" {_plain(said[:LOOKED_AT])} "
    return len(text) > 2 and any(_has(text, phrase) for phrase in what.split("|"))


def _has(text: str, phrase: str) -> bool:
    """Whole words, but in scripts that put no spaces between them."""
    begins, word = phrase.endswith("*"), phrase.removesuffix("*")
    if _WITHOUT_SPACES.search(word):
        return word in text
    return f" {word}" in text if begins else f" {word} " in text


def _plain(text: str) -> str:
    """Its words: letters with their signs, numbers, and what stands behind them in "C++" and "C#"."""
    folded = _POINTS.sub("", unicodedata.normalize("NFKC", text).casefold())
    kept = [
        one if one.isalnum() or one in "+#" or unicodedata.category(one)[0] == "M" else " " for one in folded
    ]
    words = (word.lstrip("+#") for word in "".join(kept).split())
    return " ".join(filter(None, words))

"""What a runner says of itself, in the language of the place: why there is no answer, and lines above and below one.

Its words are English. A line that is exactly one of these is told; what follows a failure's colon is the model API's and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from host.words import (
    ENGLISH,
    Sentence,
    as_it_is,
    explained,
    joined,
    known,
    listed,
    many,
    mark,
    reread,
    say,
)
from sessiondb import content

SIGN = "⚠️ "
SAID = frozenset(
    {
        mark("The model is overloaded right now."),
        mark("The model's rate limit is reached right now."),
        mark("The model API does not accept this installation's key."),
        mark("The model API does not allow this"),
        mark("The model API refuses for lack of credit or budget"),
        mark("The model API does not know what was asked for"),
        mark("This conversation has become too large for one request; /clear starts afresh."),
        mark("The model API did not accept the request"),
        mark("The model API has a fault of its own right now."),
        mark("The connection to the model was lost."),
        mark("The model declined to answer this; /clear starts afresh."),
    }
)


# What a runner puts in front of an answer, or below it.
_FRONT: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], Sentence]]] = (
    (
        re.compile(r"\*Missed earlier, made up for now: (?P<times>[^*\n]{1,2000})\.\*"),
        lambda found: say("*Missed earlier, made up for now: {times}.*", times=_times(found["times"])),
    ),
    (
        re.compile(r"\*I do not know what you said in your voice message: (?P<why>[^\n]{1,500})\.\*"),
        lambda found: say(
            "*I do not know what you said in your voice message: {why}.*", why=known(found["why"])
        ),
    ),
    (
        re.compile(
            r"\*Later than I promised: due (?P<due>[^*\n]{1,100}), to begin by (?P<by>[\d:]{5}(?: UTC)?);"
            r" I began at (?P<at>[\d:]{5}(?: UTC)?)\.\*"
        ),
        lambda found: say(
            "*Later than I promised: due {due}, to begin by {by}; I began at {at}.*",
            due=reread(found["due"]),
            by=found["by"],
            at=found["at"],
        ),
    ),
    (
        re.compile(
            r"🧪 \*A trial of “(?P<title>[^\n]{1,300})”: you alone read it, and it counts as no run\.\*"
        ),
        lambda found: say(
            "🧪 *A trial of “{title}”: you alone read it, and it counts as no run.*", title=found["title"]
        ),
    ),
    (
        re.compile(
            r"\*Another try\. At the first I had (?P<did>[^\n]{1,1000}); none of that was done again\.\*"
        ),
        lambda found: say(
            "*Another try. At the first I had {did}; none of that was done again.*",
            did=as_it_is(found["did"]),
        ),
    ),
)
_NOTHING_TO_DO = mark("Its script found nothing to do: nobody would be told anything.")
_REACHED = re.compile(r"(?P<count>[\d,]{1,20}) (?P<what>tool call|message)s?")
_BELOW = re.compile(
    r"⚠️ \*I reached the most for one turn, (?P<what>[^*\n]{1,100})\. What was beyond is not done\."
    r" Tell me to go on if it is needed\.\*\Z"
)


def retold(operation: content.Operation, language: str) -> content.Operation:
    if language == ENGLISH or not isinstance(operation, content.Text):
        return operation
    text = _without_english(operation.text, language)
    return operation if text == operation.text else replace(operation, text=text)


def _without_english(text: str, language: str) -> str:
    if text.startswith(SIGN):
        words, apart, detail = text.removeprefix(SIGN).partition(": ")
        if words in SAID:
            failed = explained(known(words), detail) if apart else known(words)
            return f"{SIGN}{failed.told(language)}"
    for front, line in _FRONT:
        if (found := front.match(text)) and text[found.end() :].startswith("\n\n"):
            rest = text[found.end() + 2 :]
            rest = known(rest).told(language) if rest == _NOTHING_TO_DO else _without_english(rest, language)
            return f"{line(found).told(language)}\n\n{rest}"
    if below := _BELOW.search(text):
        note = say(
            "⚠️ *I reached the most for one turn, {what}. What was beyond is not done. Tell me to go on if it is needed.*",
            what=listed([_reached(one) for one in below["what"].split(" and ")]),
        )
        return f"{text[: below.start()]}{note.told(language)}"
    return text


def _reached(text: str) -> Sentence:
    found = _REACHED.fullmatch(text)
    if found is None:
        return as_it_is(text)
    count = int(found["count"].replace(",", ""))
    if found["what"] == "message":
        return many("{count} message", "{count} messages", count)
    return many("{count} tool call", "{count} tool calls", count)


def _times(text: str) -> Sentence:
    return joined("; ", [_more(one) for one in text.split("; ")])


def _more(text: str) -> Sentence:
    found = re.fullmatch(r"… (\d+) more …", text)
    return many("… {count} more …", "… {count} more …", int(found[1])) if found else reread(text)

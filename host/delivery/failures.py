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
    laid_out,
    listed,
    many,
    mark,
    number,
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
        mark("This conversation has become too large for one request; `!clear` starts afresh."),
        mark("The model API did not accept the request"),
        mark("The model API has a fault of its own right now."),
        mark("The connection to the model was lost."),
        mark("The model declined to answer this; `!clear` starts afresh."),
        mark("I stopped: this took more steps than I may take."),
        mark("The agent stopped without an answer."),
        mark("The agent's harness ended unexpectedly."),
        mark("The agent's harness ended before its answer."),
    }
)
OUTGROWN = mark("This conversation has outgrown what the model can hold; `!clear` starts afresh.")
_STEPS = re.compile(r"I stopped after (?P<count>\d{1,9}) steps\.")
_STATUS = re.compile(r"The model API answered with status (?P<status>\d{1,9})")
WHOLE = frozenset(  # answers that are nothing else
    {
        mark("Its script found nothing to do: nobody would be told anything."),
        mark("I was asked twice and found nothing to say. Please ask in other words."),
        mark("Nothing is running."),
        mark("Forgotten. We start afresh."),
        mark("Stopped before I had begun."),
    }
)
UNHEARD = frozenset(  # why the words of a voice message are not known
    {
        mark("nothing here writes voice messages down"),
        mark("no words were found in it"),
        mark("it was not listened to"),
        mark("the program that writes it down did not come to an end"),
        mark("the program that writes it down was stopped"),
        mark("the program that writes it down failed"),
        mark("the program that writes voice messages down runs only in containers"),
    }
)
_TOO_LONG = re.compile(r"it has more than (?P<bytes>[\d,]{1,20}) bytes")
DID = frozenset(  # words that follow "I had"
    {
        mark("run a command"),
        mark("looked at a file"),
        mark("written a file"),
        mark("edited a file"),
        mark("used my memory"),
        mark("sent a message"),
        mark("sent a file"),
        mark("sent a document"),
        mark("sent a card"),
        mark("edited a message"),
        mark("added a reaction"),
        mark("read the thread"),
        mark("asked a question"),
        mark("scheduled a task"),
        mark("changed a task"),
        mark("paused a task"),
        mark("resumed a task"),
        mark("cancelled a task"),
        mark("started a task"),
        mark("looked at the tasks"),
        mark("made a plan"),
        mark("looked at its servers"),
        mark("searched the web"),
        mark("read a page"),
        mark("asked a helper"),
    }
)
_ONE_DID = re.compile(r"(?P<did>[^()]{1,200}?)(?: \((?P<count>\d{1,9}) times\))?")
_USED = "used "
_A_COMMAND = mark("A command")
_STOPPED = re.compile(
    r"Stopped\.(?: I had (?P<did>[^\n.]{1,2000})\.)?"
    r"(?: (?P<cut>[^\n.]{1,2000}) was still running; how far it got is not known\.)?"
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
            "*I do not know what you said in your voice message: {why}.*", why=_unheard(found["why"])
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
            did=_did(found["did"]),
        ),
    ),
)
_REACHED = re.compile(r"(?P<count>[\d,]{1,20}) (?P<what>tool call|message)s?")
# What a runner puts behind an answer, a paragraph each.
_BELOW: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], Sentence]]] = (
    (
        re.compile(
            r"⚠️ \*I reached the most for one turn, (?P<what>[^*\n]{1,100})\. What was beyond is not done\."
            r" Tell me to go on if it is needed\.\*"
        ),
        lambda found: say(
            "⚠️ *I reached the most for one turn, {what}. What was beyond is not done. Tell me to go on if it is needed.*",
            what=listed([_reached(one) for one in found["what"].split(" and ")]),
        ),
    ),
    (
        re.compile(r"\(Answered by (?P<model>\S{1,200}) at another address: its own is away right now\.\)"),
        lambda found: say(
            "(Answered by {model} at another address: its own is away right now.)", model=found["model"]
        ),
    ),
    (
        re.compile(r"\(Answered by (?P<model>\S{1,200}): (?P<absent>\S{1,200}) is away right now\.\)"),
        lambda found: say(
            "(Answered by {model}: {absent} is away right now.)",
            model=found["model"],
            absent=found["absent"],
        ),
    ),
    (
        re.compile(r"_Left out, for the model did not take it: (?P<names>[^\n]{1,4000})\._"),
        lambda found: say(
            "_Left out, for the model did not take it: {names}._", names=_left_out(found["names"])
        ),
    ),
    (re.compile(re.escape(OUTGROWN)), lambda found: known(found[0])),
)
_MORE_LEFT = re.compile(r"(?P<names>.+) and (?P<count>\d{1,9}) more")


def retold(operation: content.Operation, language: str) -> content.Operation:
    if language == ENGLISH or not isinstance(operation, content.Text):
        return operation
    text = _without_english(operation.text, language)
    return operation if text == operation.text else replace(operation, text=text)


def _without_english(text: str, language: str) -> str:
    """Of each kind of line there is one at most, whatever an agent writes."""
    above, below = list[Sentence](), list[Sentence]()
    while len(above) < len(_FRONT) and (front := _front(text)) is not None:
        line, text = front
        above.append(line)
    while len(below) < len(_BELOW) and (last := _last(text)) is not None:
        text, line = last
        below.insert(0, line)
    told = [_itself(text)] if text else []
    return "\n\n".join(one.told(language) for one in (*above, *told, *below))


def _front(text: str) -> tuple[Sentence, str] | None:
    for front, line in _FRONT:
        if (found := front.match(text)) and text[found.end() :].startswith("\n\n"):
            return line(found), text[found.end() + 2 :]
    return None


def _last(text: str) -> tuple[str, Sentence] | None:
    before, _, last = text.rpartition("\n\n")
    for below, line in _BELOW:
        if found := below.fullmatch(last):
            return before, line(found)
    return None


def _itself(text: str) -> Sentence:
    if text in WHOLE:
        return known(text)
    if text.startswith(SIGN):
        return laid_out("{sign}{line}", sign=SIGN, line=_failed(text.removeprefix(SIGN)))
    found = _STOPPED.fullmatch(text)
    return as_it_is(text) if found is None else _stopped(found)


def _failed(line: str) -> Sentence:
    if line in SAID or line == OUTGROWN:
        return known(line)
    if steps := _STEPS.fullmatch(line):
        return many("I stopped after {count} step.", "I stopped after {count} steps.", int(steps["count"]))
    words, apart, detail = line.partition(": ")
    status = _STATUS.fullmatch(words)
    if status is None and words not in SAID:
        return as_it_is(line)
    told = (
        say("The model API answered with status {status}", status=status["status"])
        if status
        else known(words)
    )
    return explained(told, detail) if apart else told


def _stopped(found: re.Match[str]) -> Sentence:
    told = [say("Stopped.")]
    if found["did"]:
        told.append(say("I had {did}.", did=_did(found["did"])))
    if found["cut"]:
        cut = listed([known(one) if one == _A_COMMAND else as_it_is(one) for one in _each(found["cut"])])
        told.append(say("{what} was still running; how far it got is not known.", what=cut))
    return joined(" ", told)


def _did(text: str) -> Sentence:
    return listed([_one_did(one) for one in _each(text)])


def _one_did(text: str) -> Sentence:
    found = _ONE_DID.fullmatch(text)
    if found is None:
        return as_it_is(text)
    told = known(found["did"])
    if found["did"].startswith(f"{_USED}`"):
        told = say("used {tool}", tool=found["did"].removeprefix(_USED))
    if found["count"]:
        told = many("{did} ({count} time)", "{did} ({count} times)", int(found["count"]), did=told)
    return told


def _each(text: str) -> Sequence[str]:
    """What a runner listed: `a, b and c`."""
    return re.split(r", | and ", text)


def _unheard(why: str) -> Sentence:
    found = _TOO_LONG.fullmatch(why)
    return say("it has more than {bytes} bytes", bytes=_amount(found["bytes"])) if found else known(why)


def _left_out(names: str) -> Sentence:
    found = _MORE_LEFT.fullmatch(names)
    if found is None:
        return as_it_is(names)
    count = int(found["count"])
    return many("{names} and {count} more", "{names} and {count} more", count, names=found["names"])


def _amount(text: str) -> Sentence:
    return number(int(text.replace(",", "")))


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

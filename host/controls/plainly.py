"""The life of a message in plain words: what happened, not what the records call it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from host.controls.why import CONTEXT, Event
from host.governance.words import one_line
from host.words import Sentence, as_it_is, explained, known, listed, many, mark, say

Worded = Callable[[str], Sentence]

_CAME = re.compile(r"from (?P<who>.*) in (?P<place>\S*)")
_FOR = re.compile(r"agent (?P<agent>.*?), session (?P<session>[^,\s]+)(?P<context>, as context.*)?")
_FAILED = re.compile(r"(?P<count>\d+) failed attempts")
STATES = (mark("pending"), mark("sending"), mark("unknown"), mark("failed"))  # of a post that is not there
NOTHING = as_it_is("")


@dataclass(frozen=True, slots=True)
class Told:
    """One line; `at` is ms UTC, 0 when the records keep no time for it."""

    at: int
    words: Sentence


def told(events: Sequence[Event]) -> list[Told]:
    """In order. What only the machinery is interested in is left out."""
    lines: list[Told] = []
    for event, words in _worded(events):
        if words and (not lines or lines[-1].words != words):
            lines.append(Told(event.at, words))
    return lines


def outcome(events: Sequence[Event]) -> Sentence:
    """What became of it, in a sentence."""
    by_what = {event.what: event for event in events}
    for what, words, because in _ENDED:
        if what in by_what:
            detail = by_what[what].detail
            reason = detail.rstrip(".") if what in _WHOLE else _reason(detail)
            return because(known(reason)) if reason else words
    if "paused" in by_what:
        return say("It waits for a person's answer.")
    if "completed" in by_what:
        return _answered([event.what for event in events], by_what.get("delivery pending"))
    if "next attempt" in by_what:
        reason = _reason(by_what["next attempt"].detail)
        return (
            say("It is tried again: {reason}.", reason=known(reason)) if reason else say("It is tried again.")
        )
    if "forgotten" in by_what:
        return say("What became of it is forgotten: it is older than what is kept.")
    if "next start" in by_what:
        reason = by_what["next start"].detail.rstrip(".")
        waits = say("It waits, for its agent does not start.")
        return (
            say("It waits, for its agent does not start: {reason}.", reason=known(reason))
            if reason
            else waits
        )
    if "claimed" in by_what:
        return say("The agent works on it.")
    if CONTEXT in by_what.get("routed", Event(0, "")).detail:
        return say("It is context for the agent's next turn.")
    return say("It waits for its turn.")


_WHOLE = ("declined",)  # a reason and nothing else
_ENDED: Sequence[tuple[str, Sentence, Callable[[Sentence], Sentence]]] = (
    ("declined", say("It was declined."), lambda reason: say("It was declined: {reason}.", reason=reason)),
    ("failed", say("It failed."), lambda reason: say("It failed: {reason}.", reason=reason)),
    ("cancelled", say("It was cancelled."), lambda reason: say("It was cancelled: {reason}.", reason=reason)),
)


def _answered(whats: Sequence[str], pending: Event | None) -> Sentence:
    posts = whats.count("delivered")
    if any(what.startswith("delivery ") for what in whats):
        if reason := _reason(pending.detail) if pending is not None else "":
            return say("It is answered, and the answer is not posted yet: {reason}.", reason=known(reason))
        return say("It is answered, and the answer is not posted yet.")
    if not posts:
        return say("It ended without a post.")
    return many("It was answered.", "It was answered, in {count} messages.", posts)


def _worded(events: Sequence[Event]) -> Iterator[tuple[Event, Sentence]]:
    tools: list[str] = []
    for event in events:
        if event.what == "tool":
            tools.append(event.detail.partition(" (")[0])
            continue
        if tools:
            yield Event(0, "tool"), _used(tools)
            tools = []
        yield event, _words(event)


def _words(event: Event) -> Sentence:
    what, detail = event.what, event.detail
    detail = detail if isinstance(detail, Sentence) else one_line(detail)
    if what in PLAIN:
        return PLAIN[what](detail)
    if what.startswith("notice "):
        return say("people were told: {text}", text=as_it_is(detail))
    if what.startswith("live message"):
        return NOTHING
    if what.startswith("delivery "):
        state, reason = known(what.removeprefix("delivery ")), _reason(detail)
        if reason:
            return say("a post of the answer is {state}: {reason}", state=state, reason=known(reason))
        return say("a post of the answer is {state}", state=state)
    if what.startswith("runner says"):
        return say("the agent ran into: {problem}", problem=known(detail)) if detail else NOTHING
    return as_it_is(f"{what}: {detail}" if detail else what)


def _came(detail: str) -> Sentence:
    found = _CAME.fullmatch(detail)
    if found is None:
        return say("it came {detail}", detail=as_it_is(detail))
    return say("it came from {who} in {place}", who=as_it_is(found["who"]), place=found["place"])


def _for(detail: str) -> Sentence:
    found = _FOR.fullmatch(detail)
    if found is None:
        return say("it is for {detail}", detail=as_it_is(detail))
    agent, session = found["agent"], found["session"]
    if found["context"]:
        return say(
            "it is for agent {agent}, conversation {session}, as context that wakes nobody",
            agent=agent,
            session=session,
        )
    return say("it is for agent {agent}, conversation {session}", agent=agent, session=session)


def _claimed(detail: str) -> Sentence:
    attempt = detail.partition("attempt ")[2].partition(",")[0]
    if attempt in ("", "1"):
        return say("the agent took it up")
    return say("the agent took it up, attempt {number}", number=attempt)


def _delivered(detail: str) -> Sentence:
    failed = _FAILED.search(detail)
    if failed is None:
        return say("an answer was posted")
    return many(
        "an answer was posted ({count} failed attempt)",
        "an answer was posted ({count} failed attempts)",
        int(failed["count"]),
    )


def _used(tools: Sequence[str]) -> Sentence:
    counted = {tool: tools.count(tool) for tool in dict.fromkeys(tools)}
    times = [
        many("{tool} ({count} time)", "{tool} ({count} times)", count, tool=tool)
        if count > 1
        else as_it_is(tool)
        for tool, count in counted.items()
    ]
    return say("it used {tools}", tools=listed(times))


def _reason(detail: str) -> str:
    reason = detail.partition(": ")[2] or ("" if detail.startswith(("seq ", "chunk ")) else detail)
    return reason.rstrip(".")


def _with(words: Sentence) -> Worded:
    """With the reason behind it, where there is one."""

    def worded(detail: str) -> Sentence:
        reason = _reason(detail)
        return explained(words, known(reason)) if reason else words

    return worded


def _all(words: Sentence) -> Worded:
    return lambda detail: explained(words, known(detail)) if detail else words


PLAIN: dict[str, Worded] = {
    "received": _came,
    "routed": _for,
    "stored": lambda _: NOTHING,
    "waits": lambda _: say("it waits for room in its conversation"),
    "declined": _all(say("declined")),
    "claimed": _claimed,
    "not claimed": lambda _: say("no agent has taken it up yet"),
    "next attempt": _all(say("the next attempt")),
    "next start": _all(say("its agent is started again")),
    "pending": lambda _: NOTHING,
    "completed": lambda _: say("the agent was done"),
    "failed": _with(say("it failed")),
    "cancelled": _with(say("it was cancelled")),
    "paused": lambda _: say("the agent asked a person, and waits for the answer"),
    "delivered": _delivered,
    "order carried out": lambda _: say("an order of the agent was carried out"),
    "edited": lambda _: say("its author edited it"),
    "deleted": lambda _: say("its author deleted it"),
    "forgotten": lambda _: say("its records are older than what is kept"),
    "unreadable": lambda detail: say("its records cannot be read: {problem}", problem=known(detail)),
    "masked": lambda detail: say("secrets were masked: {what}", what=as_it_is(detail)),
    "due": lambda detail: say("it was due, {promise}", promise=known(detail)),
    "late": known,
}

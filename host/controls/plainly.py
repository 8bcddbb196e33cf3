"""The life of a message in plain words: what happened, not what the records call it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from host.controls.why import Event
from host.governance.words import one_line

Worded = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Told:
    """One line; `at` is ms UTC, 0 when the records keep no time for it."""

    at: int
    words: str


def told(events: Sequence[Event]) -> list[Told]:
    """In order. What only the machinery is interested in is left out."""
    lines: list[Told] = []
    for event, words in _worded(events):
        if words and (not lines or lines[-1].words != words):
            lines.append(Told(event.at, words))
    return lines


def outcome(events: Sequence[Event]) -> str:
    """What became of it, in a sentence."""
    whats = [event.what for event in events]
    by_what = {event.what: event for event in events}
    if "declined" in by_what:
        return f"It was declined: {_ended(by_what['declined'].detail)}"
    if "failed" in by_what:
        return f"It failed{_because(by_what['failed'].detail)}."
    if "cancelled" in by_what:
        return f"It was cancelled{_because(by_what['cancelled'].detail)}."
    if "paused" in by_what:
        return "It waits for a person's answer."
    posts = whats.count("delivered")
    on_the_way = [what for what in whats if what.startswith("delivery ")]
    if "completed" in by_what and on_the_way:
        waits = by_what.get("delivery pending")
        return f"It is answered, and the answer is not posted yet{_because(waits.detail) if waits else ''}."
    if "completed" in by_what:
        return (
            f"It was answered{f', in {posts} messages' if posts > 1 else ''}."
            if posts
            else "It ended without a post."
        )
    if "next attempt" in by_what:
        return f"It is tried again{_because(by_what['next attempt'].detail)}."
    if "forgotten" in by_what:
        return "What became of it is forgotten: it is older than what is kept."
    if "next start" in by_what:
        reason = by_what["next start"].detail.rstrip(".")
        return f"It waits, for its agent does not start{f': {reason}' if reason else ''}."
    if "claimed" in by_what:
        return "The agent works on it."
    if "as context that wakes nobody" in by_what.get("routed", Event(0, "")).detail:
        return "It is context for the agent's next turn."
    return "It waits for its turn."


def _worded(events: Sequence[Event]) -> Iterator[tuple[Event, str]]:
    tools: list[str] = []
    for event in events:
        if event.what == "tool":
            tools.append(event.detail.partition(" (")[0])
            continue
        if tools:
            yield Event(0, "tool"), f"it used {_listed(tools)}"
            tools = []
        yield event, _words(event)


def _words(event: Event) -> str:
    what, detail = event.what, one_line(event.detail)
    if what in PLAIN:
        return PLAIN[what](detail)
    if what.startswith("notice "):
        return f"people were told: {detail}"
    if what.startswith("live message"):
        return ""
    if what.startswith("delivery "):
        return f"a post of the answer is {what.removeprefix('delivery ')}{_because(detail)}"
    if what.startswith("runner says"):
        return f"the agent ran into: {detail}" if detail else ""
    return f"{what}: {detail}" if detail else what


def _claimed(detail: str) -> str:
    attempt = detail.partition("attempt ")[2].partition(",")[0]
    return "the agent took it up" + (f", attempt {attempt}" if attempt not in ("", "1") else "")


def _delivered(detail: str) -> str:
    failed = detail.partition(", ")[2]
    return "an answer was posted" + (f" ({failed})" if failed else "")


def _because(detail: str) -> str:
    reason = detail.partition(": ")[2] or ("" if detail.startswith(("seq ", "chunk ")) else detail)
    return f": {reason.rstrip('.')}" if reason else ""


def _ended(text: str) -> str:
    return f"{text.rstrip('.')}."


def _listed(tools: Sequence[str]) -> str:
    counted = {tool: tools.count(tool) for tool in dict.fromkeys(tools)}
    return ", ".join(f"{tool} ({count} times)" if count > 1 else tool for tool, count in counted.items())


PLAIN: dict[str, Worded] = {
    "received": lambda detail: f"it came {detail}",
    "routed": lambda detail: f"it is for {detail.replace(', session ', ', conversation ')}",
    "stored": lambda _: "",
    "waits": lambda _: "it waits for room in its conversation",
    "declined": lambda detail: f"declined: {detail}",
    "claimed": _claimed,
    "not claimed": lambda _: "no agent has taken it up yet",
    "next attempt": lambda detail: f"the next attempt{_because(f': {detail}')}",
    "next start": lambda detail: f"its agent is started again{_because(f': {detail}')}",
    "pending": lambda _: "",
    "completed": lambda _: "the agent was done",
    "failed": lambda detail: f"it failed{_because(detail)}",
    "cancelled": lambda detail: f"it was cancelled{_because(detail)}",
    "paused": lambda _: "the agent asked a person, and waits for the answer",
    "delivered": _delivered,
    "order carried out": lambda _: "an order of the agent was carried out",
    "edited": lambda _: "its author edited it",
    "deleted": lambda _: "its author deleted it",
    "forgotten": lambda _: "its records are older than what is kept",
    "unreadable": lambda detail: f"its records cannot be read: {detail}",
}

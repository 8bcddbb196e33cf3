"""What became of a message, in words that need no knowledge of the records."""

from __future__ import annotations

import pytest

from host.controls import plainly
from host.controls.why import Event
from host.mailbox import promise
from host.words import length, say

BEGUN = [Event(1, "received", "from Ada in slack/T1/C1"), Event(2, "routed", "agent default, session s1")]
CLAIMED = [
    *BEGUN,
    Event(3, "stored", "in the session's inbound.db"),
    Event(4, "claimed", "attempt 1, incarnation i, turn t"),
]


def test_the_machinery_s_words_do_not_occur() -> None:
    events = [
        *CLAIMED,
        Event(0, "tool", "bash (done)"),
        Event(0, "tool", "bash (done)"),
        Event(0, "tool", "read_file (done)"),
        Event(5, "runner says completed", ""),
        Event(6, "completed", "seq 2"),
        Event(0, "live message removed", ""),
        Event(7, "delivered", "chunk 0 as 17.5"),
    ]
    told = [line.words for line in plainly.told(events)]
    assert told == [
        "it came from Ada in slack/T1/C1",
        "it is for agent default, conversation s1",
        "the agent took it up",
        "it used bash (2 times) and read_file",
        "the agent was done",
        "an answer was posted",
    ]
    for word in ("seq", "chunk", "incarnation", "inbound", "claim", "runner"):
        assert word not in " ".join(told)


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        (BEGUN, "It waits for its turn."),
        (CLAIMED, "The agent works on it."),
        (
            [*BEGUN, Event(9, "next start", "the runner ended with code 4")],
            "It waits, for its agent does not start: the runner ended with code 4.",
        ),
        ([*BEGUN, Event(1, "declined", "You may not.")], "It was declined: You may not."),
        ([*CLAIMED, Event(5, "failed", "seq 2, after 5 earlier attempts: no disk")], "It failed: no disk."),
        ([*CLAIMED, Event(5, "cancelled", "seq 2: stopped by Ada")], "It was cancelled: stopped by Ada."),
        ([*CLAIMED, Event(5, "paused", "seq 2")], "It waits for a person's answer."),
        (
            [*CLAIMED, Event(5, "completed", "seq 2"), Event(6, "delivered", "chunk 0 as 1.1")],
            "It was answered.",
        ),
        (
            [
                *CLAIMED,
                Event(5, "completed", ""),
                Event(6, "delivered", "chunk 0"),
                Event(6, "delivered", "chunk 1"),
            ],
            "It was answered, in 2 messages.",
        ),
        (
            [*CLAIMED, Event(5, "completed", ""), Event(6, "delivery pending", "")],
            "It is answered, and the answer is not posted yet.",
        ),
        ([*CLAIMED, Event(9, "next attempt", "the disk was full")], "It is tried again: the disk was full."),
        (
            [*BEGUN, Event(0, "forgotten", "")],
            "What became of it is forgotten: it is older than what is kept.",
        ),
        (
            [BEGUN[0], Event(2, "routed", "agent a, session s1, as context that wakes nobody")],
            "It is context for the agent's next turn.",
        ),
    ],
)
def test_the_outcome_is_one_sentence(events: list[Event], outcome: str) -> None:
    assert plainly.outcome(events) == outcome


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Event(1, "claimed", "attempt 3, incarnation i, turn t"), "the agent took it up, attempt 3"),
        (Event(1, "edited", "on the platform"), "its author edited it"),
        (Event(1, "deleted", "on the platform"), "its author deleted it"),
        (Event(1, "notice sent", "⚠️ it failed"), "people were told: ⚠️ it failed"),
        (
            Event(1, "delivery failed", "chunk 0: the channel is archived"),
            "a post of the answer is failed: the channel is archived",
        ),
        (
            Event(1, "delivered", "chunk 0 as 1.1, 2 failed attempts"),
            "an answer was posted (2 failed attempts)",
        ),
        (Event(1, "something new", "as it is"), "something new: as it is"),
    ],
)
def test_each_event_has_its_words(event: Event, words: str) -> None:
    assert [line.words for line in plainly.told([event])] == [words]


def test_a_story_is_told_in_the_language_of_its_place() -> None:
    events = [
        *CLAIMED,
        Event(0, "tool", "bash (done)"),
        Event(0, "tool", "bash (done)"),
        Event(5, "due", say("to begin within {length}", length=length(60_000))),
        Event(6, "late", promise.later(0, 120_000, 60_000)),
        Event(7, "delivery pending", "chunk 0: the channel is archived"),
    ]
    assert [line.words.told("de") for line in plainly.told(events)] == [
        "sie kam von Ada in slack/T1/C1",
        "sie ist für den Agenten default, Gespräch s1",
        "der Agent nahm sie auf",
        "er benutzte bash (2-mal)",
        "sie war fällig und sollte innerhalb von 1 Minute beginnen",
        "1 Minute später begonnen als versprochen",
        "ein Beitrag der Antwort ist noch nicht gesendet: der Kanal ist archiviert",
    ]
    assert plainly.outcome([*CLAIMED, Event(5, "paused", "seq 2")]).told("ja") == "人の回答を待っています。"

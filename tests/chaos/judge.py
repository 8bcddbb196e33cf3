"""What came of it: what is missing, said twice, out of order, written by a zombie, or said too late."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.talk import Message

LOST = "A part of my answer was lost"  # of nothing that is said here, whatever goes
RETURN = 5.0  # s after which a node is back that something happened to


@dataclass(frozen=True)
class Post:
    at: float  # s, when it was seen
    channel: str
    text: str
    file: str = ""  # what its file holds
    question: str = ""


def answered(said: Sequence[Message], posts: Iterable[Post], unsure: Collection[str] = ()) -> bool:
    """Whether nothing is missing any more."""
    return not any(_missing(said, posts, unsure))


def faults(
    said: Sequence[Message], posts: Sequence[Post], written: Iterable[Path], unsure: Collection[str] = ()
) -> Iterator[str]:
    yield from _missing(said, posts, unsure)
    for what, times in _counted(said, posts).items():
        if times > 1:
            yield f"{what!r} was posted {times} times"
    yield from _out_of_order(said, posts)
    yield from (f"in {post.channel} people were told: {post.text!r}" for post in posts if LOST in post.text)
    for path in written:
        yield from _zombies(path)


def shown(changes: Iterable[Mapping[str, str]]) -> Sequence[str]:
    """The conversations in which a message that shows a turn was opened and never removed."""
    open_ones: dict[str, str] = {}
    for change in changes:
        if change["change"] == "opened":
            open_ones[change["key"]] = change["channel"]
        else:
            open_ones.pop(change["key"], None)
    return sorted(open_ones.values())


@dataclass(frozen=True)
class Trouble:
    """Something that happened to a node, from and to when (s)."""

    begun: float
    over: float
    in_order: bool = False


def unsure(
    said: Mapping[str, float], messages: Iterable[Message], posts: Iterable[Post], troubles: Sequence[Trouble]
) -> set[str]:
    """What files hold that may not come: there was trouble while the turn that made and sent them was under way. Its agent was
    told that a call was interrupted, or found no file, and this one goes on without."""
    at = {post.text: post.at for post in posts}
    answered_ones = (one for one in messages if one.held and one.id in at)
    return {one.held for one in answered_ones if _troubled(said[one.id], at[one.id], troubles)}


def _troubled(begun: float, over: float, troubles: Iterable[Trouble]) -> bool:
    return any(one.begun <= over and one.over + RETURN >= begun for one in troubles)


def lost(
    said: Mapping[str, float],
    messages: Iterable[Message],
    posts: Iterable[Post],
    kept: Iterable[Path],
    troubles: Sequence[Trouble],
    tolerance: float,
) -> Iterator[str]:
    """What an answered turn wrote to a workspace is there in the end. It may be gone where there was trouble while the turn was
    under way, for its tool may have been ended, or where a node ended otherwise than in order within `tolerance` s after it."""
    lines = {line for path in kept for line in path.read_text().splitlines()}
    at = {post.text: post.at for post in posts}
    for message in messages:
        if message.kind != "tool" or message.id not in at or message.id in lines:
            continue
        begun, over = said[message.id], at[message.id]
        if not _troubled(begun, over, troubles) and not any(
            over <= one.begun <= over + tolerance for one in troubles if not one.in_order
        ):
            yield f"what {message.id!r} wrote is lost"


def delays(
    said: Mapping[str, float], messages: Iterable[Message], posts: Sequence[Post], happened: Sequence[float]
) -> Iterator[tuple[float, str]]:
    """Of each message: s to its answer, from when it was said, the answer before it came, or the last thing happened to nodes."""
    at = {post.text: post.at for post in reversed(posts)}
    before: dict[str, float] = {}
    for message in messages:
        if message.id not in at:
            continue
        begun = max(said[message.id], before.get(message.channel, 0.0))
        begun = max([begun, *(moment for moment in happened if moment <= at[message.id])])
        yield at[message.id] - begun, message.id
        before[message.channel] = at[message.id]


def _expected(said: Iterable[Message]) -> Iterator[tuple[str, str]]:
    for message in said:
        for what in (message.id, message.held, message.later):
            if what:
                yield message.channel, what


def _counted(said: Iterable[Message], posts: Iterable[Post]) -> Counter[tuple[str, str]]:
    wanted = set(_expected(said))
    found = ((post.channel, what) for post in posts for what in (post.text, post.file))
    return Counter(what for what in found if what in wanted)


def _missing(said: Sequence[Message], posts: Iterable[Post], unsure: Collection[str]) -> Iterator[str]:
    posts = list(posts)
    there = _counted(said, posts)
    asked = {post.text for post in posts if post.question}
    for message in said:
        if message.kind == "question" and not any(text.startswith(f"{message.id}?") for text in asked):
            yield f"{message.id!r} was not asked"
    for what in _expected(said):
        if what not in there and what[1] not in unsure:
            yield f"{what!r} is missing"


def _out_of_order(said: Iterable[Message], posts: Iterable[Post]) -> Iterator[str]:
    """What is said while a question waits may be answered before it, and before what was taken up with it."""
    said = list(said)
    asking = {message.channel for message in said if message.kind == "question"}
    wanted: dict[str, list[str]] = defaultdict(list)
    for message in said:
        wanted[message.channel].append(message.id)
    came: dict[str, list[str]] = defaultdict(list)
    for post in posts:
        if post.text in wanted[post.channel] and post.text not in came[post.channel]:
            came[post.channel].append(post.text)
    for channel, texts in came.items():
        if channel not in asking and texts != [text for text in wanted[channel] if text in texts]:
            yield f"in {channel} the answers came as {texts}"


def _zombies(path: Path) -> Iterator[str]:
    """A runner that writes once another of its conversation has begun to."""
    of: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text().splitlines():
        channel, _, incarnation = line.partition(" ")
        of[channel].append(incarnation)
    for channel, lines in of.items():
        turns = [incarnation for incarnation, _ in itertools.groupby(lines)]
        if len(set(turns)) < len(turns):
            yield f"in {channel} {len(turns)} runs of lines were written by {len(set(turns))} runners"

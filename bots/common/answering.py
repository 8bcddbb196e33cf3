"""Who may answer a question, and what those are told who may not, or come too late."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from host.config import people
from host.ports.controls import CallShown
from host.ports.events import OVER
from host.words import Sentence, alternatives, as_it_is, joined, known, length, listed, many, say

CLOSED = OVER
ANSWERED = say("This question has been answered already.")


def may_answer(user: str, audience: Collection[str], owners: Collection[str], *, approval: bool) -> bool:
    """Where nobody in particular was asked the host's own rules decide alone. All are ids of one platform.

    Owners may answer for others, but not say yes to a tool for them: the agent counts nobody's `approval` but theirs.
    """
    return not audience or user in audience or (user in owners and not approval)


def ids_on(platform: str, listed: Collection[str], workspace: str = "") -> frozenset[str]:
    """The ids, of one platform, out of what the configuration lists for all of it or for this workspace."""
    return frozenset(people.there(listed, platform, workspace))


def votes(call: CallShown) -> Sentence:
    """Who has allowed it, how many have to, and the digest of what they allow."""
    digest = say("Digest {digest}", digest=call.digest)
    if call.needed <= 1:
        return digest
    needed = many("{count} person has to allow it.", "{count} people have to allow it.", call.needed)
    if not call.by:
        return joined("\n", [needed, digest])
    so_far = say("Allowed so far by {people}.", people=listed(call.by))
    return joined("\n", [joined(" ", [so_far, needed]), digest])


_IN_ADVANCE = re.compile(r"Allow (here|everywhere) for (\d+) (second|minute|hour|day)s?")
_UNITS = {"second": 1_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


def choice(option: str) -> Sentence:
    """What the host itself lets people choose from, to be told; the answer is the option as it is."""
    found = _IN_ADVANCE.fullmatch(option)
    if found is None:
        return known(option)
    span = length(int(found[2]) * _UNITS[found[3]])
    if found[1] == "here":
        return say("Allow here for {span}", span=span)
    return say("Allow everywhere for {span}", span=span)


def counted(by: Sequence[str], needed: int) -> Sentence:
    """`by` are ids, which both platforms show as names."""
    people = listed([as_it_is(f"<@{id_}>") for id_ in by])
    return say("{count} of {needed} have allowed it: {people}", count=len(by), needed=needed, people=people)


def refusal(audience: Sequence[str]) -> Sentence:
    """Both platforms show `<@id>` as a name."""
    named = [as_it_is(f"<@{id_}>") for id_ in audience]
    return say("Only {people} may answer this.", people=alternatives(named))

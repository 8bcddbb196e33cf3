"""Who may answer a question, and what those are told who may not, or come too late."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from host.config import people

CLOSED = "This question is no longer open."
ANSWERED = "This question has been answered already."


def may_answer(user: str, audience: Collection[str], owners: Collection[str], *, approval: bool) -> bool:
    """Where nobody in particular was asked the host's own rules decide alone. All are ids of one platform.

    Owners may answer for others, but not say yes to a tool for them: the agent counts nobody's `approval` but theirs.
    """
    return not audience or user in audience or (user in owners and not approval)


def ids_on(platform: str, listed: Collection[str], workspace: str = "") -> frozenset[str]:
    """The ids, of one platform, out of what the configuration lists for all of it or for this workspace."""
    return frozenset(people.there(listed, platform, workspace))


def refusal(audience: Sequence[str]) -> str:
    """Both platforms show `<@id>` as a name."""
    return f"Only {' or '.join(f'<@{id_}>' for id_ in audience)} may answer this."

"""Calls that people allow: how many of them have, and what is decided by that. Jobs on the connection.

A yes is written in the transaction that admits the answer, or that leaves it open: a crash before it leaves a question that
can be answered, after it one that was, and the same click again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from host.config import Config, people
from host.governance import access, audit, grants
from host.governance.sight import Sight
from host.ports.controls import CallShown, Forbidden
from host.ports.events import Author, EventClass, InboundEvent, Ingested, Verdict, Viewer
from host.registry import asked
from host.registry.port import Statements
from host.words import say
from sessiondb import approving
from sessiondb.records import Address

UNKNOWN = say("I do not know this call any more.")
NO_MORE = say("You were asked, but you may not answer this any more.")
SHOWN_DIGEST = 12  # characters of it that people can compare


@dataclass(frozen=True, slots=True)
class Votes:
    by: tuple[str, ...] = ()  # ids of those who allow it, the first one first
    names: str = ""  # of the same
    needed: int = 0
    decided: bool = True
    refused: str = ""  # why this person's answer does not count

    def noted(self, ingested: Ingested) -> Ingested:
        return replace(ingested, by=self.by, needed=self.needed) if self.needed else ingested

    def open(self, event: InboundEvent) -> Ingested:
        if self.refused:
            return Ingested(Verdict.DECLINED, event.message_id, self.refused)
        return self.noted(Ingested(Verdict.COUNTED, event.message_id))


@dataclass(frozen=True, slots=True)
class Asking:
    """A call that is about to be put to people."""

    row_id: str  # of messages_out
    key: str  # what an answer will refer to
    session_id: str
    agent: str
    address: Address
    audience: tuple[str, ...]
    terms: asked.Terms


def named(config: Config, agent: str, place: Address) -> tuple[str, ...]:
    """Ids of those whom the configuration alone has allow an agent's calls, there; () = it leaves that to whoever asked.

    Where it names people elsewhere only, the platform's owners stand in for them, and nobody who happens to ask.
    """
    found = config.agents.get(agent)
    listed = found.rules_of_approval.approvers if found else ()
    owners = people.there(config.access.owners, *place[:2])
    return tuple(dict.fromkeys(people.there(listed, *place[:2]) or owners or listed)) if listed else ()


def counted(
    connection: Statements, config: Config, event: InboundEvent, agent: str, now: int
) -> tuple[InboundEvent, Votes]:
    """What an ANSWER decides, whose author was asked; of anything else nothing. One refusal refuses.

    Who was asked and may not any more counts no more, with the yes that they gave before either.
    """
    if event.event_class is not EventClass.ANSWER:
        return event, Votes()
    terms = asked.terms_of(connection, event.refers_to)
    if terms is None or not terms.needed:
        asked.over(connection, event.refers_to)
        return event, Votes()
    if not _still(connection, config, agent, event.address, event.author.id):
        return event, Votes(decided=False, refused=NO_MORE)
    where = grants.meant(event.value)
    if event.value != approving.ALLOW and not where:
        asked.over(connection, event.refers_to)
        _record(connection, viewer_of(event), "refuse_call", terms, now)
        return event, Votes()
    _vote(connection, event.refers_to, viewer_of(event), terms, now)
    if where:
        _grant(connection, config, event, agent, terms, where, now)
    votes = _counting(connection, config, agent, event.address, event.refers_to, terms)
    digest = approving.digest(terms.call)
    return replace(event, value=approving.ALLOW, text=approving.ALLOW, by=votes.names, digest=digest), votes


def in_advance(connection: Statements, config: Config, asking: Asking, now: int) -> Votes:
    """The yeses that were given before the question is put, by those who may answer it now. Again is once: what was
    counted stays counted, whatever has ended since."""
    found = config.agents.get(asking.agent)
    offers = found is not None and found.rules_of_approval.grant_within > 0
    place = asking.address
    held = (
        grants.holding(connection, place, asking.agent, asking.terms.tool, asking.session_id, now)
        if offers
        else []
    )
    held = [
        one
        for one in held
        if one.by in asking.audience and _still(connection, config, asking.agent, place, one.by)
    ]
    if held:
        asked.note(connection, asking.key, asking.session_id, place, asking.row_id, now, asking.terms)
    elif asked.find(connection, asking.key) is None:
        return Votes(needed=asking.terms.needed, decided=False)
    for one in held:
        viewer = Viewer(Author(one.by, one.name), place)
        _vote(connection, asking.key, viewer, asking.terms, now, " in advance")
    return _counting(connection, config, asking.agent, place, asking.key, asking.terms)


def _vote(
    connection: Statements, key: str, viewer: Viewer, terms: asked.Terms, now: int, how: str = ""
) -> None:
    """Once for each person, however often they click."""
    user = access.person(viewer.address, viewer.author.id)
    connection.execute(
        "INSERT INTO votes VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (key, user, viewer.author.name, now)
    )
    if connection.changes():
        _record(connection, viewer, "allow_call", terms, now, how)


def _grant(
    connection: Statements,
    config: Config,
    event: InboundEvent,
    agent: str,
    terms: asked.Terms,
    where: grants.Where,
    now: int,
) -> None:
    """For as long as the configuration lets it count now, whatever the card offered; beside the yes, which counts."""
    found, question = config.agents.get(agent), asked.find(connection, event.refers_to)
    if found is None or question is None or not (lasting := found.rules_of_approval.grant_within):
        return
    session, by = question[0] if where == "here" else "", (event.author.id, event.author.name)
    ends_at = now + lasting * 1_000
    grants.give(connection, event.address, agent, terms.tool, session, by, ends_at, now)
    detail = f"{terms.tool} of {agent} {where} for {grants.span(lasting)}"
    audit.record(connection, viewer_of(event), "grant", detail, now)


def _counting(
    connection: Statements, config: Config, agent: str, place: Address, key: str, terms: asked.Terms
) -> Votes:
    given = _votes(connection, key)
    votes = [vote for vote in given if _still(connection, config, agent, place, vote[0])]
    decided = len(votes) >= terms.needed
    if decided:
        asked.over(connection, key)
    by, names = tuple(id_ for id_, _ in votes), ", ".join(name for _, name in votes)
    return Votes(by, names, terms.needed, decided)


def _still(connection: Statements, config: Config, agent: str, place: Address, user: str) -> bool:
    """Whether somebody who was asked may answer now; what they were asked as is the question's."""
    may = named(config, agent, place)
    out = access.standing_of(connection, place, user) == "denied"
    return (not may or user in may) and (not out or access.is_owner(config.access, place, user))


def _record(
    connection: Statements, viewer: Viewer, action: str, terms: asked.Terms, now: int, how: str = ""
) -> None:
    detail = f"{terms.tool} {approving.digest(terms.call)[:SHOWN_DIGEST]}{how}"
    audit.record(connection, viewer, action, detail, now)


def viewer_of(event: InboundEvent) -> Viewer:
    return Viewer(event.author, event.address, event.privacy)


def shown(connection: Statements, seen: Sight, question: str) -> CallShown:
    """To whoever may see the conversation. Raises `Forbidden`."""
    found = asked.find(connection, question)
    terms = asked.terms_of(connection, question)
    if found is None or terms is None or not terms.call:
        raise Forbidden(UNKNOWN)
    row = connection.execute("SELECT scope, agent FROM sessions WHERE id = ?", (found[0],)).fetchone()
    if row is None or not seen.sees(str(row[0]), found[1]):
        raise Forbidden(UNKNOWN)
    by = tuple(name for _, name in _votes(connection, question))
    digest, text = approving.digest(terms.call), approving.shown(terms.call)
    return CallShown(terms.tool, digest, text, by, terms.needed, str(row[1]))


def _votes(connection: Statements, question: str) -> list[tuple[str, str]]:
    """Ids and names, the first yes first."""
    sql = "SELECT user, name FROM votes WHERE key = ? ORDER BY at, user"
    rows = [
        (people.parts(str(user))[2], str(name))
        for user, name in connection.execute(sql, (question,)).fetchall()
    ]
    return [(id_, name or id_) for id_, name in rows]

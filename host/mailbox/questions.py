"""What people are asked: who may answer, until when, which answer counts. The host decides, whatever a container says.

A question and its end are written in the transaction that makes its intent, so none is shown that the host does not know.
Its end is a message like any other, due when the time is over: it needs no runner and no host to live until then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from host.config import people
from host.config.settings import Settings
from host.governance import approvals, grants
from host.governance.approvals import Asking, Votes
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage, Question
from host.ports.events import OVER
from host.registry.asked import Terms
from host.registry.port import Registry
from host.words import ENGLISH, Sentence, as_it_is, joined, say
from sessiondb import approving, content
from sessiondb.options import Options
from sessiondb.records import Address, MessageIn, Status

LONGEST_SHOWN = 1_500  # characters of a call's arguments on its card
LONGEST = 30 * 86_400_000  # ms a question may stay open, where it names an end at all
MOST_BEFORE = 200  # questions of one turn that are followed back to whoever asked for it
ASKED_ONLY = say("Only the people who were asked may answer this.")
NOBODY = "nobody answered in time"
LOST = "its records were lost with those of the conversation; nobody can answer it any more"


@dataclass(frozen=True)
class Approvers:
    """Who may allow a call, and how many have to: the people that the agent's configuration lists, else whoever asked, else
    the owners."""

    settings: Settings

    def settle(
        self,
        question: content.Question,
        agent: str,
        address: Address,
        asked_by: str,
        hide: Callable[[str], str] = str,
        language: str = ENGLISH,
    ) -> content.Question:
        """The question as it is put. An approval's audience is never the container's to choose, nor what people read of it.
        `hide` takes secrets out of a call before it is cut to be shown."""
        own = (asked_by,) if asked_by else ()
        if not question.approval:
            return replace(question, audience=question.audience or own)
        rules = self._rules(agent)
        named = approvals.named(self.settings.config, agent, address)
        if rules.asker_approves:
            audience = named or own or self._owners(address)
        else:
            others = named or self._owners(address)
            audience = tuple(person for person in others if person != asked_by)
        call = hide(approving.shown(question.call)) if question.call else ""
        return replace(
            question,
            audience=audience,
            options=(approving.ALLOW, approving.DENY, *grants.offered(rules.grant_within)),
            free_text=False,
            text=_card(question, call, rules.approve_by, len(audience)).told(language),
        )

    def needed(self, question: content.Question, agent: str) -> int:
        """How many people have to allow it; 0 where it is no approval."""
        return self._rules(agent).approve_by if question.approval else 0

    def terms(self, question: content.Question, agent: str, now: int) -> Terms:
        """What host.db keeps of it, to be counted and shown by."""
        needed = self.needed(question, agent)
        call = question.call if needed else ""
        return Terms(ends_at(question, now), needed, question.approval, call)

    async def in_advance(self, db: Registry, asking: Asking, now: int) -> Votes:
        """Before it is decided whether anybody is asked."""
        config = self.settings.config
        return await db.write(lambda connection: approvals.in_advance(connection, config, asking, now))

    def unreachable(self, question: content.Question, agent: str) -> str:
        """Why there can never be as many as have to allow it; '' where there can."""
        needed, may = self.needed(question, agent), len(question.audience)
        return "" if may >= needed else f"{_people(needed)} would have to allow it, and here only {may} may"

    def _rules(self, agent: str) -> Options:
        configured = self.settings.config.agents.get(agent)
        return configured.rules_of_approval if configured else Options()

    def _owners(self, place: Address) -> tuple[str, ...]:
        return people.there(self.settings.config.access.owners, *place[:2])


def _card(question: content.Question, shown: str, needed: int, may: int) -> Sentence:
    """What people read of a call: made of what its digest is of, whatever the container would have them read."""
    if not question.call:
        return as_it_is(question.text)
    fence = "`" * 3
    ask = say("May I run `{tool}`?", tool=question.approval)
    if needed > 1:
        some = say("{needed} people of {may} have to allow it.", needed=needed, may=may)
        ask = joined(" ", [ask, some])
    code = as_it_is(f"{fence}\n{shown[:LONGEST_SHOWN].replace(fence, '` ` `')}\n{fence}")
    cut = say("… {count} characters in all: *Details* shows them", count=len(shown))
    digest = say("Digest `{digest}`", digest=approving.digest(question.call)[: approvals.SHOWN_DIGEST])
    return joined("\n", [ask, code, *([cut] if len(shown) > LONGEST_SHOWN else []), digest])


def _people(number: int) -> str:
    return f"{number} people" if number > 1 else "one person"


def asker(writer: InboundWriter, origin: MessageIn | None) -> str:
    """Whoever asked for the turn that asks something; '' where that is nobody, or not known any more.

    What answers a question, or its end, goes on with the turn of the message that the question came from: whoever clicked
    last did not ask for it.
    """
    for _ in range(MOST_BEFORE):
        if origin is None:
            return ""
        said = content.decode_inbound(origin.content)
        if not isinstance(said, content.System) or said.subject != "answer":
            return origin.author_id
        asked = writer.parcels_of(said.refers_to) if said.refers_to else []
        origin = writer.message(asked[0].in_reply_to) if asked else None
    return ""


def put(
    writer: InboundWriter, row_id: str, key: str, question: content.Question, address: Address, now: int
) -> None:
    """Takes part in the caller's transaction. `key` is what an answer will refer to."""
    expires_at = ends_at(question, now)
    writer.put_question(Question(row_id, key, tuple(question.audience), expires_at, bool(question.approval)))
    if expires_at:
        told = content.System("answer", NOBODY, ok=False, refers_to=row_id)
        writer.insert(NewMessage(_end_of(row_id), "system", address, told, now, not_before=expires_at))
        writer.bounds.noted(_end_of(row_id))


def ends_at(question: content.Question, now: int) -> int:
    """ms UTC, 0 = never; never later than a question may stay open."""
    return min(question.expires_at, now + LONGEST) if question.expires_at else 0


def answered(writer: InboundWriter, question: Question, answer_id: str) -> None:
    """The first answer counts; the question's end, if it has not come, never will. In the caller's transaction."""
    writer.answer_question(question.row_id, answer_id)
    writer.settle(_end_of(question.row_id), Status.CANCELLED, "answered")


def as_allowed(
    writer: InboundWriter,
    row_id: str,
    question: content.Question,
    address: Address,
    votes: Votes | None,
    now: int,
    language: str = ENGLISH,
) -> content.Question | content.Text:
    """The question as it is put after what was said in advance. Where that is enough, it becomes the answer now, and one line
    says so in the question's place. Takes part in the caller's transaction; that it is the question's end come early is as
    in `not_asked`."""
    if votes is None or not votes.by:
        return question
    if not votes.decided:
        line = say(
            "{count} of {needed} have allowed it in advance: {people}",
            count=len(votes.by),
            needed=votes.needed,
            people=votes.names,
        )
        return replace(question, text=f"{question.text}\n{line.told(language)}")
    digest = approving.digest(question.call)
    said = f"{votes.names} answered: {approving.ALLOW}"
    told = content.System(
        "answer", said, refers_to=row_id, value=approving.ALLOW, by=votes.names, digest=digest
    )
    if writer.message(_end_of(row_id)) is None and writer.bounds.may_note():
        writer.insert(NewMessage(_end_of(row_id), "system", address, told, now))
        writer.bounds.noted(_end_of(row_id))
    shown = digest[: approvals.SHOWN_DIGEST]
    runs = say(
        "🔓 `{tool}` runs: allowed in advance by {people}. Digest `{digest}`",
        tool=question.approval,
        people=votes.names,
        digest=shown,
    )
    return content.Text(runs.told(language))


def not_asked(writer: InboundWriter, row_id: str, address: Address, reason: str, now: int) -> None:
    """Nobody will see the question: that becomes its answer, now. Takes part in the caller's transaction.

    It is the question's end come early, under the same id, so the call that waits has one result, whatever is tried again.
    """
    told = content.System("answer", f"could not be asked: {reason}", ok=False, refers_to=row_id)
    if writer.message(_end_of(row_id)) is not None:
        writer.bring_forward(_end_of(row_id), told, now)
    elif writer.bounds.may_note():
        writer.insert(NewMessage(_end_of(row_id), "system", address, told, now))
        writer.bounds.noted(_end_of(row_id))
    writer.close_question(row_id, now)


def lost(writer: InboundWriter, row_id: str, key: str, address: Address, now: int) -> None:
    """The records of an open question are gone, and with them who may answer it: that becomes its answer, now.

    In a transaction of its own; again is once. A click that comes later finds the question closed.
    """
    with writer.writing():
        if not writer.asks(row_id):
            writer.put_question(Question(row_id, key, ()))
            not_asked(writer, row_id, address, LOST, now)


def is_open(writer: InboundWriter, key: str, now: int) -> bool:
    question = writer.question(key)
    if question is None or question.answered_by:
        return False
    return not question.expires_at or question.expires_at > now


def refusal(question: Question | None, person: str, *, is_owner: bool, now: int) -> str:
    """Why this person's answer does not count, one line for them; '' when it does. Pure."""
    if question is None:  # the host wrote it down before it was shown: its records were lost, or are over
        return OVER
    stands_in = is_owner and not question.approval  # an owner may answer for others, but not allow for them
    if question.audience and person not in question.audience and not stands_in:
        return ASKED_ONLY
    if question.expires_at and now >= question.expires_at and not question.answered_by:
        return OVER
    return ""


def _end_of(row_id: str) -> str:
    return f"{row_id}:end"[:190]

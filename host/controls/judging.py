"""What people say of answers: 👍 and 👎, and why. Whoever may speak to the agent where the answer stands may judge it there."""

from __future__ import annotations

from dataclasses import replace

from host.config import Config
from host.gateway.budget import day_of
from host.governance import access, words
from host.mailbox.rows import Parcel
from host.ports import figures
from host.ports.controls import Forbidden, Judged
from host.ports.events import Viewer
from host.registry import judgements
from host.registry.judgements import Answer, Judgement
from host.registry.port import Statements
from host.words import say

UNKNOWN = say("I do not know this answer any more, so nothing was noted.")
LONGEST_REASON = 2_000  # characters
THANKS = {"good": say("Thank you: 👍 is noted."), "bad": say("Thank you: 👎 is noted.")}
OTHERWISE = say("You have chosen otherwise since, and that counts.")
EXPLAINED = say("Thank you: your reason is noted for the owners.")


def under_way(connection: Statements, session_id: str, parcel: Parcel, now: int) -> Answer | None:
    """What has no receipt yet."""
    at = parcel.first_attempt_at or now
    if (whose := judgements.whose(connection, session_id, at)) is None:
        return None
    return Answer(session_id, *whose, parcel.address, at, parcel.message_out_id, parcel.in_reply_to)


def answer_of(
    connection: Statements, config: Config, viewer: Viewer, key: str, under_way: Answer | None = None
) -> Answer:
    """What the button is under, for whom may speak to the agent there; `under_way` is what has no receipt yet. Raises
    `Forbidden`."""
    standing = access.standing_of(connection, viewer.address, viewer.author.id)
    permission = access.decide(config.access, viewer, standing)
    if isinstance(permission, access.Denied):
        raise Forbidden(permission.reason)
    found = judgements.answer(connection, key) or under_way
    if found is None or found.address[:3] != viewer.address[:3]:
        raise Forbidden(UNKNOWN)
    return found


def judge(
    connection: Statements, config: Config, viewer: Viewer, said: Judged, under_way: Answer | None = None
) -> str:
    """Raises `Forbidden`. A line for the person alone."""
    found = answer_of(connection, config, viewer, said.answer, under_way)
    found = replace(found, model=found.model or _configured(config, found))
    user = access.person(viewer.address, viewer.author.id)
    reason = said.reason.strip()[:LONGEST_REASON]
    day = day_of(found.sent_at or said.at, words.zone_of("", config.host.zone))
    judged = Judgement(said.answer, user, said.choice, said.at, reason)
    outcome = judgements.put(connection, judged, found, day)
    if outcome == "late":
        return OTHERWISE
    if outcome == "new":
        figures.JUDGED.labels(found.agent, found.model, said.choice).inc()
    return EXPLAINED if reason else THANKS[said.choice]


def _configured(config: Config, found: Answer) -> str:
    """What answers where nothing is paid for."""
    agent = config.agents.get(found.agent)
    return "" if agent is None else agent.model or agent.provider

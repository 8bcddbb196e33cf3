"""What people think of answers, of each person the last choice. Jobs on the connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from host.registry.port import Statements
from sessiondb.records import Address


@dataclass(frozen=True, slots=True)
class Answer:
    """What a button is under."""

    session_id: str
    agent: str
    model: str  # '' when none was paid for it
    address: Address
    sent_at: int  # ms UTC
    row_id: str = ""  # of messages_out
    answers: str = ""  # the message that it is the answer to


@dataclass(frozen=True, slots=True)
class Judgement:
    answer: str  # the key that the button names
    user: str  # platform:id
    choice: str  # good | bad
    at: int  # ms UTC, the platform's clock
    reason: str = ""


def answer(connection: Statements, key: str) -> Answer | None:
    row = connection.execute(_ANSWER, (key,)).fetchone()
    if row is None:
        return None
    session_id, agent, model, sent_at, row_id, answers, *place = row
    address, at = Address(*map(str, place)), int(str(sent_at))
    return Answer(str(session_id), str(agent), str(model or ""), address, at, str(row_id), str(answers))


def whose(connection: Statements, session_id: str, at: int) -> tuple[str, str] | None:
    """The agent of a session, and the model that was paid for last, as of then; '' for none."""
    row = connection.execute(_WHOSE, (at, session_id)).fetchone()
    return None if row is None else (str(row[0]), str(row[1] or ""))


def last(connection: Statements, place: Address, user: str) -> str:
    """The key of the last answer at an address; '' when there is none. Its conversation is the thread's, the channel's, or
    the one of whoever asks."""
    found = [
        row
        for (id_,) in connection.execute(_CONVERSATIONS, (*place, f"user:{user}", *place)).fetchall()
        if (row := connection.execute(_LAST, (id_, place.platform_id, place.thread_id)).fetchone())
    ]
    return str(max(found)[1]) if found else ""


def answer_to(connection: Statements, message_id: str) -> str:
    """The key of the last part of what answers a message, without a receipt yet, too: people may see it. '' when nothing does."""
    row = connection.execute(_ANSWER_TO, (message_id,)).fetchone()
    return str(row[0]) if row is not None else ""


def put(connection: Statements, judged: Judgement, of: Answer, day: int) -> str:
    """ "new" when it says something else than what is known, "same", or "late" when a later one is known: that one counts."""
    known = connection.execute(
        "SELECT choice, at FROM judgements WHERE answer = ? AND user = ?", (judged.answer, judged.user)
    ).fetchone()
    if known is not None and int(str(known[1])) > judged.at:
        return "late"
    connection.execute(
        _PUT,
        (
            judged.answer,
            judged.user,
            of.session_id,
            of.agent,
            of.model,
            judged.choice,
            judged.reason,
            day,
            judged.at,
        ),
    )
    return "same" if known is not None and known[0] == judged.choice else "new"


def counts(
    connection: Statements, days: tuple[int, int], where: str, scopes: Sequence[str]
) -> list[tuple[str, str, int, int]]:
    """By agent and model how many found answers good, and how many bad; `where` is a condition on `scope`."""
    sql = (
        "SELECT j.agent, j.model, count(*) FILTER (WHERE j.choice = 'good'),"
        " count(*) FILTER (WHERE j.choice = 'bad') FROM judgements j"
        f" JOIN sessions s ON s.id = j.session_id WHERE j.day BETWEEN ? AND ? AND {where}"
        " GROUP BY j.agent, j.model ORDER BY count(*) DESC, j.agent, j.model"
    )
    rows = connection.execute(sql, (*days, *scopes)).fetchall()
    return [(str(agent), str(model), int(str(good)), int(str(bad))) for agent, model, good, bad in rows]


def forget(connection: Statements, before: int, most: int) -> int:
    """Returns how many went."""
    connection.execute(_FORGET, (before, most))
    return connection.changes()


_ANSWER = """
SELECT l.session_id, s.agent, (
    SELECT model FROM usage WHERE session_id = l.session_id AND made_at <= l.first_attempt_at
    ORDER BY made_at DESC LIMIT 1
), l.first_attempt_at, l.message_out_id, l.in_reply_to, l.channel_type, l.workspace_id, l.platform_id, l.thread_id
FROM ledger l JOIN sessions s ON s.id = l.session_id WHERE l.key = ? AND l.state <> 'failed'
"""
_WHOSE = """
SELECT agent, (SELECT model FROM usage WHERE session_id = s.id AND made_at <= ? ORDER BY made_at DESC LIMIT 1)
FROM sessions s WHERE id = ?
"""
_CONVERSATIONS = """
SELECT id FROM sessions WHERE channel_type = ? AND workspace_id = ? AND platform_id = ? AND thread_id IN (?, '', ?)
UNION SELECT session_id FROM engaged WHERE channel_type = ? AND workspace_id = ? AND platform_id = ? AND thread_id = ?
AND session_id <> ''
"""
_LAST = """
SELECT first_attempt_at, key FROM ledger WHERE session_id = ? AND platform_id = ? AND thread_id = ? AND state = 'sent'
AND in_reply_to <> '' AND platform_message_id <> '' ORDER BY seq DESC, chunk DESC LIMIT 1
"""
_ANSWER_TO = """
SELECT key FROM ledger WHERE in_reply_to = ? AND in_reply_to <> '' AND (platform_message_id <> ''
OR (state IN ('sending', 'unknown') AND substr(payload, 1, 11) <> '{"removes":')) ORDER BY seq DESC, chunk DESC LIMIT 1
"""
_PUT = """
INSERT INTO judgements (answer, user, session_id, agent, model, choice, reason, day, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (answer, user) DO UPDATE SET choice = excluded.choice, at = excluded.at,
reason = CASE WHEN excluded.reason <> '' OR excluded.choice <> judgements.choice THEN excluded.reason ELSE judgements.reason END
"""
_FORGET = """
DELETE FROM judgements WHERE (answer, user) IN (SELECT answer, user FROM judgements WHERE at < ? LIMIT ?)
"""

"""What host.db holds of one person, and taking it away. Functions for jobs on the registry.

A mark stands for the person afterwards: it says whether somebody is one of those who were forgotten, and not who that was.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from host.registry.port import Statements
from host.registry.sessions import scope_name
from sessiondb.records import Address

_LOOK = "look_for_forgotten"
NOBODY = "(forgotten)"  # in the place of their id in what others did


@dataclass(frozen=True, slots=True)
class Person:
    platform: str
    user: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.user}"


def parsed(text: str) -> Person | None:
    """`slack:U012AB3CD`; None for what names nobody."""
    platform, _, user = text.strip().partition(":")
    return Person(platform, user) if platform and user and ":" not in user else None


def mark(person: Person, installation: str) -> str:
    return hashlib.sha256(f"{installation}\x1f{person}".encode("utf-8", "surrogatepass")).hexdigest()


def sessions_of(connection: Statements, person: Person) -> list[tuple[str, bool]]:
    """Conversations in which they wrote or had models work, and whether it is theirs alone."""
    rows = connection.execute(_SESSIONS, _named(person)).fetchall()
    return [(str(id_), bool(alone)) for id_, alone in rows]


def counted(connection: Statements, person: Person) -> dict[str, int]:
    """What would be taken away, by kind."""
    found = {}
    for kind, sql in _COUNTS.items():
        row = connection.execute(sql, _named(person)).fetchone()
        found[kind] = int(str(row[0])) if row else 0
    alone = [alone for _, alone in sessions_of(connection, person)]
    return {**found, "direct messages": sum(alone), "conversations": len(alone) - sum(alone)}


def erase(connection: Statements, person: Person, mark: str) -> None:
    """Their words, names and ids; that something came, what it cost and when stays. Harmless when it is done again."""
    for id_, alone in sessions_of(connection, person):
        if alone:  # the name of what their direct messages share says whose they are
            _rename_scope(connection, id_, f"forgotten-{mark[:16]}")
    for sql in _ERASE:
        connection.execute(sql, _named(person))


def _rename_scope(connection: Statements, session_id: str, whose: str) -> None:
    sql = "SELECT channel_type, workspace_id, platform_id, thread_id FROM sessions WHERE id = ?"
    for row in connection.execute(sql, (session_id,)).fetchall():
        scope = scope_name("dm", Address(*map(str, row)), whose)
        connection.execute("UPDATE sessions SET scope = ? WHERE id = ?", (scope, session_id))
        connection.execute("UPDATE spent_by_session SET scope = ? WHERE session_id = ?", (scope, session_id))


def remember(connection: Statements, mark: str, at: int) -> None:
    """That somebody was forgotten, for backups of earlier times."""
    sql = "INSERT INTO forgotten VALUES (?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"
    connection.execute(sql, (mark, at))


def remembered(connection: Statements) -> dict[str, int]:
    rows = connection.execute("SELECT mark, at FROM forgotten ORDER BY at, mark").fetchall()
    return {str(mark): int(str(at)) for mark, at in rows}


def returned(connection: Statements, installation: str) -> list[Person]:
    """Who is in the records again with something of a time before they were forgotten: a backup brought it back."""
    marks = remembered(connection)
    rows = connection.execute(_PEOPLE).fetchall()
    found = [(Person(str(platform), str(user)), int(str(at))) for platform, user, at in rows if user]
    return [person for person, at in found if at < marks.get(mark(person, installation), 0)]


def look(connection: Statements) -> None:
    """Somebody is to be forgotten, or may be there again: the next start finds out, if this life does not."""
    connection.execute("INSERT OR IGNORE INTO meta VALUES (?, '1')", (_LOOK,))


def is_to_look(connection: Statements) -> bool:
    return connection.execute("SELECT 1 FROM meta WHERE key = ?", (_LOOK,)).fetchone() is not None


def looked(connection: Statements) -> None:
    connection.execute("DELETE FROM meta WHERE key = ?", (_LOOK,))


def _named(person: Person) -> dict[str, str]:
    return {"platform": person.platform, "user": person.user, "who": str(person), "nobody": NOBODY}


_SAID = "event ->> '$.event.author.id' = :user AND event ->> '$.event.address[0]' = :platform"
_SESSIONS = """
SELECT id, instr(scope, '-dm-') > 0 FROM sessions WHERE id IN (
    SELECT session_id FROM inbox WHERE event ->> '$.event.author.id' = :user AND event ->> '$.event.address[0]' = :platform)
UNION
SELECT id, instr(scope, '-dm-') > 0 FROM sessions WHERE channel_type = :platform
AND id IN (SELECT session_id FROM usage WHERE user_id = :user) ORDER BY 1
"""
_PEOPLE = """
SELECT event ->> '$.event.address[0]', event ->> '$.event.author.id', min(received_at) FROM inbox GROUP BY 1, 2
"""
_COUNTS = {
    "messages": f"SELECT count(*) FROM inbox WHERE {_SAID}",
    "model calls": "SELECT count(*) FROM usage WHERE user_id = :user AND session_id IN"
    " (SELECT id FROM sessions WHERE channel_type = :platform)",
    "names": "SELECT count(*) FROM users WHERE channel_type = :platform AND user_id = :user",
    "decisions": "SELECT count(*) FROM audit WHERE user = :who OR instr(detail, :who)",
    "judgements": "SELECT count(*) FROM judgements WHERE user = :who",
}
_OF_THEIRS = "session_id IN (SELECT id FROM sessions WHERE channel_type = :platform)"
_ERASE = (
    # Others' messages first, as long as it can be told which conversations they are in: quotes and threads hold their words.
    "UPDATE inbox SET event = json_set(event, '$.event.parts', json('[]'), '$.event.thread_so_far', json('[]'))"
    " WHERE state <> 'routed' AND session_id <> '' AND session_id IN"
    f" (SELECT session_id FROM inbox WHERE {_SAID})",
    "UPDATE inbox SET emptied = 1, state = iif(state = 'routed', 'declined', state), event = json_set(event,"
    " '$.event.text', '', '$.event.value', '', '$.event.files', json('[]'),"
    " '$.event.parts', json('[]'), '$.event.thread_so_far', json('[]'), '$.event.author.name', '', '$.event.author.id', '')"
    f" WHERE {_SAID}",
    f"UPDATE usage SET user_id = '' WHERE user_id = :user AND {_OF_THEIRS}",
    f"UPDATE reservations SET user_id = '' WHERE user_id = :user AND {_OF_THEIRS}",
    "UPDATE requests SET decided_by = '' WHERE decided_by <> '' AND decided_by IN"
    " (SELECT name FROM users WHERE channel_type = :platform AND user_id = :user)",
    "DELETE FROM requests WHERE subject ->> '$.budget' = 'person ' || :who",
    "DELETE FROM raises WHERE budget = 'person ' || :who",
    "DELETE FROM spent_of WHERE budget = 'person ' || :who",
    "DELETE FROM requests WHERE subject ->> '$.platform' = :platform AND subject ->> '$.user' = :user",
    "UPDATE audit SET user = '', name = '' WHERE user = :who",
    "UPDATE audit SET detail = replace(detail, :who, :nobody) WHERE instr(detail, :who)",
    "DELETE FROM judgements WHERE user = :who",
    "DELETE FROM users WHERE channel_type = :platform AND user_id = :user",
    "DELETE FROM notices WHERE channel_type = :platform AND (private_to = :user OR state IN ('sent', 'failed')"
    " AND (instr(about, :user) OR instr(text, :user)))",
    "DELETE FROM held WHERE event ->> '$.author.id' = :user AND event ->> '$.address[0]' = :platform",
    "UPDATE orders SET body = '' WHERE outcome <> '' AND instr(body, :who)",
)

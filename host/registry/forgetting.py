"""What host.db holds of one person, and taking it away. Functions for jobs on the registry.

A mark stands for the person afterwards: it says whether somebody is one of those who were forgotten, and not who that was.
On a platform whose workspaces may give the same id to others a person is one of a workspace.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum

from host.config import people
from host.registry import events
from host.registry.port import Statements
from host.registry.sessions import scope_name
from sessiondb.records import Address

_LOOK = "look_for_forgotten"
NOBODY = "(forgotten)"  # in the place of their id in what others did
OFF = "off"  # the engage rule under which an agent answers nobody
PORTION = 500  # entries of one commit: whoever else commits comes in between
WITH_LISTS = 10  # parts of a version that has lists of people


@dataclass(frozen=True, slots=True)
class Person:
    platform: str
    user: str
    workspace: str = ""  # '' where an id is the same person's in all of them

    def __str__(self) -> str:
        return people.named(self.platform, self.workspace, self.user)


class Kind(StrEnum):
    """Whose a conversation is."""

    DM = "dm"  # theirs, with a scope that is theirs
    OWN = "own"  # theirs, in a channel whose scope is everybody's
    SHARED = "shared"


def parsed(text: str) -> Person | None:
    """`slack:T012AB3CD/U012AB3CD`, `discord:123456789012345678`; None for what names nobody."""
    platform, workspace, user = people.parts(text.strip())
    known = (
        platform and user and ":" not in f"{workspace}{user}" and (not workspace or platform in people.APART)
    )
    return Person(platform, user, workspace) if known else None


def meant(connection: Statements, person: Person) -> list[Person]:
    """Everybody who may be meant by an id without a workspace, where workspaces may give it to different people."""
    if person.workspace or person.platform not in people.APART:
        return [person]
    rows = connection.execute(_WORKSPACES, {"platform": person.platform}).fetchall()
    return [Person(person.platform, person.user, str(workspace)) for (workspace,) in rows] or [person]


def mark(person: Person, installation: str) -> str:
    return hashlib.sha256(f"{installation}\x1f{person}".encode("utf-8", "surrogatepass")).hexdigest()


def sessions_of(connection: Statements, person: Person) -> list[tuple[str, Kind]]:
    """Conversations in which they wrote, were quoted or had models work, and whose these are."""
    mentions = connection.execute(_MENTIONS, _named(person)).fetchall()
    quoting = [str(id_) for id_, event in mentions if events.quotes(str(event), person.user)]
    rows = connection.execute(_SESSIONS, {**_named(person), "quoting": json.dumps(quoting)}).fetchall()
    return [(str(id_), _kind(person, str(scope), Address(*map(str, place)))) for id_, scope, *place in rows]


def messages_in(connection: Statements, person: Person, session_id: str) -> frozenset[str]:
    """Ids of what they wrote there."""
    sql = f"SELECT message_id FROM inbox WHERE session_id = :session AND {_SAID}"
    rows = connection.execute(sql, {**_named(person), "session": session_id}).fetchall()
    return frozenset(str(id_) for (id_,) in rows)


def _kind(person: Person, scope: str, address: Address) -> Kind:
    if scope == scope_name("dm", address, person.user):
        return Kind.DM
    return Kind.OWN if address.thread_id == f"user:{person.user}" else Kind.SHARED


def counted(connection: Statements, person: Person) -> dict[str, int]:
    """What would be taken away, by kind."""
    found = {}
    for kind, sql in _COUNTS.items():
        row = connection.execute(sql, _named(person)).fetchone()
        found[kind] = int(str(row[0])) if row else 0
    private = [kind is Kind.DM for _, kind in sessions_of(connection, person)]
    return {**found, "direct messages": sum(private), "conversations": len(private) - sum(private)}


def erase(connection: Statements, person: Person, mark: str) -> None:
    """Their words, names and ids; that something came, what it cost and when stays. Harmless when it is done again."""
    for id_, kind in sessions_of(connection, person):
        after: int | None = 0
        while after is not None:
            after = unquote(connection, person, id_, after)
        if kind is Kind.DM:
            unname(connection, id_, mark)
    erase_names(connection, person, mark)
    next_: int | None = 0
    while next_ is not None:
        next_ = empty(connection, person, mark, next_)


def unquote(connection: Statements, person: Person, session_id: str, after: int) -> int | None:
    """Of others, in a conversation in which they took part: quotes and threads hold their words. A portion behind the entry
    `after`; where the next one begins, None where there is none."""
    rows = connection.execute(_OF_OTHERS, (session_id, after, PORTION)).fetchall()
    for id_, state, event in rows:
        if state != "routed" or _quotes(str(event), person):
            connection.execute(_PUT, (events.put(str(event), {"parts": [], "thread_so_far": []}), id_))
    # One that waits for a yes is asked for anew.
    connection.execute("UPDATE asked SET call = '' WHERE session_id = ?", (session_id,))
    return int(str(rows[-1][0])) if len(rows) == PORTION else None


def unname(connection: Statements, session_id: str, mark: str) -> None:
    """The name of what their direct messages share says whose they are."""
    _rename_scope(connection, session_id, _gone(mark))


def erase_names(connection: Statements, person: Person, mark: str) -> None:
    """Everywhere but in what they wrote, by which a start finds that there is more to do."""
    named = {**_named(person), "gone": _gone(mark)}
    words = words_for(connection, person)  # first, as long as the records say what their name was
    for table in _WITH_THREADS:
        connection.execute(_UNTHREAD.format(table), named)
    _unsay(connection, person, words)
    _unlist(connection, person)
    for sql in _ERASE:
        connection.execute(sql, named)


def empty(connection: Statements, person: Person, mark: str, after: int) -> int | None:
    """A portion of what they wrote, as `unquote`; a key that says who they are is another from now on."""
    nobody: dict[str, object] = {"author.zone": "", "author.groups": [], "author.id": "", "refers_to": ""}
    rows = connection.execute(_THEIRS, {**_named(person), "after": after, "most": PORTION}).fetchall()
    for id_, key, event in rows:
        values = {**events.EMPTY, **nobody}
        if person.user in str(key):
            key = values["natural_id"] = f"{_gone(mark)}-{id_}"
        connection.execute(_EMPTIED, (key, events.put(str(event), values), id_))
    return int(str(rows[-1][0])) if len(rows) == PORTION else None


def _gone(mark: str) -> str:
    return f"forgotten-{mark[:16]}"


def _quotes(event: str, person: Person) -> bool:
    platform, workspace, *_ = json.loads(event)["event"]["address"]
    there = platform == person.platform and person.workspace in ("", workspace)
    return there and events.quotes(event, person.user)


def words_for(connection: Statements, person: Person) -> re.Pattern[str]:
    """How they are called, and nobody whose id or name only begins with theirs. The terminal's person is a common word."""
    names = [str(name) for (name,) in connection.execute(_NAMES, _named(person)).fetchall()]
    called = [] if person.platform == "console" else [f"{person.platform}:{person.user}", person.user, *names]
    alternatives = "|".join(re.escape(word) for word in (str(person), *called))
    # An id after the one of a workspace, `T…/U…`, is somebody's there.
    elsewhere = r"(?<![A-Z0-9]/)" if person.workspace else ""
    return re.compile(rf"(?<!\w){elsewhere}(?:{alternatives})(?!\w)")


def _unsay(connection: Statements, person: Person, words: re.Pattern[str]) -> None:
    """In what others did and in what the host said; one that is on its way out is left to its receipt."""
    for id_, detail in connection.execute(_TOLD, _named(person)).fetchall():
        connection.execute("UPDATE audit SET detail = ? WHERE id = ?", (words.sub(NOBODY, str(detail)), id_))
    for id_, *said in connection.execute(_NOTICES, _named(person)).fetchall():
        if any(words.search(str(text)) for text in said):
            connection.execute("DELETE FROM notices WHERE id = ?", (id_,))


def _unlist(connection: Statements, person: Person) -> None:
    """Of who may ask in a channel and who may change it, now and in earlier versions. A list of askers that would be empty lets
    everybody in: there nobody is answered until an owner says who is."""
    for *place, engage, askers, keepers in connection.execute(_LISTS, _named(person)).fetchall():
        asking, keeping = (
            [one for one in str(ids).split("\n") if one != person.user] for ids in (askers, keepers)
        )
        held = (engage if asking or not askers else OFF, "\n".join(asking), "\n".join(keeping))
        connection.execute(f"UPDATE channel_rules SET {_UNLISTED} WHERE {_PLACE}", (*held, *place))
    for *at, before, after in connection.execute(_LISTED_BEFORE, _named(person)).fetchall():
        found = (_unlisted(str(before), person.user), _unlisted(str(after), person.user))
        connection.execute(
            f"UPDATE channel_versions SET before = ?, after = ? WHERE {_PLACE} AND version = ?", (*found, *at)
        )


def _unlisted(version: str, user: str) -> str:
    """As `_unlist`, of a version as `host/governance/rules.py` writes it: its rule is third, its lists ninth and tenth."""
    kept = json.loads(version)
    if len(kept) < WITH_LISTS:
        return version
    askers, keepers = kept[8:10]
    asking = [one for one in askers if one != user]
    if askers and not asking:
        kept[2] = OFF
    kept[8:10] = asking, [one for one in keepers if one != user]
    return json.dumps(kept)


def _rename_scope(connection: Statements, session_id: str, whose: str) -> None:
    sql = "SELECT channel_type, workspace_id, platform_id, thread_id FROM sessions WHERE id = ?"
    for row in connection.execute(sql, (session_id,)).fetchall():
        scope = scope_name("dm", Address(*map(str, row)), whose)
        connection.execute("UPDATE sessions SET scope = ? WHERE id = ?", (scope, session_id))
        connection.execute("UPDATE spent_by_session SET scope = ? WHERE session_id = ?", (scope, session_id))


def remember(connection: Statements, mark: str, at: int) -> None:
    """That somebody was forgotten, for backups of earlier times."""
    sql = (
        "INSERT INTO forgotten VALUES (?, ?) ON CONFLICT (mark) DO UPDATE SET at = excluded.at"
        " WHERE excluded.at > forgotten.at"
    )
    connection.execute(sql, (mark, at))


def remembered(connection: Statements) -> dict[str, int]:
    rows = connection.execute("SELECT mark, at FROM forgotten ORDER BY at, mark").fetchall()
    return {str(mark): int(str(at)) for mark, at in rows}


def returned(connection: Statements, installation: str) -> list[Person]:
    """Who is in the records again with something of a time before they were forgotten: a backup brought it back."""
    marks = remembered(connection)
    rows = connection.execute(_PEOPLE).fetchall()
    found = [
        (Person(str(platform), str(user), str(workspace) if platform in people.APART else ""), int(str(at)))
        for platform, workspace, user, at in rows
        if user
    ]
    return list(dict.fromkeys(one for one, at in found if at < _forgotten_at(marks, one, installation)))


def _forgotten_at(marks: dict[str, int], person: Person, installation: str) -> int:
    """Before workspaces counted, whoever had the id in any of them."""
    anywhere = Person(person.platform, person.user)
    return max(marks.get(mark(one, installation), 0) for one in (person, anywhere))


def look(connection: Statements) -> None:
    """Somebody is to be forgotten, or may be there again: the next start finds out, if this life does not."""
    connection.execute("INSERT INTO meta VALUES (?, '1') ON CONFLICT DO NOTHING", (_LOOK,))


def is_to_look(connection: Statements) -> bool:
    return connection.execute("SELECT 1 FROM meta WHERE key = ?", (_LOOK,)).fetchone() is not None


def looked(connection: Statements) -> None:
    connection.execute("DELETE FROM meta WHERE key = ?", (_LOOK,))


def _named(person: Person) -> dict[str, str]:
    return {
        "platform": person.platform,
        "user": person.user,
        "workspace": person.workspace,
        "who": str(person),
        "nobody": NOBODY,
        "line": "\n",
    }


_HERE = "channel_type = :platform AND (:workspace = '' OR workspace_id = :workspace)"
_FROM_HERE = "event ->> '$.event.address[0]' = :platform AND (:workspace = '' OR event ->> '$.event.address[1]' = :workspace)"
_SAID = f"event ->> '$.event.author.id' = :user AND {_FROM_HERE}"
_MENTIONS = f"SELECT session_id, event FROM inbox WHERE {_FROM_HERE} AND instr(event, :user) > 0"
_WORKSPACES = (
    "SELECT workspace_id FROM users WHERE channel_type = :platform AND workspace_id <> ''"
    " UNION SELECT workspace_id FROM sessions WHERE channel_type = :platform AND workspace_id <> '' ORDER BY 1"
)
# What operators did is of no workspace, and may name anybody.
_TOLD = (
    "SELECT id, detail FROM audit WHERE instr(detail, :user) > 0"
    " AND (:workspace = '' OR workspace_id = :workspace OR channel_type <> :platform)"
)
_SESSIONS = f"""
SELECT id, scope, channel_type, workspace_id, platform_id, thread_id FROM sessions
WHERE {_HERE} AND (thread_id = 'user:' || :user
    OR id IN (SELECT session_id FROM inbox WHERE {_SAID})
    OR id IN (SELECT value FROM json_each(:quoting))
    OR id IN (SELECT session_id FROM awaited WHERE people LIKE '%"' || :user || '"%')
    OR id IN (SELECT session_id FROM usage WHERE user_id = :user)) ORDER BY 1
"""
_PEOPLE = """
SELECT event ->> '$.event.address[0]', event ->> '$.event.address[1]', event ->> '$.event.author.id', min(received_at)
FROM inbox GROUP BY 1, 2, 3
"""
_COUNTS = {
    "messages": f"SELECT count(*) FROM inbox WHERE {_SAID}",
    "model calls": "SELECT count(*) FROM usage WHERE user_id = :user AND session_id IN"
    f" (SELECT id FROM sessions WHERE {_HERE})",
    "names": f"SELECT count(*) FROM users WHERE {_HERE} AND user_id = :user",
    "decisions": "SELECT count(*) FROM audit WHERE user = :who OR instr(detail, :who) > 0",
    "judgements": "SELECT count(*) FROM judgements WHERE user = :who",
}
_PLACE = "channel_type = ? AND workspace_id = ? AND platform_id = ?"
_UNLISTED = "engage = ?, askers = ?, keepers = ?"
_LISTS = f"""
SELECT channel_type, workspace_id, platform_id, engage, askers, keepers FROM channel_rules
WHERE {_HERE} AND (instr(:line || askers || :line, :line || :user || :line) > 0
    OR instr(:line || keepers || :line, :line || :user || :line) > 0)
"""
_LISTED_BEFORE = f"""
SELECT channel_type, workspace_id, platform_id, version, before, after FROM channel_versions
WHERE {_HERE} AND (instr(before, '"' || :user || '"') > 0 OR instr(after, '"' || :user || '"') > 0)
"""
_OF_THEIRS = f"session_id IN (SELECT id FROM sessions WHERE {_HERE})"
_NAMES = f"""
SELECT name FROM users WHERE {_HERE} AND user_id = :user AND name <> ''
UNION SELECT event ->> '$.event.author.name' FROM inbox WHERE {_SAID} AND event ->> '$.event.author.name' <> ''
"""
_NOTICES = f"""
SELECT id, private_to, about, text, decision FROM notices
WHERE {_HERE} AND state NOT IN ('sending', 'unknown')
"""
# A conversation of each person in a channel is kept under their id.
_WITH_THREADS = ("sessions", "engaged", "asked", "ledger", "notices", "watermarks")
_UNTHREAD = (
    "UPDATE {} SET thread_id = 'user:' || :gone || '-' || hex(randomblob(4))"
    f" WHERE {_HERE} AND thread_id = 'user:' || :user"
)
_OF_OTHERS = "SELECT id, state, event FROM inbox WHERE session_id = ? AND id > ? ORDER BY id LIMIT ?"
_PUT = "UPDATE inbox SET event = ? WHERE id = ?"
_THEIRS = f"SELECT id, key, event FROM inbox WHERE id > :after AND {_SAID} ORDER BY id LIMIT :most"
_EMPTIED = (
    "UPDATE inbox SET emptied = 1, state = CASE WHEN state = 'routed' THEN 'declined' ELSE state END, key = ?, event = ?"
    " WHERE id = ?"
)
_ITS_BUDGET = "subject ->> '$.budget'"
# Of whom nothing is known in another workspace an id without one is as well.
_NOBODY_ELSE = "NOT EXISTS (SELECT 1 FROM users WHERE channel_type = :platform AND user_id = :user AND workspace_id <> '')"
_COUNTED_FOR = (
    "({budget} = 'person ' || :who"
    f" OR ({{budget}} = 'person ' || :platform || ':' || :user AND {_NOBODY_ELSE}))"
)
_ERASE = (
    # Where the answer goes, of a conversation of each person in a channel.
    "UPDATE inbox SET event = replace(event, '\"user:' || :user || '\"', '\"user:' || :gone || '\"')"
    f" WHERE instr(event, '\"user:' || :user || '\"') > 0 AND {_FROM_HERE}",
    f"UPDATE usage SET user_id = '', message_id = '' WHERE user_id = :user AND {_OF_THEIRS}",
    f"UPDATE reservations SET user_id = '', message_id = '' WHERE user_id = :user AND {_OF_THEIRS}",
    "UPDATE requests SET decided_by = '' WHERE decided_by <> '' AND decided_by IN"
    f" (SELECT name FROM users WHERE {_HERE} AND user_id = :user)"
    " AND (:workspace = '' OR instr(subject, '\"' || :workspace || '\"') > 0)",
    f"DELETE FROM users WHERE {_HERE} AND user_id = :user",
    f"DELETE FROM users WHERE channel_type = :platform AND workspace_id = '' AND user_id = :user AND {_NOBODY_ELSE}",
    f"DELETE FROM requests WHERE {_COUNTED_FOR.format(budget=_ITS_BUDGET)}",
    f"DELETE FROM raises WHERE {_COUNTED_FOR.format(budget='budget')}",
    f"DELETE FROM spent_of WHERE {_COUNTED_FOR.format(budget='budget')}",
    "DELETE FROM requests WHERE subject ->> '$.platform' = :platform AND subject ->> '$.user' = :user"
    " AND (:workspace = '' OR subject ->> '$.workspace' = :workspace)",
    "UPDATE audit SET user = '', name = '' WHERE user = :who",
    "UPDATE channel_versions SET user = '', name = '' WHERE user = :who",
    "DELETE FROM judgements WHERE user = :who",
    "DELETE FROM votes WHERE user = :who",
    "DELETE FROM grants WHERE user = :who",
    f"DELETE FROM notices WHERE {_HERE} AND private_to = :user",
    "DELETE FROM held WHERE event ->> '$.author.id' = :user AND event ->> '$.address[0]' = :platform"
    " AND (:workspace = '' OR event ->> '$.address[1]' = :workspace)",
    # The one that is carried out, too.
    "UPDATE orders SET body = '' WHERE kind = 'forget' AND (instr(body, '\"' || :who || '\"') > 0"
    " OR instr(body, '\"' || :platform || ':' || :user || '\"') > 0)",
)

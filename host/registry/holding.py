"""What this node serves, where several do at a time: a channel with all that is said there is one node's (docs/adr/0042).

A place is taken when something is to be done there and no node that lives has it (which one: `placing`); it is held until its
node gives it back, or is over. Any node takes in what people say; whoever holds the place puts it into the session's file, and
nobody else opens that.

What a crash does. Taken, nothing done yet: its node's, until that is over. Given back, not yet noted here: free, and nothing is
begun here. A node that is over: its epoch is raised, so that no transaction of its own commits any more, and only then another
takes what it held.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from host.registry.placing import Place as Place
from host.registry.placing import Placing
from host.registry.statements import Statements
from host.registry.where import DATABASE
from sessiondb.errors import Unavailable
from sessiondb.lease import clock
from sessiondb.records import Address

AT_ONCE = 32  # places that one look takes: others look as well
CHANNEL = "dovecote_work_"  # and a node's id: it hears that something came for it; a hint


UPKEEP = Place("", "", "upkeep")  # of no platform: whoever holds it does what one node is to do for all


class Elsewhere(Unavailable):
    """Another node holds the place, or none does yet: nothing of it is opened here."""


class Holding:
    """`node` is '' where one host has everything."""

    def __init__(self, node: str = "", labels: Sequence[str] = ()) -> None:
        self._node = node
        self.placing = Placing(node, labels)
        self._places: set[Place] = set()
        self._new: list[Place] = []
        self._hints: set[str] = set()
        self._leaving: set[Place] = set()  # on their way back: nothing is begun there
        self.when_taken: list[Callable[[Statements, Place], None]] = []  # parts of the job that takes a place

    @property
    def node(self) -> str:
        return self._node

    @property
    def is_shared(self) -> bool:
        return bool(self._node)

    def has(self, address: Address) -> bool:
        return not self._node or (address[:3] in self._places and address[:3] not in self._leaving)

    def require(self, address: Address) -> None:
        """Raises `Elsewhere`."""
        if not self.has(address):
            raise Elsewhere(DATABASE, "another node has this conversation")

    @property
    def has_upkeep(self) -> bool:
        """Whether this is the node that does what one is to do for all."""
        return not self._node or UPKEEP in self._places

    def load(self) -> tuple[int, int]:
        """For other nodes, asked in any thread: conversations under way here, and places."""
        return self.placing.works(), len(self._places)

    def counted(self) -> str:
        """A condition on `sessions`, or what goes by that name and has a place: what this node counts, so that each thing is
        counted by one of them. What nobody holds is for whoever has the upkeep."""
        if not self._node:
            return "TRUE"
        mine = "here(sessions.channel_type, sessions.workspace_id, sessions.platform_id)"
        return f"({mine} OR {UNHELD})" if self.has_upkeep else mine

    def near(self) -> str:
        """For a statement, in the place of `sessions`: those that are this node's, and those of places that nobody holds whose
        files lie here."""
        if not self._node:
            return "sessions"
        mine, lies = "here(channel_type, workspace_id, platform_id)", f"node IN ('', {_OWN})"
        return f"(SELECT * FROM sessions WHERE {mine} OR ({lies} AND {UNHELD})) AS sessions"

    def note(self, places: Iterable[Place]) -> None:
        """After the commit that took them."""
        new = [place for place in places if place not in self._places]
        self._places.update(new)
        self._new += new

    @property
    def places(self) -> Sequence[Place]:
        """Of platforms."""
        return [place for place in self._places if place != UPKEEP]

    async def given_back(self, place: Place, job: Callable[[], Awaitable[bool]]) -> bool:
        """Around what ends all that goes on there and has `give_back` committed; whether it was. Nothing is begun there
        meanwhile. What takes the place again in the transactions behind that one is noted after it."""
        self._leaving.add(place)
        try:
            given = await job()
        except (
            Exception
        ):  # nothing was committed; who is cancelled does not know, and begins nothing there any more
            self._leaving.discard(place)
            raise
        if given:
            self._places.discard(place)
        self._leaving.discard(place)
        return given

    def new(self) -> Sequence[Place]:
        """Those noted since this was asked last."""
        new, self._new = self._new, []
        return new

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, connection: Statements, address: Address) -> bool:
        """Whether the place is this node's from the commit on."""
        if self.holder(connection, address) == self._node:
            return True
        return bool(self._taken(connection, connection.execute(_TAKE, (*address[:3], self._node)).fetchall()))

    def take_or_tell(self, connection: Statements, address: Address) -> bool:
        """As `take`, for something that came in: where another node has the place, or is to have it, that one is told."""
        other, _ = self.take_or_leave(connection, address)
        if other:
            self.hint(f"{CHANNEL}{other}")
        return not other

    def take_or_leave(self, connection: Statements, address: Address) -> tuple[str, bool]:
        """The other node that has the place, or for now is to have it, and whether it has it; '' where it is this node's from the
        commit on."""
        row = connection.execute(_WHOSE, address[:3]).fetchone()
        holder, last, lives = (str(row[0]), str(row[1]), bool(row[2])) if row else ("", "", False)
        if holder == self._node:
            return "", True
        place = Place(*address[:3])
        if lives:
            return holder, True
        if other := self._left_to(connection, place, holder or last):
            return other, False
        self._taken(connection, connection.execute(_TAKE, (*place, self._node)).fetchall())
        return "", True

    def _left_to(self, connection: Statements, place: Place, last: str) -> str:
        return self.placing.left_to(connection, place, last, len(self._places), clock())

    def take_upkeep(self, connection: Statements) -> bool:
        """Whether it is this node's from the commit on."""
        holder = self.holder(connection, UPKEEP)
        if holder == self._node or (holder and self.serves(connection, holder)):
            return holder == self._node  # asked for each second: without a change while somebody has it
        return bool(connection.execute(_TAKE, (*UPKEEP, self._node)).fetchall())

    def note_upkeep(self) -> None:
        """After that commit."""
        self._places.add(UPKEEP)

    def held(self, connection: Statements, lately: int = 2**60) -> Sequence[Place]:
        """As an earlier life of this node left it, unless another took it over; what was taken in the last `lately` ms."""
        found = connection.execute(_HELD, (self._node, lately)).fetchall()
        return [Place(*map(str, row)) for row in found]

    def take_idle(self, connection: Statements, now: int) -> Sequence[Place]:
        """Some of those that nobody holds and where something is to be done, but what is left to other nodes."""
        taken: list[Place] = []
        after = Place("", "", "")
        while len(taken) < AT_ONCE:
            found = connection.execute(_WANTED, (now, AT_ONCE, *after)).fetchall()
            for *place, last in found:
                after = Place(*map(str, place))
                if not self._left_to(connection, after, str(last)):
                    rows = connection.execute(_TAKE, (*after, self._node)).fetchall()
                    taken += self._taken(connection, rows)
            if len(found) < AT_ONCE:
                break
        return taken

    def _taken(self, connection: Statements, rows: Iterable[Sequence[object]]) -> Sequence[Place]:
        places = [Place(*map(str, row)) for row in rows]
        for place in places:
            for part in self.when_taken:
                part(connection, place)
        return places

    def at_rest(self, connection: Statements, before: int, soon: int, after: Place) -> Sequence[Place]:
        """Some of this node's, behind a place, where nothing was said or begun since `before`, and nothing is to be done before
        `soon`, ms UTC."""
        rows = connection.execute(_AT_REST, (self._node, before, soon, AT_ONCE, *after)).fetchall()
        return [Place(*map(str, row)) for row in rows]

    def give_back(self, connection: Statements, place: Place, before: int, soon: int) -> bool:
        """Free from the commit on, if it is `at_rest` still; with a `before` of 0 also with work that waits. False where
        something is to be told there, or another node waits for this one."""
        return bool(connection.execute(_GIVE_BACK, (self._node, before, soon, *place)).fetchall())

    def others(self, connection: Statements) -> Sequence[tuple[str, str]]:
        """Id and name of the other nodes that serve."""
        found = connection.execute(_OTHERS, (self._node,)).fetchall() if self._node else ()
        return [(str(id_), str(name)) for id_, name in found]

    def holder(self, connection: Statements, address: Address | Place) -> str:
        """The node that has the place, which may be over by now; '' for none."""
        row = connection.execute(_WHO, address[:3]).fetchone()
        return "" if row is None else str(row[0])

    def is_anothers(self, connection: Statements, address: Address) -> bool:
        holder = self.holder(connection, address)
        return holder not in ("", self._node) and self.serves(connection, holder)

    def serves(self, connection: Statements, node: str) -> bool:
        return connection.execute(_SERVES, (node,)).fetchone() is not None

    def tell(self, connection: Statements, address: Address) -> None:
        """Who holds the place: something came in for it."""
        if holder := self.holder(connection, address):
            self.hint(f"{CHANNEL}{holder}")

    def hint(self, channel: str) -> None:
        """Told once the group is committed, and not by it (`telling`)."""
        self._hints.add(channel)

    def hinted(self) -> Sequence[str]:
        """Since this was asked last."""
        hints, self._hints = self._hints, set()
        return sorted(hints)


_FREE = "NOT EXISTS (SELECT 1 FROM serving WHERE serving.node = placements.node AND serving.live = 1)"
_TAKEN = (
    "ON CONFLICT (channel_type, workspace_id, platform_id) DO UPDATE SET node = excluded.node, epoch = placements.epoch + 1,"
    " taken_at = excluded.taken_at, last = CASE WHEN placements.last = excluded.node THEN '' ELSE placements.last END"
)
_RETURNING = "RETURNING channel_type, workspace_id, platform_id"
_WHO = "SELECT node FROM placements WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?"
_TAKE = (
    "INSERT INTO placements (channel_type, workspace_id, platform_id, node, epoch, taken_at) VALUES (?1, ?2, ?3, ?4, 1, ms_now())"
    f" {_TAKEN} WHERE {_FREE} {_RETURNING}"
)
_OWN = "current_setting('dovecote.node', true)"
_LIVES = "EXISTS (SELECT 1 FROM serving WHERE serving.node = placements.node AND serving.live = 1)"
_THERE = " AND ".join(
    f"placements.{column} = sessions.{column}" for column in ("channel_type", "workspace_id", "platform_id")
)
UNHELD = f"NOT EXISTS (SELECT 1 FROM placements WHERE {_THERE} AND {_LIVES})"  # a session's place, by a node that serves
_HELD = (
    "SELECT channel_type, workspace_id, platform_id FROM placements"
    " WHERE node = ? AND taken_at > ms_now() - ? AND channel_type <> ''"
)
_RESTS = f"""
placements.node = ?1 AND placements.channel_type <> ''
    AND NOT EXISTS (SELECT 1 FROM sessions WHERE {_THERE} AND node = ?1 AND carried <> node)
    AND NOT EXISTS (SELECT 1 FROM notices WHERE {_THERE.replace("sessions", "notices")}
        AND state IN ('pending', 'sending', 'unknown'))
    AND (?2 = 0 OR (placements.taken_at < ?2
        AND NOT EXISTS (SELECT 1 FROM sessions WHERE {_THERE} AND (busy = 1 OR active_at > ?2
            OR EXISTS (SELECT 1 FROM due WHERE due.session_id = sessions.id AND due.at <= ?3)
            OR EXISTS (SELECT 1 FROM asked WHERE asked.session_id = sessions.id AND asked.ends_at > ?2)))))
"""
_AT_REST = f"""
SELECT channel_type, workspace_id, platform_id FROM placements WHERE {_RESTS}
    AND (channel_type, workspace_id, platform_id) > (?5, ?6, ?7)
ORDER BY channel_type, workspace_id, platform_id LIMIT ?4
"""
_GIVE_BACK = f"""
UPDATE placements SET node = '', last = node WHERE {_RESTS}
    AND channel_type = ?4 AND workspace_id = ?5 AND platform_id = ?6
    AND NOT EXISTS (SELECT 1 FROM errands WHERE errands.node = ?1 AND answer IS NULL)
RETURNING 1
"""
_OTHERS = "SELECT node, name FROM serving WHERE live = 1 AND node <> ? ORDER BY node"
_SERVES = "SELECT 1 FROM serving WHERE live = 1 AND node = ?"
_WHOSE = (
    f"SELECT node, last, CASE WHEN {_FREE} THEN 0 ELSE 1 END FROM placements"
    " WHERE channel_type = ? AND workspace_id = ? AND platform_id = ?"
)
_WANTED = f"""
WITH wanted AS (
    SELECT channel_type, workspace_id, platform_id FROM sessions WHERE busy = 1
    UNION SELECT channel_type, workspace_id, platform_id FROM due JOIN sessions ON sessions.id = due.session_id WHERE due.at <= ?1
    UNION SELECT channel_type, workspace_id, platform_id FROM notices WHERE state IN ('pending', 'sending', 'unknown')
    UNION SELECT sessions.channel_type, sessions.workspace_id, sessions.platform_id
        FROM asked JOIN sessions ON sessions.id = asked.session_id WHERE asked.ends_at > ?1 - 86400000 AND asked.ends_at <= ?1
)
SELECT channel_type, workspace_id, platform_id, coalesce(nullif(node, ''), last, '')
FROM wanted LEFT JOIN placements USING (channel_type, workspace_id, platform_id)
WHERE (placements.node IS NULL OR {_FREE}) AND (channel_type, workspace_id, platform_id) > (?3, ?4, ?5)
ORDER BY channel_type, workspace_id, platform_id LIMIT ?2
"""

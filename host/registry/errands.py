"""What one node has another do, where several serve at a time (docs/adr/0042): whatever a person or an operator wants of a
conversation is done by the node that holds its channel, and whoever was asked waits for the outcome.

`ask` is told of the place before anything is done. Where nobody has it this node takes it, and does it itself.

What a crash does. *Asked, not begun*: the one that asked finds that the other is over, takes the place, and does it. *Begun, no
answer*: what is known by an id of its own is done again, which changes nothing; of anything else is said that nobody knows what
became of it, and it is not done again. *The one that asked is gone*: it is done all the same; its platform tells the person that
nothing was answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from host.registry import nodes
from host.registry.holding import Place
from host.registry.port import Hint, Registry, Statements
from host.registry.where import DATABASE
from sessiondb.errors import SessionError, Unavailable
from sessiondb.records import Address

log = logging.getLogger(__name__)

Way = Callable[[str], Awaitable[str]]  # of an errand's body: its answer

CHANNEL = "dovecote_errand_"  # and a node's id: it is to do something, or was answered; a hint
PATIENCE = 20.0  # s for an answer: longer than a node is missed before others have what it held
LOOK = 1.0  # s between two looks when nothing is told
KEPT = 60_000  # ms after which nobody waits for it any more
LEAVING = 5.0  # s in which what is being done ends, when the host does
BROKEN = ""  # an answer: whoever did it broke over it


class Unclear(Unavailable):
    """Another node began it, and nobody knows what became of it."""


@dataclass(frozen=True, slots=True)
class Errand:
    id: int
    node: str
    kind: str
    body: str


@dataclass(frozen=True, slots=True)
class Fate:
    answer: str | None
    begun: bool
    lives: bool  # whoever is to do it


class Errands:
    """`ways` are what this node does for others, by the errand's kind."""

    def __init__(self, db: Registry) -> None:
        self._db = db
        self._holding = db.holding
        self.ways: dict[str, Way] = {}
        self._told = asyncio.Event()
        self._under_way: dict[int, asyncio.Task[None]] = {}

    @property
    def are_needed(self) -> bool:
        return self._holding.is_shared

    @property
    def are_under_way(self) -> bool:
        return bool(self._under_way)

    # ── who asks ─────────────────────────────────────────────────────────────────────────────────────────

    async def ask(self, place: Address, kind: str, body: str, *, again: bool = False) -> str | None:
        """The answer of whoever holds the place; None where it is this node, from now on at the latest. `again`: done a second
        time it changes nothing. Raises `Unavailable` where nothing was done, and its `Unclear`."""
        until = asyncio.get_running_loop().time() + PATIENCE
        while not self._holding.has(place):
            errand = await self._db.write(lambda connection: self._put(connection, place, kind, body))
            if errand is None:
                self._holding.note([Place(*place[:3])])
                return None
            fate = await self._fate_of(errand, until)
            if fate.answer is not None:
                if fate.answer == BROKEN:
                    raise Unclear(DATABASE, "the node that has this conversation could not do it")
                return fate.answer
            if fate.begun and not again:
                raise Unclear(DATABASE, "the node that had this conversation is gone while it did this")
        return None

    async def ask_others(self, kind: str, body: str, patience: float = PATIENCE) -> Mapping[str, str | None]:
        """Of all other nodes that serve: their answers by their names, None where there is none. Raises `SessionError`."""

        def put(connection: Statements) -> list[tuple[str, Errand]]:
            return [
                (nodes.called(name, node), self._put_for(connection, node, kind, body))
                for node, name in self._holding.others(connection)
            ]

        return await self._answers(put, patience)

    async def ask_those(
        self, kind: str, bodies: Mapping[str, str], patience: float = PATIENCE
    ) -> Mapping[str, str | None]:
        """Of these nodes, each its own: the answers by their ids, None where there is none. Raises `SessionError`."""

        def put(connection: Statements) -> list[tuple[str, Errand]]:
            return [(node, self._put_for(connection, node, kind, body)) for node, body in bodies.items()]

        return await self._answers(put, patience)

    async def _answers(
        self, put: Callable[[Statements], list[tuple[str, Errand]]], patience: float
    ) -> Mapping[str, str | None]:
        asked = await self._db.write(put) if self.are_needed else []
        until = asyncio.get_running_loop().time() + patience
        answers: dict[str, str | None] = {}
        for name, errand in asked:
            try:
                answers[name] = (await self._fate_of(errand, until)).answer or None
            except Unavailable:
                answers[name] = None
        return answers

    def tell(self, connection: Statements, place: Address, kind: str, body: str) -> None:
        """Whoever else holds the place, of what this transaction changes; nobody waits for it."""
        node = self._holding.holder(connection, place) if self.are_needed else ""
        if node and node != self._db.node:
            self._put_for(connection, node, kind, body, asker="")

    def _put(self, connection: Statements, place: Address, kind: str, body: str) -> Errand | None:
        if self._holding.take(connection, place):
            return None
        return self._put_for(connection, self._holding.holder(connection, place), kind, body)

    def _put_for(
        self, connection: Statements, node: str, kind: str, body: str, asker: str | None = None
    ) -> Errand:
        asker = self._db.node if asker is None else asker
        [(id_,)] = connection.execute(_PUT, (node, asker, kind, body)).fetchall()
        self._holding.hint(f"{CHANNEL}{node}")
        return Errand(int(str(id_)), node, kind, body)

    async def _fate_of(self, errand: Errand, until: float) -> Fate:
        """Once it is answered, or whoever is to do it is over. Raises `Unavailable` where neither comes in time."""
        loop = asyncio.get_running_loop()
        while True:
            told = self._told
            fate = await self._db.write(lambda connection: self._seen(connection, errand))
            if fate.answer is not None or not fate.lives:
                return fate
            if (left := until - loop.time()) <= 0:
                if await self._db.write(lambda connection: _withdrawn(connection, errand)):
                    raise Unavailable(DATABASE, "the node that has this conversation does not answer")
                raise Unclear(DATABASE, "the node that has this conversation has not said what became of it")
            try:
                async with asyncio.timeout(min(LOOK, left)):
                    await told.wait()
            except TimeoutError:
                continue

    def _seen(self, connection: Statements, errand: Errand) -> Fate:
        row = connection.execute(_FATE, (errand.id,)).fetchone()
        answer, begun = (None, 1) if row is None else (row[0], row[1])
        fate = Fate(
            None if answer is None else str(answer),
            bool(begun),
            row is not None and self._holding.serves(connection, errand.node),
        )
        if fate.answer is not None or not fate.lives:
            connection.execute(_GONE, (errand.id,))
        return fate

    # ── who does it ──────────────────────────────────────────────────────────────────────────────────────

    async def run(self, hint: Hint) -> None:
        """Until cancelled: then what was begun ends first. One that lasts or breaks keeps nobody waiting (law 15)."""
        try:
            while True:
                try:
                    for errand in await self._db.read(self._waiting):
                        self._look_at(errand)
                except SessionError as error:
                    log.warning("Errands wait: %s", error, extra={"action": "errands_wait"})
                told, self._told = self._told, asyncio.Event()
                told.set()
                await hint.wait(LOOK)
        finally:
            if tasks := list(self._under_way.values()):
                await asyncio.wait(tasks, timeout=LEAVING)
            for task in tasks:
                task.cancel()

    def _waiting(self, connection: Statements) -> list[Errand]:
        rows = connection.execute(_WAITING, (self._db.node,)).fetchall()
        return [Errand(int(str(id_)), self._db.node, str(kind), str(body)) for id_, kind, body in rows]

    def _look_at(self, errand: Errand) -> None:
        if errand.id not in self._under_way:
            task = asyncio.create_task(self._done(errand), name=f"errand:{errand.kind}")
            self._under_way[errand.id] = task
            task.add_done_callback(lambda _: self._under_way.pop(errand.id))

    async def _done(self, errand: Errand) -> None:
        try:
            if not await self._db.write(lambda connection: _begun(connection, errand)):
                return
            answer = await self._answer(errand)
            await self._db.write(lambda connection: self._answered(connection, errand, answer))
        except SessionError as error:  # whoever asked hears that nobody knows
            log.warning("An errand is not answered: %s", error, extra={"action": "errand_unanswered"})

    async def _answer(self, errand: Errand) -> str:
        way = self.ways.get(errand.kind)
        if way is None:  # of a node of another version
            return BROKEN
        try:
            return await way(errand.body)
        except Exception:  # one of many: a fault of ours with it is none of the others'
            log.exception("An errand broke", extra={"action": "errand_broke", "kind": errand.kind})
            return BROKEN

    def _answered(self, connection: Statements, errand: Errand, answer: str) -> None:
        row = connection.execute(_ANSWER, (answer, errand.id)).fetchone()
        if row is not None and row[0]:
            self._holding.hint(f"{CHANNEL}{row[0]}")
        else:
            connection.execute(_GONE, (errand.id,))


def _begun(connection: Statements, errand: Errand) -> bool:
    """False where it is withdrawn by now."""
    forget(connection)
    connection.execute(_BEGIN, (errand.id,))
    return connection.changes() > 0


def _withdrawn(connection: Statements, errand: Errand) -> bool:
    """Whether nobody had begun it; what is answered from now on is nobody's to read."""
    row = connection.execute(f"{_GONE} RETURNING begun_at", (errand.id,)).fetchone()
    return row is not None and not row[0]


def forget(connection: Statements) -> None:
    """What nobody waits for any more: people's words may be in it."""
    connection.execute(_OLD, (KEPT,))


_PUT = "INSERT INTO errands (node, asker, kind, body, asked_at) VALUES (?, ?, ?, ?, ms_now()) RETURNING id"
_FATE = "SELECT answer, begun_at FROM errands WHERE id = ?"
_GONE = "DELETE FROM errands WHERE id = ?"
_WAITING = "SELECT id, kind, body FROM errands WHERE node = ? AND begun_at = 0 ORDER BY id"
_OLD = "DELETE FROM errands WHERE asked_at + ? < ms_now()"
_BEGIN = "UPDATE errands SET begun_at = ms_now() WHERE id = ? AND begun_at = 0"
_ANSWER = "UPDATE errands SET answer = ? WHERE id = ? RETURNING asker"

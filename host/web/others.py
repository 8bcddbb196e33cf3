"""What the page shows of files that lie with other nodes, where several share a registry: these are asked, for a moment.

Who may see it is decided by the node whose page it is, of what all share. A node that does not answer is named, and what it has
is not shown. On a single machine nothing here asks anybody.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from host.controls import conversations
from host.controls.conversations import Row
from host.mailbox.open import Records
from host.registry import nodes, whereabouts
from host.registry.errands import Way
from host.registry.nodes import Seen
from host.registry.port import Statements
from host.registry.whereabouts import Lies
from host.web import timeline
from host.web.page import Page
from host.web.timeline import Told
from sessiondb import SessionError

SOON = 2.0  # s for the answer of another node
LISTED, TOLD, WHOLE = "page.listed", "page.told", "page.whole"

log = logging.getLogger(__name__)

T = TypeVar("T")
Looks: TypeAlias = tuple[str, str, str]  # a conversation's state, problem and title


@dataclass(frozen=True, slots=True)
class Machine:
    """A node, for people."""

    seen: Seen
    own: bool  # whose page it is
    state: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a view shows of one conversation."""

    id: str
    agent: str
    readable: bool
    before: int  # the seq below which it begins; 0: the latest


class Others:
    def __init__(self, page: Page, records: Records) -> None:
        self._page = page
        self._db = records.db
        self._errands = records.errands
        self.share = page.config.cluster is not None
        for kind, way in {LISTED: self._listed, TOLD: self._told, WHOLE: self._whole}.items():
            self.does(kind, way)

    @property
    def own(self) -> str:
        """This node; '' on a single machine."""
        return self._db.node if self.share else ""

    def machines(self, registry: Statements) -> tuple[Sequence[Machine], int]:
        """All that share the registry, and the version of its tables."""
        found = [Machine(one, one.id == self.own, nodes.state_of(one)) for one in nodes.seen(registry)]
        return found, whereabouts.tables(registry)

    def lie(self, registry: Statements, ids: Iterable[str]) -> Mapping[str, Lies]:
        """Where the files of these sessions are; nothing on a single machine."""
        return whereabouts.of_sessions(registry, self.own, ids) if self.share else {}

    # ── who asks ─────────────────────────────────────────────────────────────────────────────────────────

    async def listed(self, rows: Sequence[Row]) -> Sequence[Row]:
        """With what their nodes say of those that are others'."""
        wanted: dict[str, list[str]] = {}
        for row in rows:
            if row.node:
                wanted.setdefault(row.node, []).append(row.id)
        if not wanted:
            return rows
        said: dict[str, Looks] = {}
        for answer in (
            await self._ask(LISTED, {node: json.dumps(ids) for node, ids in wanted.items()})
        ).values():
            if (told := read(_LISTED, answer)) is not None:
                said |= told
        return [row_with(row, said.get(row.id)) for row in rows]

    async def told(self, lies: Lies, asked: Asked) -> Told:
        """Raises `SessionError`."""
        if not lies.node:
            return await self._page.books.read(lambda registry: self._story(registry, asked))
        answer = (await self._ask(TOLD, {lies.node: json.dumps(asdict(asked))})).get(lies.node)
        return read(_TOLD, answer) or Told(problem=NOT_SAID.format(lies.name))

    async def whole(self, lies: Lies, id_: str, agent: str, seq: int) -> str:
        """'' where there is nothing, or nobody says. Raises `SessionError`."""
        if not lies.node:
            return await self._page.books.read(lambda _: self._message(id_, agent, seq))
        answer = (await self._ask(WHOLE, {lies.node: json.dumps([id_, agent, seq])})).get(lies.node)
        return read(_WHOLE, answer) or ""

    def does(self, kind: str, way: Way) -> None:
        """For other nodes' pages."""
        self._errands.ways[kind] = way

    async def everywhere(self, kind: str, body: str, patience: float) -> Mapping[str, str | None]:
        """The answers of all others that serve, by their names; None of one that gives none."""
        try:
            return await self._errands.ask_others(kind, body, patience)
        except SessionError as error:
            log.warning("Other nodes are not asked: %s", error, extra={"action": "node_not_seen"})
            return {}

    async def _ask(self, kind: str, bodies: Mapping[str, str]) -> Mapping[str, str | None]:
        try:
            return await self._errands.ask_those(kind, bodies, SOON)
        except SessionError as error:
            log.warning("Other nodes are not asked: %s", error, extra={"action": "node_not_seen"})
            return {}

    # ── who is asked ─────────────────────────────────────────────────────────────────────────────────────

    async def _listed(self, body: str) -> str:
        ids, data = json.loads(body), self._page.books.data

        def job(_: Statements) -> str:
            return answer_of({id_: conversations.inside(data, id_, runs=True) for id_ in ids})

        return await self._page.books.read(job)

    async def _told(self, body: str) -> str:
        asked = Asked(**json.loads(body))
        return await self._page.books.read(lambda registry: answer_of(asdict(self._story(registry, asked))))

    async def _whole(self, body: str) -> str:
        id_, agent, seq = json.loads(body)
        return await self._page.books.read(lambda _: answer_of(self._message(id_, agent, seq)))

    # ── what lies here ───────────────────────────────────────────────────────────────────────────────────

    def _story(self, registry: Statements, asked: Asked) -> Told:
        return timeline.told(
            registry,
            self._folder(asked.id),
            asked.id,
            asked.before,
            readable=asked.readable,
            masked=lambda said: self._page.service.shown(said, agent=asked.agent),
        )

    def _message(self, id_: str, agent: str, seq: int) -> str:
        return timeline.whole(
            self._folder(id_), seq, lambda said: self._page.service.shown(said, agent=agent)
        )

    def _folder(self, id_: str) -> Path:
        return self._page.books.data / "sessions" / id_


NOT_SAID = "it lies with {}, which does not answer"


def row_with(row: Row, said: Looks | None) -> Row:
    """What a start failed of is in the registry, and what its node says is of its files."""
    if said is None:
        return row
    state, problem, title = said
    return (
        replace(row, title=title) if row.problem else replace(row, state=state, problem=problem, title=title)
    )


def answer_of(value: object) -> str:
    """For `read`. Half a pair of surrogates, which no encoding has, is a question mark."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def read(kind: TypeAdapter[T], answer: str | None) -> T | None:
    """None also where a node of another version means something else by it: that is as good as no answer."""
    try:
        return kind.validate_json(answer) if answer else None
    except ValidationError as error:
        log.warning("An answer is not understood: %s", error, extra={"action": "answer_unread"})
        return None


_LISTED = TypeAdapter[dict[str, Looks]](dict[str, Looks])
_TOLD, _WHOLE = TypeAdapter(Told), TypeAdapter(str)

"""Searching what was said, of which a visitor finds what they may read now and nothing else.

The index says where words may stand; the conversation says what stands there. So nothing is shown that was forgotten meanwhile.
Where several nodes serve, each looks into what lies with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from aiohttp import web
from pydantic import TypeAdapter

from host.governance.access import LOCAL
from host.registry.port import Statements
from host.registry.sessions import scope_name
from host.upkeep.searching import index
from host.upkeep.searching.feeding import Feeding
from host.upkeep.searching.index import Hit, TooMuch
from host.web import timeline
from host.web.eyes import Seen, known
from host.web.gate import Visitor
from host.web.others import Others, answer_of, read
from host.web.page import Page
from host.web.places import Shown, place_of
from sessiondb import SessionError
from sessiondb.records import Address

PER_PAGE = 20
LOOKED_AT = 200  # of the index at a time
MOST_LOOKED_AT = 2_000  # of which somebody may read fewer than a page
MOST_SCOPES = 500  # files of one search
LONG = 10_000  # characters of one message that are looked at closely
AROUND = 120  # characters before and behind the first word that is found

# From one platform to the next, and so from workspace to workspace, in an index: sessions are many, and these are few.
_PUBLIC = """
WITH RECURSIVE platforms (platform) AS (
    SELECT min(channel_type) FROM sessions
    UNION ALL SELECT (SELECT min(channel_type) FROM sessions WHERE channel_type > platform)
        FROM platforms WHERE platform IS NOT NULL),
found (platform, workspace) AS (
    SELECT platform, (SELECT min(workspace_id) FROM sessions WHERE channel_type = platform)
        FROM platforms WHERE platform IS NOT NULL
    UNION ALL SELECT platform,
        (SELECT min(workspace_id) FROM sessions WHERE channel_type = platform AND workspace_id > workspace)
        FROM found WHERE workspace IS NOT NULL)
SELECT platform, workspace FROM found WHERE workspace IS NOT NULL
"""
_SESSION = (
    "SELECT agent, channel_type, workspace_id, platform_id, thread_id, scope, node FROM sessions WHERE id = ?"
)
SEARCH = "page.search"  # an errand
PATIENCE = 4.0  # s for the answer of another node, which has 2 s to look
_SEEN = TypeAdapter(Seen)


@dataclass(frozen=True, slots=True)
class Found:
    id: int
    session: str
    seq: int
    at: int  # ms UTC
    where: str
    agent: str
    pieces: list[tuple[str, bool]]  # of what was said, and whether it is what was asked for


@dataclass(frozen=True, slots=True)
class Result:
    found: list[Found]
    older: int = 0  # the id below which there may be more, 0 for none


@dataclass(frozen=True, slots=True)
class Whole:
    """Of all nodes."""

    result: Result
    making: bool  # whether one of them still reads conversations for the first time
    silent: Sequence[str] = ()  # those that did not answer


@dataclass(frozen=True, slots=True)
class Here:
    """Of one node, as it tells another."""

    result: Result | None = None  # None: it takes too long
    making: bool = False


_HERE = TypeAdapter(Here)


class Search:
    def __init__(self, page: Page, others: Others, feeding: Feeding) -> None:
        self._page = page
        self._others = others
        self._feeding = feeding
        others.does(SEARCH, self._asked_to)
        page.shows("/search", self._show, people=True)

    async def _show(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        words = request.query.get("q", "").strip()[: index.LONGEST_ASKED]
        below = request.query.get("before", "")
        before = int(below) if below.isascii() and below.isdigit() and len(below) < 20 else 0
        match, problem, found = index.asked(words), "", Whole(Result([]), self._feeding.making)
        if match:
            seen = await self._page.sees(visitor)
            try:
                found = await self._everywhere(seen, (match, words, min(before, 2**62)))
            except TooMuch:
                problem = "That takes too long to look for: add a word that is seldom said."
        elif words:
            problem = "There is no word in that."
        return self._page.html("search.html", visitor, {"q": words, "problem": problem, **_values(found)})

    async def _everywhere(self, seen: Seen, asked: tuple[str, str, int]) -> Whole:
        """Raises `TooMuch`, `SessionError`."""
        if not self._others.share:
            return Whole(await self._here(seen, asked), self._feeding.making)
        body = json.dumps([_SEEN.dump_python(seen, mode="json"), *asked])
        here, answers = await asyncio.gather(
            self._here(seen, asked), self._others.everywhere(SEARCH, body, PATIENCE)
        )
        said = {name: read(_HERE, answer) for name, answer in answers.items()}
        told = [one for one in said.values() if one is not None]
        if any(one.result is None for one in told):
            raise TooMuch
        making = self._feeding.making or any(one.making for one in told)
        results = [one.result for one in told if one.result is not None]
        return Whole(merged([here, *results]), making, [name for name, one in said.items() if one is None])

    async def _here(self, seen: Seen, asked: tuple[str, str, int]) -> Result:
        return await self._page.books.read(
            lambda registry: _searched(registry, self._page, self._others.own, seen, asked)
        )

    async def _asked_to(self, body: str) -> str:
        """What lies here; no result where that takes too long."""
        seen, match, words, before = json.loads(body)
        try:
            result = await self._here(_SEEN.validate_python(seen), (match, words, before))
        except TooMuch:
            return answer_of(asdict(Here()))
        return answer_of(asdict(Here(result, self._feeding.making)))


def _values(found: Whole) -> Mapping[str, object]:
    return {"result": found.result, "making": found.making, "silent": found.silent}


def merged(results: Sequence[Result]) -> Result:
    """One page of several that begin at the same place: each is whole down to its own end."""
    end = max(one.older for one in results)
    found = sorted(
        (one for result in results for one in result.found if one.id >= end), key=_id, reverse=True
    )
    page = found[:PER_PAGE]
    return Result(page, page[-1].id if len(found) > PER_PAGE else end)


def _id(one: Found) -> int:
    return one.id


def _searched(registry: Statements, page: Page, own: str, seen: Seen, asked: tuple[str, str, int]) -> Result:
    """`own`: this node, where several share the registry: what others took over is theirs to find."""
    match, words, before = asked
    paths = [index.path_of(page.books.data, scope) for scope in _scopes(registry, seen)]
    found: list[Found] = []
    looked = 0
    while looked < MOST_LOOKED_AT:
        hits = index.find(paths, match, before, LOOKED_AT)
        for hit in hits:
            if len(found) == PER_PAGE:
                return Result(found, before)
            before = hit.id
            if (one := _found(registry, page, own, seen, hit, words)) is not None:
                found.append(one)
        looked += len(hits)
        if len(hits) < LOOKED_AT:
            return Result(found)
    return Result(found, before)


def _scopes(registry: Statements, seen: Seen) -> list[str]:
    """In whose files there may be something for them."""
    scopes: dict[str, None] = {}
    if seen.owner:
        for platform, workspace in registry.execute(_PUBLIC).fetchall():
            scopes[scope_name("public", Address(str(platform), str(workspace), ""), "")] = None
        scopes |= dict.fromkeys(shown.scope for shown in known(registry, LOCAL))
    if seen.there:
        scopes |= dict.fromkeys(
            shown.scope for shown in known(registry, seen.platform, seen.workspace) if seen.reads(shown)
        )
    return list(scopes)[:MOST_SCOPES]


def _found(registry: Statements, page: Page, own: str, seen: Seen, hit: Hit, words: str) -> Found | None:
    """None for what they may not read, and for what is not there any more."""
    row = registry.execute(_SESSION, (hit.session,)).fetchone()
    if row is None or str(row[5]) != hit.scope or (own and row[6] not in ("", own)):
        return None
    shown = Shown(Address(*map(str, row[1:5])), hit.scope)
    if not seen.reads(shown):
        return None
    try:
        masked = partial(page.service.shown, agent=str(row[0]))
        said = timeline.whole(page.books.data / "sessions" / hit.session, hit.seq, masked)
    except SessionError:
        return None
    if not said:
        return None
    where = place_of(registry, shown, readable=True)
    pieces = list(_pieces(said, words.split()))
    return Found(hit.id, hit.session, hit.seq, hit.id >> index.PLACES, where, str(row[0]), pieces)


def _pieces(said: str, words: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """What stands around the first word, with each that was asked for marked; as it was written."""
    said, cut = _near(said, words)
    plain, places = _plain(said)
    wanted = sorted({_plain(word)[0] for word in words} - {""}, key=len, reverse=True)
    first = min((at for word in wanted if (at := plain.find(word)) >= 0), default=0)
    start, end = max(0, first - AROUND), min(len(plain), first + AROUND)
    if start or cut:
        yield "… ", False
    at = last = start
    while at < end:
        word = next((word for word in wanted if plain.startswith(word, at)), "")
        if not word:
            at += 1
            continue
        yield said[places[last] : places[at]], False
        behind = at + len(word)
        while places[behind] == places[behind - 1]:  # a character is marked whole
            behind += 1
        yield said[places[at] : places[behind]], True
        at = last = behind
    yield said[places[last] : places[max(end, last)]], False
    if end < len(plain):
        yield " …", False


def _near(said: str, words: Sequence[str]) -> tuple[str, bool]:
    """Of something long the part where a word is first found, for a closer look; whether anything stands before it."""
    if len(said) <= LONG:
        return said, False
    small = said.lower()
    first = min((at for word in words if (at := small.find(word.lower())) >= 0), default=0)
    start = max(0, first - LONG // 2)
    return said[start : start + LONG], start > 0


def _plain(text: str) -> tuple[str, Sequence[int]]:
    """As it is looked for; and where each letter of that stands in the text."""
    letters = [index.plain(character) for character in text]
    places = [at for at, some in enumerate(letters) for _ in some]
    return "".join(letters), [*places, len(text)]

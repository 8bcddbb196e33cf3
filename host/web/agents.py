"""Agents: whether they work, the brake, and what lies in their folders: instructions, memory, files.

A folder is found by what host.db knows, never by what an address says; who may read its conversations may read it. What is in
it was written by agents: text is shown as text, everything else is only handed over as a file.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import quote

from aiohttp import web

from host.controls.naming import PLATFORMS
from host.controls.pausing import Pausing
from host.folders import below
from host.governance import audit, pauses, sight
from host.governance.pauses import EVERYBODY
from host.mailbox.open import Records
from host.registry.port import Statements
from host.registry.sessions import scope_name
from host.registry.whereabouts import HERE
from host.web import looks
from host.web.eyes import Seen
from host.web.gate import Visitor
from host.web.others import Others
from host.web.page import NotThere, Page
from host.web.places import Shown, place_of
from sessiondb.records import Address

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_TEXT = 200_000  # bytes of a file that are shown
LARGEST = 100_000_000  # bytes of a file that is handed over
MOST_SCOPES = 200  # folders of one agent that are listed
NOTHING = "There is no such file."
SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"  # of a file that is handed over


@dataclass(frozen=True, slots=True)
class Works:
    name: str
    since: int  # of its own pause, ms UTC; 0: none


@dataclass(frozen=True, slots=True)
class Folder:
    """Something that can be looked into. `key`: how it is asked for."""

    key: str
    words: str
    root: Path


class Agents:
    def __init__(self, page: Page, others: Others, pausing: Pausing, records: Records) -> None:
        self._page = page
        self._others = others
        self._records = records
        self._pausing = pausing
        page.shows("/agents", self._list)
        page.does("/agents", self._brake)
        page.shows("/agents/{agent}", self._one)
        page.shows("/files/{kind:agent|shared|work}/{name}/{scope}", self._look, people=True)

    async def _list(self, _: web.Request, visitor: Visitor) -> web.StreamResponse:
        paused = await self._page.books.read(pauses.load)
        found = [Works(name, paused.get(name, 0)) for name in self._page.service.agents()]
        return self._page.html(
            "agents.html", visitor, {"agents": found, "everything": paused.get(EVERYBODY, 0)}
        )

    async def _brake(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        """As `dovecote pause` and `resume`, followed at once."""
        agent, order, now = fields.get("agent", ""), fields.get("order", ""), self._page.now()
        if order not in ("pause", "resume") or (agent and agent not in self._page.service.agents()):
            raise NotThere("There is no such agent, or no such order.")

        def job(connection: Statements) -> list[str]:
            if order == "pause":
                changed = [agent] if pauses.begin(connection, agent, now) else []
            else:
                changed = pauses.end(connection, agent)
            for name in changed:
                audit.record(connection, visitor.viewer, order, pauses.named(name), now)
            return changed

        changed = await self._page.db.write(job)
        await self._pausing.look()
        done = {
            "pause": "is paused; what is written is kept",
            "resume": "goes on, with what was written meanwhile",
        }
        return "; ".join(f"{pauses.named(name)} {done[order]}" for name in changed) or "That is so already."

    # ── folders ──────────────────────────────────────────────────────────────────────────────────────────

    async def _one(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        agent = request.match_info["agent"]
        if agent not in self._page.service.agents():
            raise NotThere("There is no such agent.")
        places = await self._page.books.read(lambda registry: _scopes(registry, agent))
        seen = await self._page.sees(visitor, places)
        readable = {shown.scope: shown for shown in places if _may_look(seen, shown)}
        hidden = len({shown.scope for shown in places} - set(readable))

        def job(registry: Statements) -> list[tuple[str, str]]:
            return [(scope, _whose(registry, shown)) for scope, shown in readable.items()]

        values = {"agent": agent, "scopes": await self._page.books.read(job), "hidden": hidden}
        return self._page.html("agent.html", visitor, values)

    async def _look(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        folder, path = await self._folder(request, visitor), request.query.get("path", "")
        if request.query.get("as") == "file":
            return await self._handed(request, folder, path)
        try:
            entries, more = await self._looked(folder, below.listing, folder.root, path)
        except NotADirectoryError:
            return await self._text(visitor, folder, path)
        except (OSError, ValueError) as error:
            if path:
                raise NotThere(NOTHING) from error
            entries, more = [], False  # it is made when there is something to put in
        up = path.rstrip("/").rpartition("/")[0]
        values = {"folder": folder, "path": path, "up": up, "entries": entries, "more": more}
        return self._page.html("files.html", visitor, values)

    async def _text(self, visitor: Visitor, folder: Folder, path: str) -> web.StreamResponse:
        try:
            data, size = await self._looked(folder, below.read, folder.root, path, LONGEST_TEXT)
        except (OSError, ValueError) as error:
            raise NotThere(NOTHING) from error
        text = "" if b"\0" in data else data.decode("utf-8", "replace")
        is_text = bool(text.strip("\ufffd")) or not size
        values = {
            "folder": folder,
            "path": path,
            "text": text if is_text else "",
            "is_text": is_text,
            "size": size,
        }
        up = path.rstrip("/").rpartition("/")[0]
        return self._page.html("file.html", visitor, {**values, "up": up, "cut": max(0, size - LONGEST_TEXT)})

    async def _handed(self, request: web.Request, folder: Folder, path: str) -> web.StreamResponse:
        """In pieces, as it is read. A browser runs, shows and guesses nothing of it."""
        with contextlib.ExitStack() as stack:
            try:
                opened = below.opened(folder.root, path)
                descriptor, what = await self._looked(folder, opened.__enter__)
                stack.push(opened)
            except (OSError, ValueError) as error:
                raise NotThere(NOTHING) from error
            if what.st_size > LARGEST:
                raise NotThere("That is too large to be handed over here.")
            name = quote(path.rstrip("/").rpartition("/")[2].encode("utf-8", "replace"), safe="")
            response = web.StreamResponse(headers={**looks.HEADERS, "Content-Security-Policy": SANDBOX})
            response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
            response.headers["Cache-Control"], response.headers["X-Content-Type-Options"] = (
                "no-store",
                "nosniff",
            )
            response.content_type = "application/octet-stream"
            response.content_length = what.st_size
            await response.prepare(request)
            try:
                await self._copied(folder, descriptor, what.st_size, response)
            except OSError as error:  # what has begun has no other answer any more: it ends before its length
                told = {"action": "not_handed", "error": error.strerror or str(error)}
                log.info("A file was handed over in part", extra=told)
                response.force_close()
                if request.transport is not None:
                    request.transport.abort()
            return response

    async def _folder(self, request: web.Request, visitor: Visitor) -> Folder:
        """Raises `NotThere`."""
        kind, name, scope = (request.match_info[part] for part in ("kind", "name", "scope"))
        if kind == "agent":
            if name not in self._page.service.agents() or not self._page.is_owner(visitor):
                raise NotThere(NOTHING)
            return Folder(
                f"agent/{name}/-", f"instructions and skills of {name}", self._data / "agents" / name
            )
        find = _scopes if kind == "shared" else _session
        places = await self._page.books.read(lambda registry: find(registry, name))
        wanted = [one for one in places if kind == "work" or one.scope == scope]
        seen = await self._page.sees(visitor, wanted)
        may = Seen.reads if kind == "work" else _may_look
        shown = next((one for one in wanted if may(seen, one)), None)
        if shown is None:
            raise NotThere(NOTHING)
        if kind == "work":
            lies = (await self._page.books.read(lambda registry: self._others.lie(registry, [name]))).get(
                name, HERE
            )
            if lies.node:
                raise NotThere(f"This folder lies with {lies.name}, whose own page shows it.")
            where = await self._page.books.read(lambda registry: place_of(registry, shown, readable=True))
            return Folder(
                f"work/{name}/-", f"working folder, {where}", self._data / "sessions" / name / "work"
            )
        where = await self._page.books.read(lambda registry: _whose(registry, shown))
        try:
            await self._records.spaces.take_over(name, shown.scope)
        except OSError as error:
            raise NotThere(NOTHING) from error
        root = self._records.sessions.shared_by(name, shown.scope)
        return Folder(f"shared/{name}/{quote(shown.scope)}", f"memory and files of {name}, {where}", root)

    @property
    def _data(self) -> Path:
        return self._page.books.data

    async def _looked(self, folder: Folder, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A workspace may lie on a network. Raises what the function raises, and `OSError`."""
        return await self._records.spaces.run(folder.root, function, *args, **kwargs)

    async def _copied(self, folder: Folder, descriptor: int, size: int, response: web.StreamResponse) -> None:
        """Exactly so many bytes, whatever is written to the file meanwhile. Raises `OSError`."""
        left = size
        while left > 0:
            piece = await self._looked(folder, os.read, descriptor, min(left, 1 << 18))
            if not piece:
                raise OSError(errno.ENODATA, "it became shorter meanwhile")
            await response.write(piece)
            left -= len(piece)


def _may_look(seen: Seen, shown: Shown) -> bool:
    """What public channels keep together is of all of them: to read one is not to read that."""
    return seen.owner if sight.is_common(*shown) else seen.reads(shown)


def _whose(registry: Statements, shown: Shown) -> str:
    """The people of a privacy scope, to one of them."""
    address, scope = shown
    if scope == scope_name("public", address, ""):
        workspace = f" {address.workspace_id}" if address.workspace_id else ""
        return f"all public channels, {PLATFORMS.get(address.channel_type, address.channel_type)}{workspace}"
    return place_of(registry, shown, readable=True)


def _scopes(registry: Statements, agent: str) -> Sequence[Shown]:
    """One place of each privacy scope in which the agent has a conversation."""
    found = registry.execute(_SCOPES, (agent, MOST_SCOPES)).fetchall()
    return [Shown(Address(*map(str, place)), str(scope)) for scope, *place in found]


def _session(registry: Statements, id_: str) -> Sequence[Shown]:
    found = registry.execute(_SESSION, (id_,)).fetchall()
    return [Shown(Address(*map(str, place)), str(scope)) for scope, *place in found]


_SCOPES = (
    "SELECT scope, channel_type, workspace_id, min(platform_id), '' FROM sessions WHERE agent = ?"
    " GROUP BY scope, channel_type, workspace_id ORDER BY max(active_at) DESC LIMIT ?"
)
_SESSION = "SELECT scope, channel_type, workspace_id, platform_id, thread_id FROM sessions WHERE id = ?"

"""Folders of which one of several nodes has the latest: packed as they change, unpacked where another node goes on.

A folder is known by its place, the path below the data folder. The order of a pack: its portions, what names it, the note here of
what was packed; of a take-over: the pack is fetched and unpacked beside, what lies at the place gives way, the unpacked folder
takes its name, the place is this node's. Whoever dies in between begins from the beginning (docs/adr/0041).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from host.folders import packing, stowage
from host.folders.packing import Broken, TooLarge
from host.folders.share import Patient
from host.folders.stowage import SCRATCH, Note
from host.registry import packs
from host.registry.packs import Header, Taken
from host.registry.port import Registry, Statements
from sessiondb import SessionError

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LEISURE = 900.0  # s for one folder
STILL = 60.0  # s after which no file comes to a message any more
AT_ONCE = 4  # folders
MIB = 1024 * 1024
MOST = 512 * MIB
NOT_UNPACKED = "it could not be unpacked"


class Luggage:
    def __init__(self, db: Registry, data: Path, now: Callable[[], int], most: int) -> None:
        """`most`: bytes of the files of one folder that are packed."""
        self._db = db
        self._data = data
        self._now = now
        self._most = most
        self._held: set[str] = set()
        self._stirs = Counter[str]()  # how often somebody began to write there
        self._settled: set[str] = set()  # whose pack is the latest, and known to be
        self._bare: set[str] = (
            set()
        )  # where nothing was ever packed, or seen: for the registry these are at rest
        self._locks: dict[str, asyncio.Lock] = {}
        self._patient = Patient(LEISURE, AT_ONCE)
        self._prompt = Patient()
        self._along: set[str] = set()  # what nobody changes, and is packed
        self.left: dict[str, int] = {}  # of what is too large: when it was last packed, ms UTC; 0 for never

    @property
    def _packs(self) -> bool:
        return self._db.ties is not None

    def stirred(self) -> list[str]:
        """Where somebody may have written since the latest pack."""
        return sorted(self._held - self._settled)

    async def begin(self) -> None:
        """What an earlier life left half-way goes; what it did not pack any more is looked at.

        Raises `SessionError`, `OSError`."""
        if self._packs:
            await self._run(stowage.clear, self._data)
            for place in await self._db.read(functools.partial(packs.forgotten, node=self._db.node)):
                await self._run(stowage.erase, self._data, place)
            self._held.update(await self._db.read(functools.partial(packs.unsettled, node=self._db.node)))
            bare = await self._db.read(functools.partial(packs.bare, node=self._db.node))
            self._bare.update(await self._run(stowage.written, self._data, bare))
            self._held.update(self._bare)

    async def take_over(self, place: str, session_id: str = "") -> None:
        """Somebody is about to look there, or to write: the folder is the latest from here on, on whatever node it was before.
        Raises `SessionError`, `OSError`."""
        if not self._db.node:
            return
        self._stirs[place] += 1
        hold = functools.partial(self._hold, place=place, session_id=session_id)
        if place in self._held:  # nobody waits for a pack that is being made
            if place in self._settled:
                self._settled.discard(place)
                if place not in self._bare:
                    await self._db.write(hold)
            return
        async with self._lock(place):
            if place not in self._held:
                header = await self._header(place)
                broken = await self._brought(place, header)
                unpacked = header is None or not header.serial
                bare = unpacked and not await self._run(stowage.written, self._data, [place])
                await self._db.write(functools.partial(hold, bare=bare))
                self._held.add(place)
                if bare:
                    self._bare.add(place)
                if broken:
                    await self._miss(place, NOT_UNPACKED)

    async def look_at(self, places: Iterable[str]) -> None:
        """Something was done there, or may have been: whoever finds no pack of what is in it by now is to say so. Raises
        `SessionError`."""
        bare = [place for place in places if place in self._bare]
        if not bare:
            return
        try:
            written = await self._prompt.run(stowage.written, self._data, bare)
        except TimeoutError:
            written = bare
        for place in written:
            self._stirs[place] += 1
            self._bare.discard(place)  # a pack that is being made does not call it at rest any more
            try:
                await self._db.write(functools.partial(packs.stir, place=place, node=self._db.node))
            except SessionError:
                self._bare.add(place)
                raise

    async def keep(self, place: str, *, at_rest: bool) -> bool:
        """Packs the folder where it was changed; whether all of it is in the registry now. `at_rest`: nobody writes there.
        Raises `SessionError`, `OSError`."""
        if not self._packs or place not in self._held:
            return True
        async with self._lock(place):
            return await self._kept(place, at_rest=at_rest)

    async def is_current(self, place: str) -> bool:
        """Whether another node would find it as it is here. Raises `SessionError`, `OSError`."""
        header = await self._header(place)
        if header is None:
            return not (await self._run(packing.look, self._data / place)).files
        if header.node != self._db.node:
            return True  # what lies here is not the latest
        if not header.serial:
            return not (await self._run(packing.look, self._data / place)).files
        return await self._run(stowage.is_as_noted, self._data, place, header.serial)

    async def let_go(self, place: str) -> bool:
        """Another node is to take it over: whether it finds all of it. Raises `SessionError`, `OSError`."""
        kept = await self.keep(place, at_rest=True)
        if kept:
            self._drop(place)
        return kept

    async def forget(self, place: str) -> None:
        """Nothing of it is left, here or packed, and what lies on other nodes goes there. Raises `SessionError`, `OSError`."""
        async with self._lock(place):
            await self._run(stowage.erase, self._data, place)
            if self._db.node:
                now = self._now()
                await self._db.write(lambda connection: packs.forget(connection, place, self._db.node, now))

    # ── files that nobody changes: what came, and what is to go ──────────────────────────────────────────

    async def take_along(self, place: str, session_id: str) -> None:
        """The folder is packed, once. Raises `SessionError`, `OSError`."""
        if not self._packs or place in self._along:
            return
        async with self._lock(place):
            header = await self._header(place)
            if header is None or not header.serial:
                await self._db.write(functools.partial(self._hold, place=place, session_id=session_id))
                self._held.add(place)
                await self._kept(place, at_rest=True)
            self._along.add(place)

    async def take_what_came(self, session_id: str, still: float = STILL) -> None:
        """The attachments of messages to which none came for so many seconds. Raises `SessionError`, `OSError`."""
        if not self._packs:
            return
        for name in await self._run(_whole, self._data / incoming(session_id), still):
            await self.take_along(f"{incoming(session_id)}{name}", session_id)

    async def bring_along(self, session_id: str, places: str) -> None:
        """What was packed on another node of the folders that begin so, and is not here. Raises `SessionError`, `OSError`."""
        if not self._db.node:
            return
        for header in await self._db.read(functools.partial(packs.of_session, session_id=session_id)):
            place = header.place
            if header.node in ("", self._db.node) or not place.startswith(places):
                continue
            async with self._lock(place):
                if header.serial and not await self._run(os.path.lexists, self._data / place):
                    try:
                        await self._fetched(header)
                    except Broken as error:
                        log.error("%s cannot be unpacked: %s", place, error, extra={"action": "pack_broken"})
                await self._db.write(functools.partial(self._settle, place=place))
                self._along.add(place)

    async def leave(self, place: str) -> None:
        """It has gone where it was to go. Raises `SessionError`."""
        if self._packs:
            self._along.discard(place)
            self._drop(place)
            await self._db.write(lambda connection: packs.drop(connection, place))

    async def match(self, session_id: str, before: int) -> None:
        """What is here no more goes from the registry; of what was not brought here yet, all that is older.

        Raises `SessionError`, `OSError`."""
        if not self._db.node:
            return
        for header in await self._db.read(functools.partial(packs.of_session, session_id=session_id)):
            place, here = header.place, header.node == self._db.node
            if not place.startswith((incoming(session_id), outgoing(session_id))):
                continue
            if (here or header.taken_at < before) and not await self._run(
                os.path.lexists, self._data / place
            ):
                await self._db.write(functools.partial(packs.drop, place=place))

    # ── packing ──────────────────────────────────────────────────────────────────────────────────────────

    async def _kept(self, place: str, *, at_rest: bool) -> bool:
        stirs, path = self._stirs[place], self._data / place
        header = await self._header(place)
        if header is None or header.node != self._db.node:
            self._drop(place)
            return False
        taken_at = self._now()
        if not await self._run(os.path.lexists, path):  # what is not there is not known to be empty
            self._drop(place)
            return True
        try:
            seen = await self._run(packing.look, path)
            files = bool(seen.files)
            if (
                files and not header.serial and not seen.size
            ):  # folders, maybe no more than a command left behind
                files = bool(await self._run(stowage.written, self._data, [place]))
            if files:
                self._bare.discard(place)
            elif not header.serial and self._stirs[place] == stirs:
                self._bare.add(place)
            note = await self._run(stowage.noted, self._data, place)
            same = seen.mark == note.mark and header.serial == note.serial and not header.left_out
            if same or (not files and not header.serial):
                taken = Taken(header.serial, header.digest, header.size, header.taken_at, "")
                await self._complete(place, taken, stirs, at_rest=at_rest)
                return True
            if seen.size > self._most:
                raise TooLarge
            taken = await self._packed(header, taken_at)
        except TooLarge as error:
            self._bare.discard(place)
            why = str(error) or f"more than {self._most // MIB} MiB"
            if header.left_out != why or place not in self.left:
                await self._miss(place, why)
            self.left[place] = header.taken_at if header.serial else 0
            return False
        await self._complete(place, taken, stirs, at_rest=at_rest)
        await self._run(stowage.note, self._data, place, Note(seen.mark, taken.serial))
        return True

    async def _packed(self, header: Header, taken_at: int) -> Taken:
        """Its portions are in the registry. Raises `TooLarge`, `SessionError`, `OSError`."""
        serial, place = secrets.token_hex(8), header.place
        file = self._data / SCRATCH / f"{serial}.pack"
        try:
            packed = await self._run(stowage.pack, self._data / place, file, self._most)
            left = f"{packed.left} files or folders that cannot be read" if packed.left else ""
            if packed.digest == header.digest and header.serial:
                serial = header.serial  # it was touched, and is what it was
            else:
                number = 0
                while content := await self._run(stowage.portion, file, number, packs.PORTION):
                    await self._db.write(
                        functools.partial(
                            packs.put, place=place, serial=serial, number=number, content=content
                        )
                    )
                    number += 1
        finally:
            await self._run(file.unlink, missing_ok=True)
        return Taken(serial, packed.digest, packed.size, taken_at, left)

    async def _complete(self, place: str, taken: Taken, stirs: int, *, at_rest: bool) -> None:
        """Where somebody began to write meanwhile it is not at rest, however late that is seen."""

        def job(connection: Statements) -> bool:
            rests = at_rest and self._stirs[place] == stirs
            called = rests or place in self._bare
            return packs.complete(connection, place, self._db.node, taken, at_rest=called) and rests

        self.left.pop(place, None)
        rests = await self._db.write(job)
        if rests and self._stirs[place] == stirs:
            self._settled.add(place)
        elif rests and place not in self._bare:
            await self._db.write(lambda connection: packs.stir(connection, place, self._db.node))

    async def _miss(self, place: str, why: str) -> None:
        log.error("%s is not packed: %s", place, why, extra={"action": "not_packed"})
        await self._db.write(lambda connection: packs.miss(connection, place, self._db.node, why))

    # ── taking over ──────────────────────────────────────────────────────────────────────────────────────

    async def _brought(self, place: str, header: Header | None) -> bool:
        """Whether there is a pack that cannot be unpacked: then what lies here is all there is."""
        path = self._data / place
        if header is None:
            return False
        here = header.node in ("", self._db.node)
        if here and not (header.serial and not await self._run(os.path.lexists, path)):
            return False
        if header.is_forgotten:
            await self._run(stowage.erase, self._data, place)
        elif header.serial:
            try:
                await self._fetched(header)
            except Broken as error:
                log.error("%s cannot be unpacked: %s", place, error, extra={"action": "pack_broken"})
                return True
        return False

    async def _fetched(self, header: Header) -> None:
        """Raises `Broken`, `SessionError`, `OSError`."""
        file = self._data / SCRATCH / f"{secrets.token_hex(8)}.pack"
        number = 0
        try:
            while True:
                content = await self._db.read(
                    functools.partial(packs.portion, place=header.place, serial=header.serial, number=number)
                )
                if content is None:
                    break
                await self._run(stowage.append, file, content)
                number += 1
            if not number:
                raise Broken("nothing of it is there")
            await self._run(self._unpacked, header, file)
        finally:
            await self._run(file.unlink, missing_ok=True)
        told = {"action": "unpacked"}
        log.info("%s is here as it was packed on another node", header.place, extra=told)

    def _unpacked(self, header: Header, file: Path) -> None:
        """On a thread."""
        path, coming = self._data / header.place, file.with_suffix(".coming")
        coming.mkdir(parents=True)
        try:
            with file.open("rb") as packed:
                if packing.unpack(packed, coming, header.size) != header.digest:
                    raise Broken("it is not what was packed")
            path.parent.mkdir(parents=True, exist_ok=True)
            stowage.give_way(self._data, header.place, self._now())
            coming.rename(path)
        except BaseException:
            packing.take_away(coming)
            raise
        stowage.note(self._data, header.place, Note(packing.look(path).mark, header.serial))

    # ── means ────────────────────────────────────────────────────────────────────────────────────────────

    def _hold(self, connection: Statements, *, place: str, session_id: str, bare: bool = False) -> None:
        """Back in a host.db nobody keeps packs up: what was unpacked has none any more."""
        if self._packs:
            packs.hold(connection, place, session_id, self._db.node, bare=bare)
        else:
            packs.drop(connection, place)

    def _settle(self, connection: Statements, *, place: str) -> None:
        if self._packs:
            packs.settle(connection, place, self._db.node)
        else:
            packs.drop(connection, place)

    def _drop(self, place: str) -> None:
        for known in (self._held, self._settled, self._bare):
            known.discard(place)

    async def _header(self, place: str) -> Header | None:
        return await self._db.read(functools.partial(packs.header, place=place))

    def _lock(self, place: str) -> asyncio.Lock:
        return self._locks.setdefault(place, asyncio.Lock())

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._patient.run(function, *args, **kwargs)


def incoming(session_id: str) -> str:
    """How the places begin of what was attached to its messages; the name of a message's folder follows."""
    return f"sessions/{session_id}/inbound/files/"


def outgoing(session_id: str) -> str:
    """Likewise, of what its agent sends."""
    return f"sessions/{session_id}/outbound/files/"


def _whole(folder: Path, still: float) -> list[str]:
    """The messages of which all attachments are there."""
    found = []
    with suppress(FileNotFoundError):
        for one in folder.iterdir():
            with suppress(OSError):
                old = time.time() - one.stat(follow_symlinks=False).st_mtime >= still
                if old and one.is_dir() and not any(path.suffix == ".part" for path in one.iterdir()):
                    found.append(one.name)
    return sorted(found)

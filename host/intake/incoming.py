"""Files that people attach: fetched by the bot into the session's folder before the agent is told of them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from host.folders import ownership
from host.intake.inbox import Entry
from host.intake.storing import Attached
from host.ports.bot import Bots, FetchError, Fetches
from host.ports.events import IncomingFile, Said
from host.registry.sessions import Session
from sessiondb import content

log = logging.getLogger(__name__)

LARGEST = 50 * 1024 * 1024  # bytes of one file
MOST = 20  # files of one message
FETCH_DEADLINE = 60.0  # s for one file: the messages behind it wait

_ODD = re.compile(r"[^\w.\- ]+")


Files: TypeAlias = tuple[content.Attachment, ...]


@dataclass
class _Fetching:
    """Which file of an event it is: the message's own come first, so that the limits cut its thread's."""

    session: Session
    entry: Entry
    number: int = 0


class IncomingFiles:
    def __init__(self, bots: Bots) -> None:
        self._bots = bots

    async def fetch(self, session: Session, entry: Entry) -> Attached:
        """What was fetched; what was not is a part of its message, in words. Twice, after a crash, is the same files."""
        event, got = entry.event, _Fetching(session, entry)
        files, missing = await self._all(got, event.files)
        before: list[Files] = []
        so_far: list[Said] = []
        for said in event.thread_so_far:
            found, lost = await self._all(got, said.files)
            before.append(found)
            so_far.append(replace(said, parts=(*said.parts, *lost)))
        event = replace(event, parts=(*event.parts, *missing), thread_so_far=tuple(so_far))
        return Attached(replace(entry, event=event), files, tuple(before))

    async def _all(
        self, got: _Fetching, files: Sequence[IncomingFile]
    ) -> tuple[Files, tuple[content.Part, ...]]:
        found: list[content.Attachment] = []
        missing: list[content.Part] = []
        for file in files:
            path = f"{got.entry.message_id}/{got.number}-{safe_name(file.name)}"
            got.number += 1
            try:
                if got.number > MOST or file.bytes > LARGEST:
                    raise FetchError(f"more than {MOST} files or {LARGEST} bytes")
                bot = self._bots.get(got.entry.event.address.channel_type)
                if not isinstance(bot, Fetches):
                    raise FetchError("this platform brings no files")
                size = await self._one(bot, file, got.session.folder.inbound_files / path)
            except FetchError as error:
                log.warning("A file was not fetched: %s", error, extra={"action": "fetch_failed"})
                missing.append(content.Part("file", f"could not be fetched: {error}", title=file.name))
            else:
                found.append(content.Attachment(file.name, path, file.media_type, size))
        return tuple(found), tuple(missing)

    async def _one(self, bot: Fetches, file: IncomingFile, path: Path) -> int:
        """Under another name first: what bears the final name is complete."""
        part = path.with_name(path.name + ".part")
        try:
            await asyncio.to_thread(_make, path.parent)
            async with asyncio.timeout(FETCH_DEADLINE):
                await bot.fetch(file, part, LARGEST)
            await asyncio.to_thread(ownership.as_its_folder, part)
            await asyncio.to_thread(part.replace, path)
            return (await asyncio.to_thread(path.stat)).st_size
        except TimeoutError as error:
            raise FetchError("it took too long") from error
        except OSError as error:
            raise FetchError(f"it could not be stored ({error.strerror})") from error
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)  # of a first message nothing of its session is there yet
    ownership.as_its_folder(folder)


def safe_name(name: str) -> str:
    """A plain file name: no separators, no leading dots, not too long."""
    plain = _ODD.sub("_", name).strip(" .") or "file"
    stem, dot, suffix = plain.rpartition(".")
    return plain if len(plain) <= 80 else f"{(stem or plain)[:60]}{dot}{suffix[:15]}"

"""Files that people attach: fetched by the bot into the session's folder before the agent is told of them."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

from host.folders import ownership
from host.intake.inbox import Entry
from host.ports.bot import Bots, FetchError, Fetches
from host.ports.events import IncomingFile
from host.registry.sessions import Session
from sessiondb import content

log = logging.getLogger(__name__)

LARGEST = 50 * 1024 * 1024  # bytes of one file
MOST = 20  # files of one message
FETCH_DEADLINE = 60.0  # s for one file: the messages behind it wait

_ODD = re.compile(r"[^\w.\- ]+")


class IncomingFiles:
    def __init__(self, bots: Bots) -> None:
        self._bots = bots

    async def fetch(self, session: Session, entry: Entry) -> tuple[tuple[content.Attachment, ...], str]:
        """What was fetched, and in words what was not. Fetching again after a crash writes the same files."""
        got: list[content.Attachment] = []
        missing: list[str] = []
        bot = self._bots.get(entry.event.address.channel_type)
        for number, file in enumerate(entry.event.files):
            path = f"{entry.message_id}/{number}-{safe_name(file.name)}"
            try:
                if number >= MOST or file.bytes > LARGEST:
                    raise FetchError(f"more than {MOST} files or {LARGEST} bytes")
                if not isinstance(bot, Fetches):
                    raise FetchError("this platform brings no files")
                size = await self._one(bot, file, session.folder.inbound_files / path)
            except FetchError as error:
                log.warning("A file was not fetched: %s", error, extra={"action": "fetch_failed"})
                missing.append(f"[the file {file.name!r} could not be fetched: {error}]")
            else:
                got.append(content.Attachment(file.name, path, file.media_type, size))
        return tuple(got), "\n".join(missing)

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

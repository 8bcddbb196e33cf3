"""Files that people attach: fetched from the platform into the session's read-only folder before the agent is told.

A file never holds a message back for good: what cannot be fetched becomes a note in the text. A file is complete where its
name stands; a replay after a crash finds it there and fetches nothing again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from host.bots import Bots, DeliveryError, Fetcher, IncomingFile, Rejected
from host.inbox import Entry
from host.sessions import Session
from sessiondb import content

log = logging.getLogger(__name__)

LARGEST = 25 * 1024 * 1024  # bytes of one file
MOST = 10  # files of one message
DEADLINE = 60.0  # s for one try of one file
TRIES = 3
PAUSE = 1.0  # s before the second try; doubles


class _TooLarge(Exception):
    pass


class Attachments:
    def __init__(self, bots: Bots) -> None:
        self._bots = bots

    async def fetched(self, session: Session, entry: Entry) -> Entry:
        """The entry with what could be fetched of its files, and a note about what could not."""
        files = entry.event.files
        if not files:
            return entry
        found, notes = [], []
        for number, file in enumerate(files):
            name = f"{entry.message_id}/{number}-{_safe(file.name)}"
            problem = await self._fetch(session, file, session.folder.inbound_files / name, number)
            if problem:
                notes.append(f"[The file {file.name} was not taken: {problem}]")
                continue
            size = (session.folder.inbound_files / name).lstat().st_size
            found.append(content.Attachment(file.name, name, file.media_type, size))
        text = "\n".join(filter(None, (entry.event.text, *notes)))
        return replace(entry, event=replace(entry.event, text=text), attachments=tuple(found))

    async def _fetch(self, session: Session, file: IncomingFile, into: Path, number: int) -> str:
        """'' when the file is there, else why it is not, in words."""
        bot = self._bots.get(session.address.channel_type)
        if number >= MOST:
            return f"a message may bring {MOST} files"
        if file.bytes > LARGEST:
            return f"it is larger than {LARGEST // 1024 // 1024} MiB"
        if into.exists():
            return ""
        if not isinstance(bot, Fetcher):
            return "this platform hands no files on"
        problem = ""
        for attempt in range(TRIES):
            await asyncio.sleep(PAUSE * (2**attempt - 1))
            try:
                async with asyncio.timeout(DEADLINE):
                    await _write(bot.fetch(file), into)
            except Rejected as error:
                return error.reason
            except _TooLarge:
                return f"it is larger than {LARGEST // 1024 // 1024} MiB"
            except (DeliveryError, TimeoutError, OSError) as error:
                problem = error.reason if isinstance(error, DeliveryError) else "it could not be fetched"
                log.info("File not fetched yet: %s", problem, extra={"action": "fetch_failed"})
            else:
                return ""
        return problem


async def _write(chunks: AsyncGenerator[bytes, None], into: Path) -> None:
    await asyncio.to_thread(into.parent.mkdir, parents=True, exist_ok=True)
    part = into.with_name(f".{into.name}.part")
    size = 0
    with await asyncio.to_thread(part.open, "wb") as out:
        async with aclosing(chunks) as stream:
            async for chunk in stream:
                size += len(chunk)
                if size > LARGEST:
                    raise _TooLarge
                await asyncio.to_thread(out.write, chunk)
    await asyncio.to_thread(part.replace, into)


def _safe(name: str) -> str:
    """A file name that is no path and hides nothing; the person's own name for it is shown beside it."""
    return re.sub(r"[^\w.-]", "_", name.rpartition("/")[2], flags=re.ASCII).lstrip(".")[-80:] or "file"

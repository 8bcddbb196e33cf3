"""Files that people attach: fetched by the bot into the session's folder before the agent is told of them."""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from host.folders import ownership
from host.intake.inbox import Entry
from host.intake.storing import Attached
from host.ports.bot import Bots, DeliveryError, FetchError, Fetches, Quotes
from host.ports.events import EventClass, InboundEvent, IncomingFile, Said
from host.registry.sessions import Session
from sessiondb import content

log = logging.getLogger(__name__)

LARGEST = 50 * 1024 * 1024  # bytes of one file
MOST = 20  # files of one message
FETCH_DEADLINE = 60.0  # s for one file: the messages behind it wait
UNREAD = "(that message cannot be read)"
LONGEST_NAME = 240  # bytes; file systems take 255, and a number stands before it

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
        event, going = await self._with_what_it_is_about(entry.event), _Fetching(session, entry)
        files, parts = await self._all(going, event.files, event.parts)
        before: list[Files] = []
        so_far: list[Said] = []
        for said in event.thread_so_far:
            found, known = await self._all(going, said.files, said.parts)
            before.append(found)
            so_far.append(replace(said, parts=known))
        event = replace(event, parts=parts, thread_so_far=tuple(so_far))
        return Attached(replace(entry, event=event), files, tuple(before))

    async def _with_what_it_is_about(self, event: InboundEvent) -> InboundEvent:
        """A task that begins by a reaction is told what was reacted to: the platform names the message alone."""
        if event.event_class is not EventClass.TASK or not event.value:
            return event
        bot, found = self._bots.get(event.address.channel_type), None
        try:
            async with asyncio.timeout(FETCH_DEADLINE):
                found = (
                    await bot.quoted(event.address, event.platform_message_id)
                    if isinstance(bot, Quotes)
                    else None
                )
        except (DeliveryError, TimeoutError) as error:
            log.warning("What was reacted to is not known: %s", error, extra={"action": "fetch_failed"})
        except Exception:
            log.exception("A bot broke its contract", extra={"action": "bot_error"})
        return replace(event, parts=(*event.parts, found or content.Part("quoted", UNREAD)))

    async def _all(
        self, going: _Fetching, files: Sequence[IncomingFile], parts: tuple[content.Part, ...]
    ) -> tuple[Files, tuple[content.Part, ...]]:
        found: list[content.Attachment] = []
        for file in files:
            going.number += 1
            try:
                attached, known = await self._fetched(going, file)
            except FetchError as error:
                log.warning("A file was not fetched: %s", error, extra={"action": "fetch_failed"})
                what = (
                    "is a voice message that could not be fetched" if file.voice else "could not be fetched"
                )
                parts = (*parts, content.Part("file", f"{what}: {error}", title=file.name))
            else:
                found.append(attached)
                better = {(part.kind, part.title) for part in known}
                parts = (*(part for part in parts if (part.kind, part.title) not in better), *known)
        return tuple(found), parts

    async def _fetched(
        self, going: _Fetching, file: IncomingFile
    ) -> tuple[content.Attachment, tuple[content.Part, ...]]:
        if going.number > MOST or file.bytes > LARGEST:
            raise FetchError(f"more than {MOST} files or {LARGEST} bytes")
        bot = self._bots.get(going.entry.event.address.channel_type)
        if not isinstance(bot, Fetches):
            raise FetchError("this platform brings no files")
        folder = going.session.folder.inbound_files / going.entry.message_id
        try:
            return await self._one(bot, going, file, folder)
        except TimeoutError as error:
            raise FetchError("it took too long") from error
        except OSError as error:
            raise FetchError(f"it could not be stored ({error.strerror})") from error
        except FetchError:
            raise
        except Exception as error:  # a bot's bug costs this file, not its message nor those behind it
            log.exception("A bot broke its contract", extra={"action": "bot_error"})
            raise FetchError("a fault of the host's own") from error

    async def _one(
        self, bot: Fetches, going: _Fetching, file: IncomingFile, folder: Path
    ) -> tuple[content.Attachment, tuple[content.Part, ...]]:
        """Under another name first: what bears the final name is complete."""
        number, place = going.number - 1, going.entry.event.address
        part = folder / f"{number}.part"
        try:
            await asyncio.to_thread(_make, folder)
            async with asyncio.timeout(FETCH_DEADLINE):
                fetched = await bot.fetch(place, file, part, LARGEST)
            name = fetched.name or file.name
            path = folder / f"{number}-{safe_name(name)}"
            await asyncio.to_thread(ownership.as_its_folder, part)
            await asyncio.to_thread(part.replace, path)
            size = (await asyncio.to_thread(path.stat)).st_size
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        media_type = fetched.media_type or file.media_type
        spoken = file.voice or fetched.voice
        attached = content.Attachment(name, f"{folder.name}/{path.name}", media_type, size, spoken)
        return attached, fetched.parts


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)  # of a first message nothing of its session is there yet
    ownership.as_its_folder(folder)


def safe_name(name: str) -> str:
    """A plain file name: no separators, no leading dots, not too long."""
    plain = _ODD.sub("_", unicodedata.normalize("NFC", name)).strip(" .") or "file"
    stem, dot, suffix = plain.rpartition(".")
    if len(plain) <= 80 and len(plain.encode()) <= LONGEST_NAME:
        return plain
    kept = (stem or plain)[:60].encode()[: LONGEST_NAME - 60].decode("utf-8", "ignore")
    return f"{kept}{dot}{suffix[:15]}"

"""Files that people attach, brought to the disk; and what Slack knows of their content. What failed is said as it was."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common import downloads
from bots.common.shapes import Json, mapping, string
from bots.slack.client.errors import TRANSIENT, code_of
from bots.slack.reading import files, pages
from host.ports.bot import Fetched, FetchError
from host.ports.events import IncomingFile
from sessiondb.content import Part

log = logging.getLogger(__name__)

LARGEST_PAGE = 10_000_000  # bytes of a canvas or of captions
LONGEST = 60_000  # characters of a canvas or transcript that are in the message itself
CLIP_WAIT = 12.0  # s for Slack's transcript of a clip that was just recorded
CLIP_PAUSE = 1.5
CUT = "[cut: the rest is in the file]"
CAUSES = {
    "missing_scope": "the app lacks the scope files:read",
    "file_not_found": "it is not there any more, or not shared with this app",
    "file_deleted": "it was deleted",
    "access_denied": "it is not shared with this app",
    "not_allowed_token_type": "the app's token may not read files",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """What `files.reference` kept. A plain address is one too."""

    id: str = ""
    url: str = ""
    mode: str = ""
    ask: bool = False
    vtt: str = ""
    clip: bool = False

    @classmethod
    def parse(cls, kept: str) -> Reference:
        return cls(**json.loads(kept)) if kept.startswith("{") else cls(url=kept)


class Fetching:
    def __init__(self, client: AsyncWebClient, api_url: str, token: str) -> None:
        self._client = client
        self._api_url = api_url
        self._token = token

    async def fetch(self, file: IncomingFile, path: Path, most: int) -> Fetched:
        """Streams it to `path`. Raises `FetchError` with the true cause."""
        wanted = Reference.parse(file.reference)
        record = await self._record(wanted.id) if wanted.ask else {}
        name, media_type = file.name, file.media_type
        if record:
            (whole,), _ = files.read([record])
            name, media_type, wanted = whole.name, whole.media_type, Reference.parse(whole.reference)
        if wanted.mode in files.CANVASES or media_type == files.CANVAS:
            return await self._canvas(wanted, name, path)
        await self._save(wanted, media_type, path, most)
        parts = tuple(files.told(record)) if record else ()
        if wanted.clip and (words := await self._transcript(wanted)):
            parts = (Part("transcript", words, title=name),)
        return Fetched(name, media_type, parts, voice=files.speaks(record))

    async def _record(self, id_: str) -> Json:
        """All of a file of which the message had only a stub."""
        try:
            found = mapping((await self._client.files_info(file=id_)).get("file"))
        except SlackApiError as error:
            raise FetchError(_cause(code_of(error))) from error
        except TRANSIENT as error:
            raise FetchError(f"Slack could not be asked for it ({type(error).__name__})") from error
        found["file_access"] = ""  # it was asked for
        fetched, named = files.read([found])
        if not fetched:
            raise FetchError("; ".join(part.text for part in named) or "Slack does not say where it is")
        if files.must_ask(found):
            raise FetchError("Slack names no address for it")
        return found

    # ── bytes ────────────────────────────────────────────────────────────────────────────────────────────

    async def _save(self, wanted: Reference, media_type: str, path: Path, most: int) -> None:
        self._must_be_slacks(wanted.url)
        try:
            async with (
                aiohttp.ClientSession(trust_env=True) as session,
                session.get(wanted.url, headers=self._bearer) as answer,
            ):
                await self._must_be_there(answer, wanted)
                if answer.content_type == "text/html" and media_type not in (
                    "text/html",
                    "application/xhtml+xml",
                ):
                    raise FetchError(await self._why_a_page(wanted))
                await downloads.save(answer.content, path, most)
        except aiohttp.ClientError as error:
            raise FetchError(f"the download failed ({type(error).__name__})") from error
        if media_type == "text/html" and pages.is_sign_in(await asyncio.to_thread(_beginning, path)):
            raise FetchError(await self._why_a_page(wanted))

    async def _page(self, wanted: Reference, url: str) -> str:
        """A canvas or captions, whole."""
        self._must_be_slacks(url)
        try:
            async with (
                aiohttp.ClientSession(trust_env=True) as session,
                session.get(url, headers=self._bearer) as answer,
            ):
                await self._must_be_there(answer, wanted)
                found = bytearray()
                async for piece in answer.content.iter_chunked(downloads.PIECE):
                    found += piece
                    if len(found) > LARGEST_PAGE:
                        raise FetchError(f"it has more than {LARGEST_PAGE} bytes")
        except aiohttp.ClientError as error:
            raise FetchError(f"the download failed ({type(error).__name__})") from error
        if pages.is_sign_in(bytes(found)):
            raise FetchError(await self._why_a_page(wanted))
        return found.decode("utf-8", "replace")

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    async def _must_be_there(self, answer: aiohttp.ClientResponse, wanted: Reference) -> None:
        if answer.status != 200:
            cause = await self._cause_of(wanted) if answer.status in (401, 403, 404, 410) else ""
            raise FetchError(cause or f"Slack answered {answer.status}")

    async def _why_a_page(self, wanted: Reference) -> str:
        return await self._cause_of(wanted) or "Slack sent its sign-in page instead of it"

    async def _cause_of(self, wanted: Reference) -> str:
        """What Slack says of a file whose bytes it does not give; '' when it says nothing is wrong."""
        if not wanted.id:
            return ""
        try:
            await self._client.files_info(file=wanted.id)
        except SlackApiError as error:
            return _cause(code_of(error))
        except TRANSIENT:
            pass
        return ""

    def _must_be_slacks(self, url: str) -> None:
        """The token goes to Slack, or to the server that the configuration names instead, and nowhere else."""
        found, api = urlsplit(url), urlsplit(self._api_url)
        if found.netloc == api.netloc and found.scheme == api.scheme:
            return
        host = found.hostname or ""
        if found.scheme != "https" or not (host == "slack.com" or host.endswith(".slack.com")):
            raise FetchError("it does not lie with Slack")

    # ── words ────────────────────────────────────────────────────────────────────────────────────────────

    async def _canvas(self, wanted: Reference, name: str, path: Path) -> Fetched:
        text = pages.text_of(await self._page(wanted, wanted.url))
        if not text:
            raise FetchError("it is empty")
        await asyncio.to_thread(path.write_text, f"{text}\n", "utf-8")
        shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}\n{CUT}"
        return Fetched(f"{name}.md", "text/markdown", (Part("document", shown, title=name),))

    async def _transcript(self, wanted: Reference) -> str:
        """Slack's own, whole; '' when it has none in time. A clip is worth a little waiting, for nobody here hears it."""
        record: Json = {}
        try:
            async with asyncio.timeout(CLIP_WAIT):
                while True:
                    record = mapping((await self._client.files_info(file=wanted.id)).get("file"))
                    if string(mapping(record.get("transcription")).get("status")) != "processing":
                        break
                    await asyncio.sleep(CLIP_PAUSE)
        except TRANSIENT as error:
            log.info("A transcript was not read: %s", type(error).__name__)
        found = mapping(record.get("transcription"))
        preview = files.spoken(record)
        whole = preview and not mapping(found.get("preview")).get("has_more")
        captions = string(record.get("vtt")) or wanted.vtt
        if not whole and captions:
            try:
                return pages.captions(await self._page(wanted, captions))[:LONGEST] or preview
            except FetchError as error:
                log.info("Captions were not read: %s", error)
        return preview if whole or not preview else f"{preview} {files.PREVIEW}"


def _cause(code: str) -> str:
    return CAUSES.get(code) or f"Slack refuses it: {code or 'no reason given'}"


def _beginning(path: Path) -> bytes:
    with path.open("rb") as found:
        return found.read(200_000)

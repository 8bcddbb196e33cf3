"""Files out: the three steps of an upload, the last of which shares; and how a lost answer is looked up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common import documents, downloads
from bots.common.shapes import items, string
from bots.slack.client.errors import TRANSIENT, translated
from bots.slack.reading import histories
from bots.slack.sending import links
from bots.slack.sending.noted import Noted
from host.ports.bot import Delivery, Receipt, Rejected, Unknown, Unsent

LARGEST = 50 * 1024 * 1024  # bytes of a file that an agent sends
SHARED = 10  # looks for the message that shows a file just shared
SHARED_PAUSE = 0.3  # s between them; Slack shares after it answered


class Uploads:
    """In `folder` it stands by delivery key which file was about to be shared, for the look-up after a crash."""

    def __init__(self, client: AsyncWebClient, folder: Path) -> None:
        self._client = client
        self._looks = histories.Looks(client)
        self._noted = Noted(folder, "upload")

    async def send(self, delivery: Delivery) -> Receipt:
        content = await asyncio.to_thread(_read, delivery)
        name, comment = str(delivery.payload["name"]), str(delivery.payload.get("comment") or "")
        file_id = await self._upload(name, content, downloads.described(name, comment))
        # Which file it is must be on disk before the step that shows it to people.
        await asyncio.to_thread(self._noted.put, delivery.key, file_id)
        await self._client.files_completeUploadExternal(
            files=[{"id": file_id, "title": name}],
            channel_id=delivery.address.platform_id,
            initial_comment=links.unlinked(comment) or None,  # no switch of this call keeps previews away
            thread_ts=delivery.address.thread_id or None,
        )
        return await self._receipt(delivery, file_id)

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        file_id = await asyncio.to_thread(self._noted.get, delivery.key)
        if not file_id:
            return None
        ts = await self._shared_as(delivery, file_id)
        return Receipt(ts) if ts else None

    async def _upload(self, name: str, content: bytes, alt: str) -> str:
        """Nobody sees anything of these two steps, so their failure proves the file unsent."""
        try:
            place = await self._client.files_getUploadURLExternal(
                filename=name, length=len(content), alt_txt=alt or None
            )
            async with (
                aiohttp.ClientSession(trust_env=True) as session,
                session.post(str(place["upload_url"]), data=content) as answer,
            ):
                answer.raise_for_status()
        except SlackApiError as error:
            found = translated(error)
            raise Unsent(found.reason) if isinstance(found, Unknown) else found from error
        except TRANSIENT as error:
            raise Unsent(f"the upload failed ({type(error).__name__})") from error
        return str(place["file_id"])

    async def _receipt(self, delivery: Delivery, file_id: str) -> Receipt:
        """Shared for certain; which message shows it comes a little later, and is worth only so much waiting."""
        for _ in range(SHARED):
            try:
                ts = await self._shared_as(delivery, file_id)
            except TRANSIENT:
                break
            if ts:
                # What is remembered stays: the host may die before it has noted the receipt, and look it up.
                return Receipt(ts)
            await asyncio.sleep(SHARED_PAUSE)
        return Receipt("")

    async def _shared_as(self, delivery: Delivery, file_id: str) -> str:
        found = (await self._client.files_info(file=file_id))["file"]
        if "shares" not in found:  # Slack may leave out where it shows it; the conversation tells as well
            return await self._shown_as(delivery, file_id)
        for channels in (found["shares"] or {}).values():
            for share in channels.get(delivery.address.platform_id, ()):
                return str(share["ts"])
        return ""

    async def _shown_as(self, delivery: Delivery, file_id: str) -> str:
        said = self._looks.said_since(delivery.key, delivery.address, delivery.first_attempt_at)
        async for message in said:
            if file_id in (string(file.get("id")) for file in items(message.get("files"))):
                return str(message["ts"])
        return ""


def _read(delivery: Delivery) -> bytes:
    content = documents.attached(delivery, "path", largest=LARGEST)
    if not content:
        raise Rejected("the file is empty, and Slack takes no empty files")
    return content

"""Documents as canvases: made by us alone, linked in the conversation, and only then to be read there, by those who read it.

A canvas is nobody's to see until its link stands and access was given, so what is posted once is the message with the link,
and that has the host's key. Before each step it is on disk how far it went:

    a line that is empty       a canvas is about to be made, under the key as its title
    its id                     it is there; it gets its title, the link is posted, those who read there may open it
    a minus, and its id        it cannot be one here: what there was of it goes, and the document is sent as a file

The scope `canvases:write` is the switch. Where a plan or an administrator refuses canvases, documents are files from then on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from pathlib import Path

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.shapes import Json, items, string
from bots.slack.client.errors import TRANSIENT, code_of, translated
from bots.slack.reading import histories
from bots.slack.sending.faces import Customizing
from bots.slack.sending.files import Uploads
from bots.slack.sending.noted import Noted
from host.ports.bot import Delivery, Receipt, Rejected, Unknown, Unsent

log = logging.getLogger(__name__)

SCOPE = "canvases:write"
FILE = "-"  # before the id of one that is given up
NOT_HERE = frozenset(  # Slack's words for a workspace that has none for us
    {
        "canvas_disabled_user_team",
        "free_teams_cannot_create_non_tabbed_canvases",
        "missing_scope",
        "not_allowed_token_type",
        "restricted_action",
    }
)


class Canvases:
    """Of one workspace. Raises `DeliveryError`, and `errors.TRANSIENT` for what changed something or may have."""

    def __init__(
        self, client: AsyncWebClient, folder: Path, uploads: Uploads, customizing: Customizing
    ) -> None:
        self._client = client
        self._looks = histories.Looks(client)
        self._uploads = uploads
        self._customizing = customizing
        self._noted = Noted(folder, "canvas")
        self._allowed = False
        self._bot = ""

    def begin(self, bot: str, scopes: Collection[str]) -> None:
        """`bot` is the user that owns what we make; `scopes` are those of its token."""
        self._bot, self._allowed = bot, SCOPE in scopes

    async def send(self, delivery: Delivery) -> Receipt:
        noted = await asyncio.to_thread(self._noted.get, delivery.key)
        if noted is not None and noted.startswith(FILE):
            await self._removed(noted.removeprefix(FILE))
            return await self._uploads.send(delivery)
        if noted is None and not (self._allowed and delivery.payload["canvas"]):
            return await self._uploads.send(delivery)
        canvas = noted or await self._made(delivery, again=noted is not None)
        if not canvas:
            return await self._uploads.send(delivery)
        link = await self._ready(delivery, canvas)
        if not link:
            return await self._as_file(delivery, canvas)
        ts = await self._linked(delivery, canvas, link)
        return (
            Receipt(ts) if await self._opened(delivery, canvas) else await self._as_file(delivery, canvas, ts)
        )

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        """By the link alone, which names its canvas: what is noted may lie on another machine."""
        ts, canvas = await self._link_of(delivery)
        noted = await asyncio.to_thread(self._noted.get, delivery.key) or ""
        if ts and not noted.startswith(FILE) and await self._opened(delivery, canvas):
            return Receipt(ts)
        if ts:
            await self._given_up(delivery, canvas, ts)
        return await self._uploads.lookup(delivery)

    # ── its steps ────────────────────────────────────────────────────────────────────────────────────────

    async def _made(self, delivery: Delivery, *, again: bool) -> str:
        """Its id; '' where Slack refuses one. `again`: an earlier try may have made it."""
        canvas = await self._under_its_key(delivery) if again else ""
        if not canvas:
            await asyncio.to_thread(self._noted.put, delivery.key, "")
            try:
                answer = await self._client.canvases_create(
                    title=delivery.key,
                    document_content={"type": "markdown", "markdown": delivery.payload["canvas"]},
                )
            except SlackApiError as error:
                if not _is_refusal(error):
                    raise
                await asyncio.to_thread(self._noted.put, delivery.key, FILE)
                self._refused(code_of(error))
                return ""
            canvas = str(answer["canvas_id"])
        await asyncio.to_thread(self._noted.put, delivery.key, canvas)
        return canvas

    async def _under_its_key(self, delivery: Delivery) -> str:
        """Whether Slack lists canvases among the files of whoever made them is documented nowhere. One that is not found stays
        ours alone, under a title that says nothing."""
        since = max(0, delivery.first_attempt_at // 1_000 - histories.CLOCKS_APART // 1_000_000)
        try:
            found = await self._client.files_list(user=self._bot, ts_from=str(since), count=histories.PAGE)
        except SlackApiError as error:
            if not _is_refusal(error):
                raise
            return ""
        ids = (string(one.get("id")) for one in items(found.get("files")) if one.get("title") == delivery.key)
        return next(ids, "")

    async def _ready(self, delivery: Delivery, canvas: str) -> str:
        """Its address, once it is called as it should be; '' where Slack refuses. Nobody has seen anything of it yet."""
        title = {"type": "markdown", "markdown": str(delivery.payload["title"])}
        try:
            await self._client.canvases_edit(
                canvas_id=canvas, changes=[{"operation": "rename", "title_content": title}]
            )
            return string((await self._client.files_info(file=canvas))["file"].get("permalink"))
        except TRANSIENT as error:
            if _is_refusal(error):
                return ""
            found = translated(error)
            raise Unsent(found.reason) if isinstance(found, Unknown) else found from error

    async def _linked(self, delivery: Delivery, canvas: str, link: str) -> str:
        arguments: Json = {
            "channel": delivery.address.platform_id,
            "text": worded(delivery.payload, link),
            "metadata": histories.marked(delivery.key, canvas),
        }
        if delivery.address.thread_id:
            arguments["thread_ts"] = delivery.address.thread_id
        try:
            answer = await self._customizing.call(
                delivery.agent,
                lambda face: self._client.chat_postMessage(
                    unfurl_links=False, unfurl_media=False, **face, **arguments
                ),
            )
        except SlackApiError as error:
            if isinstance(translated(error), Rejected):
                await self._removed(canvas)
            raise
        return str(answer["ts"])

    async def _opened(self, delivery: Delivery, canvas: str) -> bool:
        """Those who read the conversation read it, and nobody else; False where Slack refuses. Done twice it is done once."""
        place = delivery.address.platform_id
        try:
            kind = (await self._client.conversations_info(channel=place))["channel"]
            whom: dict[str, list[str]] = {"channel_ids": [place]}
            if kind.get("is_im"):
                whom = {"user_ids": [str(kind["user"])]}
            elif kind.get("is_mpim"):
                members = (await self._client.conversations_members(channel=place))["members"]
                whom = {"user_ids": [str(one) for one in members if one != self._bot]}
            answer = await self._client.canvases_access_set(canvas_id=canvas, access_level="read", **whom)
        except TRANSIENT as error:  # the link stands: nothing of this proves it unsent
            if not _is_refusal(error):
                raise Unknown(f"who may open it is not known: {code_of(error)}") from error
            self._refused(code_of(error))
            return False
        return not (answer.get("failed_to_update_channel_ids") or answer.get("failed_to_update_user_ids"))

    async def _as_file(self, delivery: Delivery, canvas: str, ts: str = "") -> Receipt:
        await self._given_up(delivery, canvas, ts)
        return await self._uploads.send(delivery)

    async def _given_up(self, delivery: Delivery, canvas: str, ts: str) -> None:
        """`ts`: of a link that nobody can open."""
        await asyncio.to_thread(self._noted.put, delivery.key, f"{FILE}{canvas}")
        if ts:
            await self._taken_back(delivery, ts)
        await self._removed(canvas)

    async def _taken_back(self, delivery: Delivery, ts: str) -> None:
        """Its failure is an unknown outcome, whatever it was: what is sent again before it is gone would stand beside it."""
        try:
            await self._client.chat_delete(channel=delivery.address.platform_id, ts=ts)
        except TRANSIENT as error:
            if code_of(error) != "message_not_found":
                raise Unknown(f"a link to be taken back stands: {code_of(error)}") from error

    async def _removed(self, canvas: str) -> None:
        """One that stays is ours alone."""
        if not canvas:
            return
        try:
            await self._client.canvases_delete(canvas_id=canvas)
        except TRANSIENT as error:
            if code_of(error) != "canvas_not_found":
                log.info("A canvas of ours stays: %s", code_of(error), extra={"action": "canvas_stays"})

    async def _link_of(self, delivery: Delivery) -> tuple[str, str]:
        """Which message it is, and of which canvas; '' for none."""
        said = self._looks.said_since(delivery.key, delivery.address, delivery.first_attempt_at)
        async for message in said:
            if histories.key_of(message) == delivery.key:
                return str(message["ts"]), histories.canvas_of(message)
        return "", ""

    def _refused(self, code: str) -> None:
        if code not in NOT_HERE:
            return
        self._allowed = False
        log.info(
            "Slack takes no canvases here (%s): documents are files from now on",
            code,
            extra={"action": "no_canvases"},
        )


def worded(payload: Json, link: str) -> str:
    """What the message says that links a canvas."""
    words = (str(payload["comment"]), f"📄 *<{link}|{payload['label']}>*")
    return "\n\n".join(part for part in words if part)


def _is_refusal(error: Exception) -> bool:
    return code_of(error) == "missing_scope" or isinstance(translated(error), Rejected)

"""Carrying deliveries out. Every post has the host's key as its nonce, which Discord enforces for some minutes.

Within those minutes a post whose outcome is unknown may simply be made again: Discord gives the first one back. After
them only the channel's history tells; it has no nonces, so the text decides, or the buttons where there are any.
"""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import discord

from bots.common import documents, downloads
from bots.common.faces import Faces
from bots.discord.client import errors, places, telling, wire
from bots.discord.client.parsing import Unread
from bots.discord.panels import judging
from bots.discord.questions import decisions
from bots.discord.questions.book import Asked, QuestionBook
from bots.discord.questions.questions import view_of
from bots.discord.sending import cards, framing
from bots.discord.sending.threads import Threads
from host.config import emoji
from host.ports.bot import Delivery, Receipt, Rejected, Unknown
from sessiondb import Address

NONCE_WINDOW = 120_000  # ms; Discord enforces a nonce "for the past few minutes"
CLOCK_SKEW = 60_000  # ms the host's clock may be ahead of Discord's
TRIES = 3  # quick ones of one post, all with the same nonce
PAUSE = 0.2  # s before the second try; doubles
REMEMBERED = 10_000  # of the bot's own messages by nonce, as the gateway told of them


class Outbox:
    def __init__(self, client: discord.Client, threads: Threads, book: QuestionBook, faces: Faces) -> None:
        self._client = client
        self._threads = threads
        self._book = book
        self._faces = faces
        self._own: OrderedDict[str, int] = OrderedDict()  # nonce -> message id
        self._ids: set[int] = set()

    def saw(self, message: discord.Message) -> None:
        """One of the bot's own messages came back through the gateway."""
        self._remember(str(message.nonce or ""), message.id)

    async def send(self, delivery: Delivery) -> Receipt:
        """Raises `DeliveryError`."""
        with errors.translated():
            if delivery.private_to:
                person = await self._client.create_dm(discord.Object(int(delivery.private_to)))
                return await self._post(delivery, person.id)
            payload = delivery.payload
            if "edit" in payload:
                return await self._edit(delivery, payload["edit"])
            if "reaction" in payload:
                return await self._react(delivery, payload["reaction"])
            if "content" not in payload:
                raise Rejected("nothing to show")
            return await self._post(delivery, await self._threads.open(delivery.address))

    def known(self, key: str) -> Receipt | None:
        """Of a post whose answer or event this life has seen."""
        found = self._own.get(key)
        return None if found is None else Receipt(str(found))

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        if (known := self.known(delivery.key)) is not None:
            return known
        if "content" not in delivery.payload or not _beyond_nonce(delivery):
            return None
        with errors.translated():
            room = places.channel_id(delivery.address)
            if delivery.private_to:
                room = (await self._client.create_dm(discord.Object(int(delivery.private_to)))).id
            return await self._in_history(delivery, room)

    # ── one kind each ────────────────────────────────────────────────────────────────────────────────────

    async def post(self, key: str, attempt: Callable[[], Awaitable[discord.Message]]) -> Receipt:
        """Each attempt posts with `key` as its nonce. Raises as discord.py does.

        And `Unknown` when the last one failed without effect, but the outcome of one before it is not known.
        """
        doubtful = False
        for number in range(1, TRIES + 1):
            try:
                sent = await attempt()
            except (discord.DiscordException, *errors.TRANSPORT) as error:
                unknown = isinstance(errors.delivery_error(error), Unknown)
                enough = not isinstance(error, errors.TRANSPORT) or errors.was_tried_enough(error)
                if number == TRIES or enough:
                    if doubtful and not unknown:
                        raise Unknown("an earlier try may have been taken") from error
                    raise
                doubtful = doubtful or unknown
                await asyncio.sleep(PAUSE * 2 ** (number - 1))
            else:
                self._remember(key, sent.id)
                return Receipt(str(sent.id))
        raise AssertionError("unreachable")

    async def _post(self, delivery: Delivery, channel_id: int) -> Receipt:
        """Where the nonce holds no more, an earlier attempt may stand: one of unknown outcome, in whatever order they
        failed. So the history is asked before the post is made again."""
        if delivery.first_attempt_at and _beyond_nonce(delivery):
            found = self.known(delivery.key) or await self._in_history(delivery, channel_id)
            if found is not None:
                return found
        return await self.post(delivery.key, lambda: self._attempt(delivery, channel_id))

    async def _attempt(self, delivery: Delivery, channel_id: int) -> discord.Message:
        payload, more = delivery.payload, dict[str, Any](suppress_embeds=True)
        if payload.get("card", {}).get("url"):
            more["view"] = cards.view_of(**payload["card"])
        if payload.get("file"):
            more["file"] = await asyncio.to_thread(_attachment, delivery)
        if "question" in payload:
            asked = Asked.of(delivery, payload["question"])
            await asyncio.to_thread(self._book.put, delivery.key, asked)  # before the send: a click finds it
            more["view"] = view_of(delivery.key, asked)
        if delivery.decision is not None:
            more["view"] = decisions.view_of(delivery.decision)
        if delivery.judged:
            more["view"] = judging.view_of(delivery.key)
        if "view" in more:
            more["view"] = telling.in_language(more["view"], delivery.language)
        if _is_reply(delivery):
            more["reference"] = discord.MessageReference(
                message_id=int(delivery.answers), channel_id=channel_id, fail_if_not_exists=False
            )
        channel = self._client.get_partial_messageable(channel_id)
        if delivery.mentions:
            people = [discord.Object(int(user)) for user in wire.people(delivery.mentions)]
            more["allowed_mentions"] = discord.AllowedMentions(everyone=False, roles=False, users=people)
        try:
            return await channel.send(
                framing.framed(delivery, self._faces) or None, nonce=delivery.key, **more
            )
        except discord.HTTPException as error:
            if error.code == errors.TOO_LARGE or error.status == 413:
                raise Rejected(f"the file is larger than is taken here: {self._most(delivery)}") from error
            raise

    def _most(self, delivery: Delivery) -> str:
        """What a file may have where this goes; boosts raise it."""
        guild = self._client.get_guild(int(delivery.address.workspace_id or 0))
        limit = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES if guild is None else guild.filesize_limit
        return f"at most {limit // 1024**2} MiB"

    async def _edit(self, delivery: Delivery, text: str) -> Receipt:
        await self._target(delivery).edit(content=text)
        return Receipt(delivery.target)

    async def _react(self, delivery: Delivery, name: str) -> Receipt:
        shown = self._emoji(delivery, name)
        try:
            await self._target(delivery).add_reaction(shown)
        except discord.NotFound as error:
            if error.code != errors.UNKNOWN_MESSAGE or not delivery.address.thread_id:
                raise
            # A reply to a post was written in the channel and is answered in the thread of the post.
            channel = self._client.get_partial_messageable(int(delivery.address.platform_id))
            await channel.get_partial_message(int(delivery.target)).add_reaction(shown)
        return Receipt(delivery.target)

    async def remove(self, place: Address, message_id: str) -> None:
        with errors.translated():
            try:
                await self._message(place, message_id).delete()
            except discord.NotFound:
                return

    async def close_question(self, place: Address, message_id: str, line: str) -> None:
        with errors.translated():
            try:
                message = await self._message(place, message_id).fetch()
            except discord.NotFound:
                return
            if message.components:
                await message.edit(content=telling.with_line(message.content, f"⌛ {line}"), view=None)

    def _target(self, delivery: Delivery) -> discord.PartialMessage:
        return self._message(delivery.address, delivery.target)

    def _message(self, place: Address, message_id: str) -> discord.PartialMessage:
        parent = self._client.get_channel(int(place.platform_id))
        room = places.room_of(place, message_id, parent)
        return self._client.get_partial_messageable(room).get_partial_message(int(message_id))

    def _emoji(self, delivery: Delivery, name: str) -> str | discord.Emoji:
        if not name.isascii():
            return name
        guild = self._client.get_guild(int(delivery.address.workspace_id or 0))
        own: Sequence[discord.Emoji] = guild.emojis if guild is not None else ()
        custom = next((one for one in own if one.name == name), None)
        found = emoji.sign(name)
        if custom is None and not found:
            raise Rejected(f"there is no emoji {name!r}")
        return custom or found

    async def _in_history(self, delivery: Delivery, room: int) -> Receipt | None:
        """The bot's message that looks like this one, posted since the first attempt, that is no other key's.

        Nor is it older than what it answers, by Discord's own clock: "Done." may have been said before.
        """
        began = datetime.fromtimestamp((delivery.first_attempt_at - CLOCK_SKEW) / 1000, UTC)
        asked = int(delivery.answers) if delivery.answers.isdecimal() else 0
        since = discord.Object(max(discord.utils.time_snowflake(began), asked))
        channel = self._client.get_partial_messageable(room)
        me = self._client.user
        try:
            async for message in channel.history(after=since, oldest_first=True, limit=500):
                if isinstance(message, Unread):
                    continue
                mine = me is not None and message.author.id == me.id and message.id not in self._ids
                if mine and _looks_like(message, delivery):
                    self._remember(delivery.key, message.id)
                    return Receipt(str(message.id))
        except discord.NotFound:
            return None  # not even the thread was opened
        return None

    def _remember(self, nonce: str, message_id: int) -> None:
        if not nonce:
            return
        self._own[nonce] = message_id
        self._ids.add(message_id)
        while len(self._own) > REMEMBERED:
            self._ids.discard(self._own.popitem(last=False)[1])


def _beyond_nonce(delivery: Delivery) -> bool:
    """Whether Discord may have forgotten the nonce of the first attempt."""
    return time.time_ns() // 1_000_000 - delivery.first_attempt_at >= NONCE_WINDOW


def _looks_like(message: discord.Message, delivery: Delivery) -> bool:
    """By its buttons where they name the key, else by its words and its file."""
    if "question" in delivery.payload:
        return any(id_.startswith(f"dovecote:{delivery.key}:") for id_ in buttons_of(message))
    if bool(message.attachments) != bool(delivery.payload.get("file")):
        return False
    if message.attachments and not _same_name(message.attachments[0].filename, delivery.payload["name"]):
        return False
    return framing.bare(message.content) == framing.bare(framing.worded(delivery))


def buttons_of(message: discord.Message) -> list[str]:
    """The ids of a message's buttons."""
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    return [child.custom_id for row in rows for child in row.children if child.custom_id]


def _same_name(shown: str, given: str) -> bool:
    """Discord replaces what it does not like in a file's name."""
    plain = re.sub(r"[^0-9A-Za-z]", "", given or "file")
    return re.sub(r"[^0-9A-Za-z]", "", shown) == plain


def _is_reply(delivery: Delivery) -> bool:
    """In a thread or DM the order says what answers what; in a channel of many voices a reply does."""
    address = delivery.address
    return bool(delivery.answers and address.workspace_id and not address.thread_id)


def _attachment(delivery: Delivery) -> discord.File:
    found = io.BytesIO(documents.attached(delivery, "file"))
    name, comment = delivery.payload["name"] or "file", str(delivery.payload.get("content") or "")
    return discord.File(found, filename=name, description=downloads.described(name, comment) or None)

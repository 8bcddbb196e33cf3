"""The message that shows a long turn while it works: posted once, edited at leisure, found again by its Stop button.

Histories leave nonces out but keep components: the button's id holds the key, so that whoever looks after a crash
finds this very message, whatever it said by then.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Self

import discord
from discord import ui

from bots.common import live as common
from bots.common.faces import Faces
from bots.common.latest import Latest
from bots.discord.client import errors, places, telling
from bots.discord.client.parsing import Unread
from bots.discord.sending import framing
from bots.discord.sending.outbox import CLOCK_SKEW, Outbox, buttons_of
from bots.discord.sending.threads import Threads
from bots.markup import clean
from bots.markup import discord as markup
from host.ports.bot import Live, Receipt
from host.words import say, told

EDIT_EVERY = 2.0  # s between two edits in one channel; Discord takes about one a second
SHOWN = (1_600, 800, 400)  # characters of an answer under way: the first length whose rendering fits
LOOKED_THROUGH = 500  # messages of the history
GONE = (errors.UNKNOWN_MESSAGE, errors.UNKNOWN_CHANNEL)


class LiveMessages:
    def __init__(self, client: discord.Client, threads: Threads, outbox: Outbox, faces: Faces) -> None:
        self._client = client
        self._faces = faces
        self._threads = threads
        self._outbox = outbox
        self._edits: Latest[tuple[discord.PartialMessage, str]] = Latest(_edit, EDIT_EVERY)  # by channel

    async def open(self, live: Live) -> Receipt:
        """Raises `DeliveryError`, as all of these do."""
        with errors.translated():
            channel = self._client.get_partial_messageable(await self._threads.open(live.address))
            view = ui.View(timeout=None)
            view.add_item(StopButton(live.key))
            view = telling.in_language(view, live.language)
            return await self._outbox.post(
                live.key,
                lambda: channel.send(self._said(live), nonce=live.key, view=view, suppress_embeds=True),
            )

    async def find(self, live: Live) -> Receipt | None:
        if (known := self._outbox.known(live.key)) is not None:
            return known
        since = datetime.fromtimestamp((live.opened_at - CLOCK_SKEW) / 1000, UTC) if live.opened_at else None
        channel = self._client.get_partial_messageable(places.channel_id(live.address))
        with errors.translated():
            try:
                async for message in channel.history(limit=LOOKED_THROUGH):
                    if isinstance(message, Unread):
                        continue
                    if since is not None and message.created_at < since:
                        return None
                    if message.author == self._client.user and _button_id(live.key) in buttons_of(message):
                        return Receipt(str(message.id))
            except discord.NotFound:
                return None  # not even the thread was opened
        return None

    def update(self, live: Live, message_id: str) -> None:
        message = self._message(live, message_id)
        self._edits.offer(str(message.channel.id), (message, self._said(live)))

    async def remove(self, live: Live, message_id: str) -> None:
        message = self._message(live, message_id)
        await self._edits.end(str(message.channel.id))
        with errors.translated():
            try:
                await message.delete()
            except discord.NotFound as error:
                if error.code not in GONE:
                    raise

    async def close(self) -> None:
        await self._edits.close()

    def _said(self, live: Live) -> str:
        return said(live, framing.named(live.agent, self._faces))

    def _message(self, live: Live, message_id: str) -> discord.PartialMessage:
        channel = self._client.get_partial_messageable(places.channel_id(live.address))
        return channel.get_partial_message(int(message_id))


class StopButton(ui.DynamicItem[ui.Button[ui.View]], template=r"dovecote:stop:(?P<key>[0-9A-Za-z_-]{1,20})"):
    """Ends the turn, as `/stop` would: whoever may do that may press it."""

    def __init__(self, key: str) -> None:
        super().__init__(ui.Button(label=say("Stop"), custom_id=_button_id(key)))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["key"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.commands.stop(interaction)


async def _edit(newest: tuple[discord.PartialMessage, str]) -> None:
    message, text = newest
    with errors.translated():
        await message.edit(content=text)


def said(live: Live, who: str = "") -> str:
    """A line about what is going on and `who` is at it, the plan, and the end of what is written so far. Pure.

    As it was written: to render a text takes as long as whoever wrote it likes, and this is the loop of all.
    """
    status = telling.literal(common.status_line(live.status, writing=bool(live.text)).told(live.language))
    status = f"{who} {status}" if who else status
    far = common.done_of(live.plan).told(live.language)
    head = f"-# ⏳ {status}{common.lasting(live.minutes).told(live.language)}"
    head = f"{head} ({far})" if far else head
    steps = "\n".join([head, *told(common.checklist(live.plan, _step), live.language)])
    head = steps if clean.units(steps) < markup.CHUNK else head
    gap = "\n\n" if live.plan else "\n"
    room = markup.CHUNK - len(head) - len(gap)
    for most in SHOWN if live.text else ():
        written = markup.quiet(common.tail(live.text, most))
        written += "\n```" if common.open_fence(written) else ""
        if clean.units(written) <= room:
            return f"{head}{gap}{written}"
    return head


def _step(text: str) -> str:
    return telling.literal(text)


def _button_id(key: str) -> str:
    return f"dovecote:stop:{key}"

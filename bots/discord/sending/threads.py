"""Opening the thread a conversation lives in: when its first words are sent, and only once however often it is tried.

A thread that is opened from a message has the message's id, so the address names it before it exists.
"""

from __future__ import annotations

from collections import OrderedDict

import discord

from bots.discord.client import errors, places
from host.ports.bot import Rejected
from sessiondb import Address

LONGEST_NAME = 100  # characters
MOST_OPEN = 10_000  # threads that are known to be there
NAMED = 2_000  # questions kept to name threads from


class Threads:
    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._names: OrderedDict[int, str] = OrderedDict()
        self._open: set[int] = set()

    def asked(self, message_id: str, text: str) -> None:
        """What a thread opened from this message will be named after."""
        self._names[int(message_id)] = text
        while len(self._names) > NAMED:
            self._names.popitem(last=False)

    async def open(self, address: Address) -> int:
        """The id of the channel to post to; the thread is there when it returns. Raises as discord.py does."""
        target = places.channel_id(address)
        if not address.thread_id or target in self._open or self._cached(address, target):
            return target
        if address.thread_id != address.platform_id and not await self._exists(target):
            await self._create(address, target)
        if len(self._open) >= MOST_OPEN:
            self._open.clear()  # they are looked for again
        self._open.add(target)
        return target

    async def entitle(self, address: Address, title: str, question: str) -> None:
        """Raises as discord.py does. A person's name for it stays, as does that of a thread which somebody else opened."""
        target, me = places.channel_id(address), self._client.user
        thread = await self._client.fetch_channel(target)
        ours = {thread_name(text) for text in (question, self._names.get(target, question))}
        if not isinstance(thread, discord.Thread) or me is None or thread.owner_id != me.id:
            return
        if thread.name in ours and thread.name != title and not thread.archived:
            await thread.edit(name=title)

    def _cached(self, address: Address, target: int) -> bool:
        guild = self._client.get_guild(int(address.workspace_id or 0))
        return guild is not None and guild.get_thread(target) is not None

    async def _exists(self, target: int) -> bool:
        if target in self._names:
            return False  # the question that is about to open it
        try:
            await self._client.fetch_channel(target)
        except discord.NotFound:
            return False
        return True

    async def _create(self, address: Address, target: int) -> None:
        channel = self._client.get_partial_messageable(int(address.platform_id))
        question = channel.get_partial_message(target)
        try:
            name = self._names.get(target)
            if name is None:
                name = (await question.fetch()).clean_content
            await self._client.http.start_thread_with_message(
                channel.id, target, name=thread_name(name), auto_archive_duration=1440
            )
        except discord.HTTPException as error:
            if error.code == errors.UNKNOWN_MESSAGE:
                raise Rejected("the message that opened the conversation was deleted") from error
            if error.code != errors.THREAD_EXISTS:
                raise


def thread_name(question: str) -> str:
    """The question's first line, cut at a word."""
    line = next((" ".join(line.split()) for line in question.splitlines() if line.strip()), "Conversation")
    if len(line) <= LONGEST_NAME:
        return line
    head = line[: LONGEST_NAME - 1]
    return f"{head.rsplit(' ', 1)[0] if ' ' in head[50:] else head}…"

"""Messages as Discord sent them: what the library makes of them leaves out what it does not know."""

from __future__ import annotations

from collections import OrderedDict

import discord

from bots.common.shapes import Json, number

MOST = 5_000  # as many as the library keeps


class Papers:
    def __init__(self) -> None:
        self._kept: OrderedDict[int, Json] = OrderedDict()

    def keep(self, message: Json) -> None:
        self._kept[number(message.get("id"))] = message
        self._kept.move_to_end(number(message.get("id")))
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def get(self, message_id: int) -> Json | None:
        return self._kept.get(message_id)

    def of(self, said: discord.Message) -> Json:
        """At least what the library knows for sure."""
        plain = {"id": str(said.id), "type": said.type.value, "content": said.content}
        return self._kept.get(said.id) or plain

"""Buttons and forms of ours that nobody here knows any more, from an older version or a list that was cut off."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import discord

from bots.discord.client import telling
from host.words import say

OURS = "dovecote:"
NOT_KNOWN = say("I do not know this any more, so it changes nothing.")
PRESSED = (discord.InteractionType.component, discord.InteractionType.modal_submit)


async def tell(interaction: discord.Interaction[Any], known: Sequence[re.Pattern[str]]) -> None:
    """Their author alone is told. Whatever fits one of the patterns is somebody's who answers it."""
    data: Mapping[str, Any] = interaction.data or {}
    id_ = str(data.get("custom_id", ""))
    if interaction.type not in PRESSED or not id_.startswith(OURS):
        return
    if not any(pattern.fullmatch(id_) for pattern in known):
        await telling.whisper(interaction, NOT_KNOWN)

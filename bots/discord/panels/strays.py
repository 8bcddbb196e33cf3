"""Buttons and forms of ours that nobody here knows any more, from an older version or a list that was cut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import discord

from bots.discord.client import telling
from host.words import say

OURS = "dovecote:"
NOT_KNOWN = say("I do not know this any more, so it changes nothing.")
PRESSED = (discord.InteractionType.component, discord.InteractionType.modal_submit)


async def tell(interaction: discord.Interaction[Any]) -> None:
    """The author of what nobody took, alone."""
    data: Mapping[str, Any] = interaction.data or {}
    if interaction.type in PRESSED and str(data.get("custom_id", "")).startswith(OURS):
        await telling.whisper(interaction, NOT_KNOWN)

"""Telling whoever pressed, sent a form or commanded. In one place, so that none of these calls has a preview fetched.

The flag counts where a message is made; an answer that was deferred is one already, and its addresses stand in brackets.
"""

from __future__ import annotations

from typing import Any

import discord

from bots.markup import discord as markup

Interaction = discord.Interaction[Any]


async def whisper(interaction: Interaction, text: str) -> None:
    """To the person alone, whether it was deferred or not."""
    if interaction.response.is_done():
        await interaction.followup.send(text, ephemeral=True, suppress_embeds=True)
    else:
        await interaction.response.send_message(text, ephemeral=True, suppress_embeds=True)


async def say(interaction: Interaction, text: str, **more: Any) -> None:
    """As what was deferred, or what the buttons stand below, reads from now on."""
    await interaction.edit_original_response(content=markup.unfetched(text), **more)


async def close(interaction: Interaction, line: str) -> None:
    """The buttons go; below what stood there, as safe as it was posted, stands what came of it."""
    if interaction.message is None:
        return
    line = f"\n\n✔ {markup.unfetched(line)}"
    before = interaction.message.content[: markup.CHUNK - len(line)]
    await interaction.edit_original_response(content=before + line, view=None)

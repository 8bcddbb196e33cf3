"""Telling whoever pressed, sent a form or commanded. In one place, so that none of these calls has a preview fetched.

The flag counts where a message is made; an answer that was deferred is one already, and its addresses stand in brackets.
"""

from __future__ import annotations

from typing import Any

import discord

from bots.markup import discord as markup

Interaction = discord.Interaction[Any]


def literal(text: str) -> str:
    """What somebody is called or wrote, every mark as it came. The library takes the meaning of a line's first link alone."""
    return markup.quiet(discord.utils.escape_markdown(text))


async def whisper(interaction: Interaction, text: str) -> None:
    """To the person alone, whether it was deferred or not."""
    if interaction.response.is_done():
        await interaction.followup.send(text, ephemeral=True, suppress_embeds=True)
    else:
        await interaction.response.send_message(text, ephemeral=True, suppress_embeds=True)


async def say(interaction: Interaction, text: str, **more: Any) -> None:
    """As what was deferred, or what the buttons stand below, reads from now on."""
    await interaction.edit_original_response(content=markup.unfetched(text), **more)


async def close(interaction: Interaction, line: str, *, instead_of: str = "") -> None:
    """The buttons go; below what stood there, as safe as it was posted, stands what came of it."""
    if interaction.message is None:
        return
    content = with_line(interaction.message.content, f"✔ {line}", instead_of=instead_of)
    await interaction.edit_original_response(content=content, view=None)


def with_line(content: str, line: str, *, instead_of: str = "") -> str:
    """What stood there with a line below, in the place of an earlier one that begins like `instead_of`."""
    before = (
        content.rpartition(f"\n\n{instead_of}")[0]
        if instead_of and f"\n\n{instead_of}" in content
        else content
    )
    line = f"\n\n{markup.unfetched(line)}"
    return before[: markup.CHUNK - len(line)] + line

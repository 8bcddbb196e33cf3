"""Telling whoever pressed, sent a form or commanded. In one place, so that none of these calls has a preview fetched.

The flag counts where a message is made; an answer that was deferred is one already, and its addresses stand in brackets.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, TypeVar

import discord
from discord import ui

from bots.common import words as common
from bots.discord.client import errors
from bots.discord.reading import events
from bots.markup import discord as markup
from host import words
from host.words import ENGLISH, Sentence, say, spoken

log = logging.getLogger(__name__)

NOT_HERE = say("Agents do not work here.")
Interaction = discord.Interaction[Any]
T = TypeVar("T")
PATIENCE = 1.0  # s of the three that Discord waits for an answer
_SHOWN: tuple[tuple[type[Any], tuple[str, ...]], ...] = (  # what people read of each
    (ui.TextDisplay, ("content",)),
    (ui.Button, ("label",)),
    (ui.Select, ("placeholder",)),
    (ui.TextInput, ("placeholder",)),
    (ui.Label, ("text", "description")),
)


async def language_of(interaction: Interaction) -> str:
    """In which its author is answered; where that is not known at once, as they read Discord."""
    viewer = events.viewer(interaction)
    if viewer is not None:
        try:
            async with asyncio.timeout(PATIENCE):
                language: str = await interaction.client.host.controls.language(viewer)
                return language
        except TimeoutError:
            pass
    return spoken(str(interaction.locale)) or ENGLISH


async def told(interaction: Interaction, said: T) -> T:
    """Words, a panel or a form in that language."""
    return in_language(said, await language_of(interaction))


def in_language(said: T, language: str) -> T:
    if not isinstance(said, ui.View | ui.LayoutView | ui.Modal):
        return words.told(said, language)
    if isinstance(said, ui.Modal):
        said.title = words.told(said.title, language)
    for item in said.walk_children():
        shown: Any = item.item if isinstance(item, ui.DynamicItem) else item
        for name in next((names for kind, names in _SHOWN if isinstance(shown, kind)), ()):
            if isinstance(text := getattr(shown, name, None), Sentence):
                setattr(shown, name, text.told(language))
        for option in getattr(shown, "options", ()):
            option.label = words.told(option.label, language)
    return said


def literal(text: str) -> str:
    """What somebody is called or wrote, every mark as it came. The library takes the meaning of a line's first link alone."""
    return markup.quiet(discord.utils.escape_markdown(text))


async def whisper(interaction: Interaction, text: str) -> None:
    """To the person alone, whether it was deferred or not."""
    text = await told(interaction, text)
    if interaction.response.is_done():
        await interaction.followup.send(text, ephemeral=True, suppress_embeds=True)
    else:
        await interaction.response.send_message(text, ephemeral=True, suppress_embeds=True)


async def broke(interaction: Interaction) -> None:
    """What somebody did was not carried out, or not to its end: they are told."""
    try:
        await whisper(interaction, common.BUSY)
    except (discord.DiscordException, *errors.TRANSPORT) as again:
        log.info("Its author could not be told: %s", again, extra={"action": "interaction_broke"})


async def tell(interaction: Interaction, text: str, **more: Any) -> None:
    """As what was deferred, or what the buttons stand below, reads from now on."""
    language = await language_of(interaction)
    if "view" in more:
        more["view"] = in_language(more["view"], language)
    text = markup.unfetched(words.told(text, language))
    await interaction.edit_original_response(content=text, **more)


async def close(interaction: Interaction, line: str, *, instead_of: str = "") -> None:
    """The buttons go; below what stood there, as safe as it was posted, stands what came of it."""
    content = with_line(await standing(interaction), f"✔ {line}", instead_of=instead_of)
    await interaction.edit_original_response(content=content, view=None)


async def standing(interaction: Interaction) -> str:
    """What stands above the buttons: asked for where the click, which was deferred, did not bring it."""
    brought = getattr(interaction.message, "content", None)
    return brought if isinstance(brought, str) else (await interaction.original_response()).content


def with_line(content: str, line: str, *, instead_of: str = "") -> str:
    """What stood there with a line below, in the place of an earlier one that begins like `instead_of`."""
    before = (
        content.rpartition(f"\n\n{instead_of}")[0]
        if instead_of and f"\n\n{instead_of}" in content
        else content
    )
    line = f"\n\n{markup.unfetched(line)}"
    return before[: markup.CHUNK - len(line)] + line

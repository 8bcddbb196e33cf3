"""Buttons. A click is recognised by its button's id alone: the library would also have the message with the button in it, and
passes over a click that comes without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import ui

Kind = type[ui.DynamicItem[Any]]


async def pressed(interaction: discord.Interaction[Any], kinds: Sequence[Kind]) -> bool:
    """False for what is no click on a button of these kinds."""
    if interaction.type is not discord.InteractionType.component:
        return False
    data: Mapping[str, Any] = interaction.data or {}
    for kind in kinds:
        match = kind.__discord_ui_compiled_template__.fullmatch(str(data.get("custom_id", "")))
        if match is not None:
            item: ui.Button[Any] = ui.Button(custom_id=match[0])
            button = await kind.from_custom_id(interaction, item, match)
            await button.callback(interaction)
            return True
    return False

"""An agent's card as Components V2: a box with its words, and a button that says where its address leads. Pure."""

from __future__ import annotations

import discord
from discord import ui

from bots.discord.panels.panels import COLOUR
from host.words import say

LONGEST_LABEL = 80  # characters of a button's


def view_of(text: str, url: str = "", place: str = "") -> ui.LayoutView:
    """`place` is the host that the address names."""
    box: ui.Container[ui.LayoutView] = ui.Container(ui.TextDisplay(text), accent_colour=COLOUR)
    if url:
        label = say("Open {place}", place=place[: LONGEST_LABEL // 2])
        box.add_item(ui.ActionRow(ui.Button(style=discord.ButtonStyle.link, label=label, url=url)))
    view = ui.LayoutView(timeout=None)
    view.add_item(box)
    return view


def words_of(message: discord.Message) -> str:
    """What a card says, by which it is found again."""
    said = [
        part.content
        for box in message.components
        if isinstance(box, discord.Container)
        for part in box.children
        if isinstance(part, discord.TextDisplay)
    ]
    return "\n".join(said).strip()

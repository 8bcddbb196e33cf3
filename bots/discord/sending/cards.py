"""An agent's card: its words quoted, and a button below that says where its address leads. Pure.

It is no box of components: a message of these has no words of its own, and its notification is empty.
"""

from __future__ import annotations

import discord
from discord import ui

from host.words import say

QUOTED = ">>> "
LONGEST_LABEL = 80  # characters of a button's


def view_of(url: str, place: str) -> ui.View:
    """`place` is the host that the address names."""
    label = say("Open {place}", place=place[: LONGEST_LABEL // 2])
    view = ui.View(timeout=None)
    view.add_item(ui.Button(style=discord.ButtonStyle.link, label=label, url=url))
    return view

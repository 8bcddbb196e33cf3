"""What an owner is asked to decide, as buttons that outlive the process: a stranger's access, a budget's raise.

The button's id holds the request and the choice. Who may decide, and which decision counts, is the host's to say.
"""

from __future__ import annotations

import re
from typing import Any, Self

import discord
from discord import ui

from bots.common import words
from bots.discord.client import telling
from bots.discord.reading import events
from host.ports.bot import Decision, HostBusy, Ingest, Rejected
from host.ports.controls import TRY, Forbidden
from host.words import Sentence

LONGEST_LABEL = 80  # characters of a button's

_ID = re.compile(r"dovecote:decide:(?P<choice>[^:\s]{1,23}):(?P<request>\S{1,60})")  # Discord takes a hundred


class DecisionButton(ui.DynamicItem[ui.Button[ui.View]], template=_ID):
    def __init__(self, request: str, choice: str, label: str = "?", *, first: bool = False) -> None:
        style = discord.ButtonStyle.primary if first else discord.ButtonStyle.secondary
        id_ = _button_id(request, choice)
        label = label if isinstance(label, Sentence) else label[:LONGEST_LABEL]
        super().__init__(ui.Button(label=label, custom_id=id_, style=style))
        self._request = request
        self._choice = choice

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["request"], match["choice"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer()
        host: Ingest = interaction.client.host
        viewer = events.viewer(interaction)
        if viewer is None:
            await telling.whisper(interaction, telling.NOT_HERE)
            return
        try:
            outcome = await host.controls.decide(viewer, self._request, self._choice)
        except Forbidden as error:
            await telling.whisper(interaction, str(error))
        except HostBusy:
            await telling.whisper(interaction, words.BUSY)
        else:
            if self._choice == TRY:  # which decides nothing
                await telling.whisper(interaction, telling.literal(outcome))
            else:
                await _close(interaction, outcome)


def view_of(decision: Decision) -> ui.View:
    """Raises `Rejected` for what no button can hold."""
    view = ui.View(timeout=None)
    for number, (value, label) in enumerate(decision.choices):
        if _ID.fullmatch(button_id := _button_id(decision.request, value)) is None:
            raise Rejected(f"no button can hold this choice: {button_id}")
        view.add_item(DecisionButton(decision.request, value, label, first=number == 0))
    return view


def _button_id(request: str, choice: str) -> str:
    return f"dovecote:decide:{choice}:{request}"


async def _close(interaction: discord.Interaction[Any], outcome: str) -> None:
    """The buttons go; what was decided stays, and by whom, which the host's line says."""
    await telling.close(interaction, telling.literal(" ".join(outcome.split()))[:400])

"""👍 and 👎 under an answer as buttons that outlive the process, and the form after a 👎."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any, Literal, Self, cast

import discord
from discord import ui

from bots.common import judging, words
from bots.common.judging import PRESSED
from bots.discord.client import errors, telling
from bots.discord.panels.forms import Values
from bots.discord.reading import events
from host.ports.bot import HostBusy, Ingest
from host.ports.controls import Forbidden, Judged

log = logging.getLogger(__name__)

BUTTON = r"dovecote:judge:(?P<choice>good|bad):(?P<answer>[0-9a-f]{1,20})"
AGAIN = r"dovecote:judge:again:(?P<answer>[0-9a-f]{1,20})"
FORM = r"dovecote:judge:(?P<answer>[0-9a-f]{1,20})"


class JudgeButton(ui.DynamicItem[ui.Button[ui.View]], template=BUTTON):
    def __init__(self, answer: str, choice: Literal["good", "bad"]) -> None:
        emoji, _ = PRESSED[choice]
        super().__init__(ui.Button(emoji=emoji, custom_id=f"{judging.DISCORD_ID}{choice}:{answer}"))
        self._answer = answer
        self._choice = choice

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["answer"], cast(Literal["good", "bad"], match["choice"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Answered first: Discord waits three seconds, a disk may take longer. A form has to be that answer itself."""
        if self._choice == "bad":
            models = await judging.models_for(interaction.client.host, self._answer)
            shown = await telling.told(interaction, form(self._answer, models))
            try:
                await interaction.response.send_modal(shown)
            except (
                discord.DiscordException,
                *errors.TRANSPORT,
            ) as error:  # whoever pressed may see it all the same
                log.info("Nobody was asked why: %s", type(error).__name__)
        else:
            await interaction.response.defer(ephemeral=True, thinking=True)
        said = Judged(self._answer, self._choice, _at(interaction))
        await _judge(interaction, said, tell=self._choice == "good")


class AgainButton(ui.DynamicItem[ui.Button[ui.View]], template=AGAIN):
    """Has the question answered once more."""

    def __init__(self, answer: str) -> None:
        label = judging.TRY_AGAIN
        super().__init__(ui.Button(label=label, custom_id=f"{judging.DISCORD_ID}{judging.AGAIN}:{answer}"))
        self._answer = answer

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["answer"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await _again(interaction, self._answer, "")


def view_of(answer: str) -> ui.View:
    view = ui.View(timeout=None)
    for choice in PRESSED:
        view.add_item(JudgeButton(answer, choice))
    view.add_item(AgainButton(answer))
    return view


def form(answer: str, models: Sequence[str] = ()) -> ui.Modal:
    shown = ui.Modal(title=judging.TITLE, custom_id=f"{judging.DISCORD_ID}{answer}")
    reason: ui.TextInput[ui.Modal] = ui.TextInput(
        style=discord.TextStyle.paragraph,
        custom_id=judging.REASON,
        required=False,
        max_length=judging.LONGEST,
    )
    shown.add_item(ui.Label(text=judging.LABEL, description=judging.HINT, component=reason))
    if models:
        menu: ui.Select[Any] = ui.Select(
            custom_id=judging.MODEL,
            placeholder=judging.NO_MODEL,
            options=[discord.SelectOption(label=model, value=model) for model in models],
            min_values=0,
            required=False,
        )
        shown.add_item(ui.Label(text=judging.MODEL_LABEL, component=menu))
    return shown


async def explained(interaction: discord.Interaction[Any], match: re.Match[str], values: Values) -> None:
    """The form was sent, with words or without."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    said = Judged(match["answer"], "bad", _at(interaction), values.get(judging.REASON, ""))
    await _judge(interaction, said, tell=True)
    if model := values.get(judging.MODEL, ""):
        await _again(interaction, said.answer, model)


async def _again(interaction: discord.Interaction[Any], answer: str, model: str) -> None:
    host: Ingest = interaction.client.host
    viewer = events.viewer(interaction)
    try:
        line = "" if viewer is None else await host.controls.again(viewer, answer, model)
    except Forbidden as error:
        line = str(error)
    except HostBusy:
        line = words.BUSY
    await telling.whisper(interaction, line or words.NOT_TAKEN)


async def _judge(interaction: discord.Interaction[Any], said: Judged, *, tell: bool) -> None:
    """`tell`: the person sees nothing else of it."""
    host: Ingest = interaction.client.host
    viewer = events.viewer(interaction)
    try:
        line, tell = ("", True) if viewer is None else (await host.controls.judge(viewer, said), tell)
    except Forbidden as error:
        line, tell = str(error), True
    except HostBusy:
        line, tell = words.BUSY, True
    if tell:
        await telling.whisper(interaction, line or words.NOT_TAKEN)


def _at(interaction: discord.Interaction[Any]) -> int:
    return int(interaction.created_at.timestamp() * 1000)

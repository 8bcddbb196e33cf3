"""What owners say about a channel: three forms, for one of Discord's has five fields, and the versions in words."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import discord
from discord import ui

from bots.common import words
from bots.common.rules import WrongInput
from bots.discord.client import telling
from bots.discord.commands.tree import LIMITS, SHOWN
from bots.discord.panels import rules
from bots.discord.panels.forms import Values
from host.ports.bot import Ingest
from host.ports.controls import ChannelRules, Forbidden, Outdated
from host.ports.events import Viewer
from host.words import say

FORM_PATIENCE = 2.0  # s to find out what a form shows; it cannot be deferred
Interaction = discord.Interaction[Any]
Say = Callable[[Interaction, str], Awaitable[None]]


class Configuring:
    """`whisper` answers at once, `say` after a deferral; both tell the person alone."""

    def __init__(self, host: Ingest, whisper: Say, say: Say) -> None:
        self._host = host
        self._whisper = whisper
        self._say = say

    async def form(self, interaction: Interaction, viewer: Viewer, part: str) -> None:
        controls = self._host.controls
        if not controls.is_owner(viewer):
            await self._whisper(interaction, await telling.told(interaction, words.OWNERS_ONLY))
            return
        try:
            async with asyncio.timeout(FORM_PATIENCE):
                shown = await self._form(interaction, viewer, part)
        except Forbidden as error:
            await self._whisper(interaction, str(error))
        except TimeoutError:
            await self._whisper(interaction, await telling.told(interaction, words.BUSY))
        else:
            await interaction.response.send_modal(await telling.told(interaction, shown))

    async def _form(self, interaction: Interaction, viewer: Viewer, part: str) -> ui.Modal:
        controls = self._host.controls
        now = await controls.rules(viewer)
        if part == SHOWN:
            return rules.shown(now, controls.models())
        if part != LIMITS:
            return rules.form(now, controls.agents(), controls.models())
        roles = {str(role.id) for role in interaction.guild.roles} if interaction.guild else set()
        return rules.limits(now, await controls.tools(viewer), roles)

    async def entered(
        self, interaction: Interaction, viewer: Viewer, form: re.Match[str], entered: Values
    ) -> None:
        """What the other forms ask stays as it holds now; that it is what this one showed, its version says."""
        held = replace(await self._host.controls.rules(viewer), version=int(form[1]))
        try:
            wanted = rules.entered(form, entered, held)
        except WrongInput as error:
            await self._say(interaction, say("Nothing was changed. {reason}", reason=error.text))
            return
        await self._set(interaction, viewer, wanted, entered)

    async def _set(
        self, interaction: Interaction, viewer: Viewer, wanted: ChannelRules, entered: Values
    ) -> None:
        try:
            await self._say(interaction, await self._host.controls.set_rules(viewer, wanted))
        except Outdated as error:  # a form cannot be answered by a form: what they wrote is given back
            await self._say(
                interaction,
                say("{changed} Here is what you wrote; `/config` opens the form anew.", changed=str(error)),
            )
            await interaction.followup.send(
                file=discord.File(io.BytesIO(_written(entered)), "yours.txt"), ephemeral=True
            )


def _written(entered: Values) -> bytes:
    return "\n".join(f"{name}: {value}" for name, value in entered.items()).encode("utf-8", "replace")

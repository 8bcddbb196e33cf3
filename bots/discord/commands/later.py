"""A message is made a reminder or a task: a form asks when, what was understood is said back, and a button confirms it."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import discord
from discord import ui

from bots.common import words
from bots.discord.client import errors, telling
from bots.discord.panels import panels
from bots.discord.panels.forms import Values
from bots.discord.questions import decisions
from bots.discord.reading import events, saying
from host.ports.bot import Decision, HostBusy, Ingest
from host.ports.controls import TRY, Forbidden, Later, Offer
from host.words import say

FORM = r"dovecote:later:(?P<channel>\d{1,20}):(?P<message>\d{1,20})"
WHEN, WHAT, ZONE = "when", "what", "zone"
MOST = 500  # messages that are remembered until their form comes back
GONE = say("I do not see that message any more: choose it once more.")
CHOICES = (("yes", say("Yes, do it")), (TRY, words.TRY_FIRST), ("no", say("No")))
Interaction = discord.Interaction[Any]


class Laters:
    def __init__(self, client: discord.Client, host: Ingest) -> None:
        self._client = client
        self._host = host
        self._chosen: OrderedDict[int, Later] = OrderedDict()

    async def chosen(self, interaction: Interaction, message: discord.Message, found: dict[str, Any]) -> None:
        """A form has to be the answer itself; the message as it was shown is remembered meanwhile."""
        self._remember(interaction, message, found)
        await interaction.response.send_modal(await telling.told(interaction, _form(message)))

    async def submitted(self, interaction: Interaction, match: re.Match[str], entered: Values) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        about = await self._about(interaction, int(match["channel"]), int(match["message"]))
        viewer = events.viewer(interaction)
        if about is None or viewer is None:
            await telling.tell(interaction, GONE)
            return
        wanted = Later(entered.get(WHEN, ""), entered.get(WHAT, ""), about.text, about.author, about.link)
        wanted = replace(wanted, zone=entered.get(ZONE, ""))
        try:
            offer = await self._host.controls.offer(viewer, wanted)
        except (Forbidden, HostBusy) as error:
            told = str(error) if isinstance(error, Forbidden) else await telling.told(interaction, words.BUSY)
            await telling.tell(interaction, panels.short(told, 1_500))
            return
        shown = _offered(offer)
        view = decisions.view_of(Decision(offer.request, CHOICES))
        await telling.tell(interaction, shown, view=view)

    def _remember(self, interaction: Interaction, message: discord.Message, found: dict[str, Any]) -> None:
        spoken = saying.said(found, events.names_for(interaction.client, interaction.guild, found))
        self._chosen[message.id] = Later("", "", spoken.text, message.author.display_name, message.jump_url)
        while len(self._chosen) > MOST:
            self._chosen.popitem(last=False)

    async def _about(self, interaction: Interaction, channel: int, message: int) -> Later | None:
        """As it was chosen, or, by a bot that was started anew meanwhile, as it reads now."""
        if message not in self._chosen:
            try:
                found = await self._client.get_partial_messageable(channel).fetch_message(message)
            except (discord.DiscordException, *errors.TRANSPORT):
                return None
            self._remember(interaction, found, {"content": found.content})
        return self._chosen[message]


def _form(message: discord.Message) -> ui.Modal:
    shown = ui.Modal(title=words.LATER, custom_id=f"dovecote:later:{message.channel.id}:{message.id}")
    when: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id=WHEN, max_length=200, placeholder=words.WHEN_SUCH_AS
    )
    what: ui.TextInput[ui.Modal] = ui.TextInput(
        style=discord.TextStyle.paragraph, custom_id=WHAT, required=False, max_length=1_000
    )
    shown.add_item(ui.Label(text=words.WHEN, component=when))
    zone: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id=ZONE, required=False, max_length=60, placeholder=words.ZONE_SUCH_AS
    )
    shown.add_item(ui.Label(text=words.WHAT, component=what))
    shown.add_item(ui.Label(text=words.ZONE, component=zone))
    return shown


def _offered(offer: Offer) -> str:
    """Discord shows each time by the clock of whoever reads it, which is nobody's guess."""
    times = [f"- {panels.moment(at)}" for at in offer.times]
    told = [telling.literal(offer.before)[:1_000], *times, telling.literal(offer.after)[:300]]
    return "\n".join(part for part in told if part)

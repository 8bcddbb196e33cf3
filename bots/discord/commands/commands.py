"""Application commands. Each is deferred before anything else happens, a form excepted: Discord waits three seconds.

What a command shows of tasks, costs and messages, its author alone sees.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import discord
from discord import ui

from bots.common import words
from bots.common.running import running_here
from bots.common.shapes import Json, mapping
from bots.discord.client import errors, places, telling
from bots.discord.commands.configuring import Configuring
from bots.discord.commands.later import Laters
from bots.discord.commands.tree import VERSIONS, Translations, tree_for
from bots.discord.panels import panels
from bots.discord.panels.forms import Values
from bots.discord.reading import events, saying
from bots.discord.reading.privacy import Privacies
from bots.discord.sending.threads import Threads
from bots.markup import discord as markup
from host.ports import commands
from host.ports.bot import HostBusy, Ingest
from host.ports.commands import message_named
from host.ports.controls import Forbidden, TaskOrder
from host.ports.events import EventClass, InboundEvent, IncomingFile, Ingested, Verdict, Viewer
from host.words import say
from sessiondb import Address
from sessiondb.content import Part

log = logging.getLogger(__name__)

LONGEST_SHOWN = 1_500  # characters of a question said again under its asker's name
REGISTER_AGAIN = 5.0  # s until commands that Discord did not take are registered again; doubles
LONGEST_REGISTER_AGAIN = 600.0
IN_A_THREAD = say("No agent takes part here: give it in the thread that it is about.")
Interaction = discord.Interaction[Any]


class Commands:
    """Raises nothing for what the host refuses: its author is told."""

    def __init__(self, client: discord.Client, host: Ingest, threads: Threads, privacies: Privacies) -> None:
        self._host = host
        self._threads = threads
        self._privacies = privacies
        self.laters = Laters(client, host)
        self._configuring = Configuring(host, whisper, _say)
        self.tree = tree_for(client, self)

    async def register(self) -> None:
        """Tells Discord which commands there are, until it has taken them."""
        pause = REGISTER_AGAIN
        await self.tree.set_translator(Translations())
        while True:
            try:
                await self.tree.sync()
                return
            except discord.RateLimited as error:
                pause = max(pause, error.retry_after)
            except (discord.DiscordException, *errors.TRANSPORT) as error:
                log.warning("Commands not registered: %s", error, extra={"action": "commands_failed"})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_REGISTER_AGAIN)

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────

    async def deals(self, interaction: discord.Interaction[Any]) -> bool:
        """Every host of an installation that serves is told of each; one answers."""
        try:
            return await self._host.deals(places.address_clicked(interaction))
        except HostBusy as error:  # Discord tells the person that nobody answered
            log.warning("Nothing is answered: %s", error, extra={"action": "interaction_unanswered"})
            return False

    async def ask(self, interaction: Interaction, question: str) -> None:
        await interaction.response.defer(thinking=True)
        await self._forward(interaction, question, question)

    async def ask_about(self, interaction: Interaction, message: discord.Message) -> None:
        await interaction.response.defer(thinking=True)
        found = _resolved(interaction, message)
        spoken = saying.said(found, events.names_for(interaction.client, interaction.guild, found))
        author = message.author
        part = Part("quoted", spoken.text, author=author.display_name, author_id=str(author.id))
        await self._forward(
            interaction,
            await telling.told(interaction, words.ABOUT),
            await telling.told(interaction, say("about {link}", link=message.jump_url)),
            files=spoken.files,
            parts=(part, *spoken.parts),
        )

    async def put_off(self, interaction: Interaction, message: discord.Message) -> None:
        await self.laters.chosen(interaction, message, _resolved(interaction, message))

    async def said(self, interaction: Interaction, order: str, text: str) -> None:
        """What a thread's agent is told all the same, or people among each other: `commands.SAID`."""
        if places.can_open_thread(interaction.channel):
            await whisper(interaction, IN_A_THREAD)
            return
        await interaction.response.defer(thinking=True)
        await self._forward(interaction, text, text or f"`/{order}`", value=order)

    async def _forward(
        self,
        interaction: Interaction,
        text: str,
        shown: str,
        files: tuple[IncomingFile, ...] = (),
        parts: tuple[Part, ...] = (),
        value: str = "",
    ) -> None:
        """The question stands under its asker's name; the thread of the answer opens from there."""
        address = places.address_of(interaction.channel)
        if address is None:
            await telling.tell(interaction, telling.NOT_HERE)
            return
        asked = await interaction.original_response()
        opens = str(asked.id) if places.can_open_thread(interaction.channel) else ""
        if opens:
            self._threads.asked(opens, text)
        fields: dict[str, Any] = {"text": text, "opens_thread": opens, "platform_message_id": str(asked.id)}
        fields["untitled"] = bool(opens)
        fields |= {"files": files, "parts": parts, "value": value}
        taken = await self._ingest(interaction, _event(interaction, EventClass.COMMAND, address, **fields))
        if _accepted(taken):
            who = telling.literal(interaction.user.display_name)
            try:
                shown = shown[:LONGEST_SHOWN]
                asks = say("**{person}** asks: {words}", person=who, words=shown)
                aside = say("**{person}** says: {words}", person=who, words=shown)
                await telling.tell(interaction, aside if value == commands.ASIDE else asks)
            except (discord.DiscordException, *errors.TRANSPORT) as error:
                # It is taken and will be answered: nobody is to be told to ask again.
                log.warning("A question is not shown: %s", error, extra={"action": "command_not_shown"})
            return
        await interaction.delete_original_response()  # what is refused is between the two of us
        await whisper(interaction, _refusal(taken))

    # ── stopping ─────────────────────────────────────────────────────────────────────────────────────────

    async def stop(self, interaction: Interaction) -> None:
        """In a thread or direct message what runs there; in a channel the one conversation that runs, or a choice."""
        await interaction.response.defer(thinking=True, ephemeral=True)
        viewer = events.viewer(interaction)
        if viewer is None:
            await _say(interaction, telling.NOT_HERE)
        elif places.can_open_thread(interaction.channel):
            await self._told(interaction, self._stop_one(interaction, viewer))
        else:
            event = _event(interaction, EventClass.CONTROL, viewer.address, value="stop")
            taken = await self._ingest(interaction, event)
            await _say(interaction, say("Stopping.") if _accepted(taken) else _refusal(taken))

    async def clear(self, interaction: Interaction) -> None:
        await self._ordered(interaction, commands.CLEAR)

    async def mute(self, interaction: Interaction) -> None:
        await self._ordered(interaction, commands.MUTE)

    async def _ordered(self, interaction: Interaction, name: str) -> None:
        """Like what is typed: it counts where an agent takes part."""
        await interaction.response.defer(thinking=True, ephemeral=True)
        if (viewer := events.viewer(interaction)) is None:
            await _say(interaction, telling.NOT_HERE)
            return
        order = _event(interaction, EventClass.CONTROL, viewer.address, value=name, typed=True)
        taken = await self._ingest(interaction, replace(order, mentioned=False))
        if taken is not None and taken.verdict is Verdict.IGNORED:
            await _say(interaction, IN_A_THREAD)
        else:
            await _say(interaction, words.DONE if _accepted(taken) else _refusal(taken))

    async def _stop_one(self, interaction: Interaction, viewer: Viewer) -> None:
        found = await running_here(self._host, viewer)
        if len(found) == 1:
            await _say(interaction, await self._host.controls.stop(viewer, found[0].session_id))
        else:
            await _show(interaction, panels.running(found))

    async def halted(self, interaction: Interaction, session_id: str) -> None:
        """A click on Stop in the list of what runs."""
        await interaction.response.defer()
        if (viewer := events.viewer(interaction)) is None:
            await whisper(interaction, telling.NOT_HERE)
        else:
            await self._told(interaction, self._halt(interaction, viewer, session_id))

    async def _halt(self, interaction: Interaction, viewer: Viewer, session_id: str) -> None:
        outcome = await self._host.controls.stop(viewer, session_id)
        left = [one for one in await running_here(self._host, viewer) if one.session_id != session_id]
        await _show(interaction, panels.running(left, outcome))

    # ── what there is to see ─────────────────────────────────────────────────────────────────────────────

    async def tasks(self, interaction: Interaction) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        await self._list_tasks(interaction)

    async def turned(self, interaction: Interaction, page: int, doubted: str = "") -> None:
        """A click that shows the tasks again: another page, or one of them in doubt."""
        await interaction.response.defer()
        await self._list_tasks(interaction, page, doubted)

    async def ordered(self, interaction: Interaction, task: str, order: TaskOrder, page: int) -> None:
        """A click on one of a task's buttons."""
        await interaction.response.defer()
        if (viewer := events.viewer(interaction)) is None:
            await whisper(interaction, telling.NOT_HERE)
        else:
            await self._told(interaction, self._order(interaction, viewer, task, order, page))

    async def _order(
        self, interaction: Interaction, viewer: Viewer, task: str, order: TaskOrder, page: int
    ) -> None:
        outcome = await self._host.controls.order(viewer, task, order)
        await _show(interaction, panels.tasks(await self._host.controls.tasks(viewer), page, outcome))

    async def _list_tasks(self, interaction: Interaction, page: int = 0, doubted: str = "") -> None:
        viewer = events.viewer(interaction)
        if viewer is None:
            await _say(interaction, telling.NOT_HERE)
        else:
            await self._told(interaction, self._show_tasks(interaction, viewer, page, doubted))

    async def _show_tasks(self, interaction: Interaction, viewer: Viewer, page: int, doubted: str) -> None:
        found = await self._host.controls.tasks(viewer)
        await _show(interaction, panels.tasks(found, page, doubted=doubted))

    async def usage(self, interaction: Interaction) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        if (viewer := events.viewer(interaction)) is None:
            await _say(interaction, telling.NOT_HERE)
        else:
            await self._told(interaction, self._show_usage(interaction, viewer))

    async def _show_usage(self, interaction: Interaction, viewer: Viewer) -> None:
        spent = await self._host.controls.usage(viewer)
        await _say_markdown(interaction, spent.text or words.spending(spent))

    async def help(self, interaction: Interaction) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        if (viewer := events.viewer(interaction)) is None:
            await _say(interaction, telling.NOT_HERE)
        else:
            await _say_markdown(interaction, await self._host.controls.help(viewer))

    async def status(self, interaction: Interaction) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        if (viewer := events.viewer(interaction)) is None:
            await _say(interaction, telling.NOT_HERE)
        else:
            await self._told(interaction, self._show_running(interaction, viewer))

    async def _show_running(self, interaction: Interaction, viewer: Viewer) -> None:
        await _show(interaction, panels.running(await running_here(self._host, viewer)))

    async def grants(self, interaction: Interaction, revoke: int | None) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        if (viewer := events.viewer(interaction)) is None:
            await _say(interaction, telling.NOT_HERE)
        else:
            order = "" if revoke is None else f"revoke {revoke}"
            await self._told(interaction, self._in_advance(interaction, viewer, order))

    async def _in_advance(self, interaction: Interaction, viewer: Viewer, order: str) -> None:
        await _say_markdown(interaction, await self._host.controls.grants(viewer, order))

    async def again(self, interaction: Interaction, model: str) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        if (viewer := events.viewer(interaction)) is None:
            await _say(interaction, telling.NOT_HERE)
        else:
            await self._told(interaction, self._once_more(interaction, viewer, model))

    async def _once_more(self, interaction: Interaction, viewer: Viewer, model: str) -> None:
        await _say(interaction, await self._host.controls.again_here(viewer, model))

    async def handoff(self, interaction: Interaction, text: str) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        if (viewer := events.viewer(interaction)) is None:
            await _say(interaction, telling.NOT_HERE)
        else:
            await self._told(interaction, self._hand_over(interaction, viewer, text))

    async def _hand_over(self, interaction: Interaction, viewer: Viewer, text: str) -> None:
        await _say(interaction, await self._host.controls.hand_over(viewer, text))

    async def memory(self, interaction: Interaction, text: str) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        if (viewer := events.viewer(interaction)) is None:
            await _say(interaction, telling.NOT_HERE)
        else:
            await self._told(interaction, self._show_memory(interaction, viewer, text))

    async def _show_memory(self, interaction: Interaction, viewer: Viewer, text: str) -> None:
        await _say_markdown(interaction, await self._host.controls.memory(viewer, text))

    async def why(self, interaction: Interaction, message: str) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        if (viewer := events.viewer(interaction)) is None:
            await _say(interaction, telling.NOT_HERE)
        else:
            await self._told(interaction, self._explain(interaction, viewer, message))

    async def _explain(self, interaction: Interaction, viewer: Viewer, message: str) -> None:
        found = await self._host.controls.why(viewer, message_named(message))
        lines = [f"- {panels.moment(at)} {words}" if at else f"- {words}" for at, words in found.lines]
        await _say_markdown(interaction, "\n".join((found.head, *lines)))

    # ── rules of a channel ───────────────────────────────────────────────────────────────────────────────

    async def config(self, interaction: Interaction, part: str, version: int | None) -> None:
        viewer = events.viewer(interaction)
        if viewer is None:
            await whisper(interaction, telling.NOT_HERE)
        elif version is None and part != VERSIONS:
            await self._configuring.form(interaction, viewer, part)
        else:
            await interaction.response.defer(thinking=True, ephemeral=True)
            order = VERSIONS if version is None else f"revert {version}"
            await self._told(interaction, self._configure(interaction, viewer, order))

    async def _configure(self, interaction: Interaction, viewer: Viewer, order: str) -> None:
        await _say_markdown(interaction, await self._host.controls.configure(viewer, order))

    async def decided(self, interaction: Interaction, form: re.Match[str], entered: Values) -> None:
        """A form of `config` came back."""
        await interaction.response.defer(thinking=True, ephemeral=True)
        if (viewer := events.viewer(interaction)) is None:
            await _say(interaction, telling.NOT_HERE)
        else:
            await self._told(interaction, self._configuring.entered(interaction, viewer, form, entered))

    # ── how ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _told(self, interaction: Interaction, doing: Awaitable[None]) -> None:
        """After a deferral: a refusal is for the person alone, and a list that was clicked on stays as it is."""
        try:
            await self._privacies.current(interaction.guild)
            await doing
        except Forbidden as error:
            await _refuse(interaction, str(error))
        except HostBusy:
            await _refuse(interaction, words.BUSY)

    async def _ingest(self, interaction: Interaction, event: InboundEvent) -> Ingested | None:
        try:
            await self._privacies.current(interaction.guild)
            return await self._host.ingest(event)
        except HostBusy:
            return None


async def whisper(interaction: Interaction, text: str) -> None:
    text = await telling.told(interaction, text)
    await telling.whisper(interaction, panels.short(text, LONGEST_SHOWN))


async def _refuse(interaction: Interaction, text: str) -> None:
    if interaction.type is discord.InteractionType.component:
        await whisper(interaction, text)
    else:
        await _say(interaction, text)


async def _say(interaction: Interaction, text: str) -> None:
    text = await telling.told(interaction, text)
    await telling.tell(interaction, panels.short(text, LONGEST_SHOWN))


async def _say_markdown(interaction: Interaction, text: str) -> None:
    text = await telling.told(interaction, text)
    first, *rest = markup.render(text) or [words.NOTHING_TO_SHOW]
    await telling.tell(interaction, first)
    for chunk in rest[:3]:
        await telling.whisper(interaction, chunk)


async def _show(interaction: Interaction, view: ui.LayoutView) -> None:
    await interaction.edit_original_response(view=await telling.told(interaction, view))


def _event(
    interaction: Interaction, event_class: EventClass, address: Address, **fields: Any
) -> InboundEvent:
    return InboundEvent(
        event_class=event_class,
        address=address,
        natural_id=str(interaction.id),
        author=events.author_of(interaction.user, str(interaction.locale)),
        at=int(interaction.created_at.timestamp() * 1000),
        mentioned=True,
        privacy=places.privacy_of(interaction.channel),
        **fields,
    )


def _resolved(interaction: Interaction, message: discord.Message) -> Json:
    """The message that a command is about, as it came."""
    found = mapping(mapping(mapping(interaction.data).get("resolved")).get("messages")).get(str(message.id))
    return mapping(found) or {"content": message.content}


def _accepted(taken: Ingested | None) -> bool:
    return taken is not None and taken.verdict in (Verdict.STORED, Verdict.DUPLICATE)


def _refusal(taken: Ingested | None) -> str:
    return words.BUSY if taken is None else taken.reason or words.NOT_TAKEN

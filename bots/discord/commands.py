"""Application commands. Each is deferred before anything else happens: Discord waits three seconds."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import discord
from discord import app_commands

from bots.discord import events, places
from bots.discord.threads import Threads
from host.bots import EventClass, HostBusy, InboundEvent, Ingest, Ingested, Verdict
from host.config import Config
from sessiondb import Address

log = logging.getLogger(__name__)

LONGEST_SHOWN = 1_500  # characters of a question said again under its asker's name
BUSY = "I could not take this just now. Please try again."


class Handlers(Protocol):
    async def ask(self, interaction: discord.Interaction[Any], question: str) -> None: ...

    async def ask_about(self, interaction: discord.Interaction[Any], message: discord.Message) -> None: ...

    async def stop(self, interaction: discord.Interaction[Any]) -> None: ...


def tree_for(client: discord.Client, handlers: Handlers) -> app_commands.CommandTree[Any]:
    """Every command there is."""
    tree: app_commands.CommandTree[Any] = app_commands.CommandTree(client)

    @tree.command(name="ask", description="Ask the agent")
    @app_commands.describe(question="What you want to know or have done")
    async def ask(interaction: discord.Interaction[Any], question: str) -> None:
        await handlers.ask(interaction, question)

    @tree.command(name="stop", description="Stop what the agent is doing here")
    async def stop(interaction: discord.Interaction[Any]) -> None:
        await handlers.stop(interaction)

    @tree.context_menu(name="Ask about this message")
    async def ask_about(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await handlers.ask_about(interaction, message)

    return tree


class Commands:
    """`register` tells Discord which commands there are, once per process."""

    _registered = False

    def __init__(self, client: discord.Client, host: Ingest, config: Config, threads: Threads) -> None:
        self._host = host
        self._threads = threads
        self._whole_channels = any(route.session == "channel" for route in config.routes)
        self._tree = tree_for(client, self)

    async def register(self) -> None:
        if self._registered:
            return
        try:
            await self._tree.sync()
            self._registered = True
        except (discord.DiscordException, OSError) as error:
            log.warning("Commands not registered: %s", error, extra={"action": "commands_failed"})

    async def ask(self, interaction: discord.Interaction[Any], question: str) -> None:
        await interaction.response.defer(thinking=True)
        await self._forward(interaction, question, question)

    async def ask_about(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await interaction.response.defer(thinking=True)
        about = f"{message.author.display_name} wrote:\n\n{message.content}"
        await self._forward(interaction, about, f"about {message.jump_url}")

    async def _forward(self, interaction: discord.Interaction[Any], text: str, shown: str) -> None:
        """The question stands under its asker's name; the thread of the answer opens from there."""
        address = places.address_of(interaction.channel)
        if address is None:
            await interaction.edit_original_response(content="Agents do not work here.")
            return
        asked = await interaction.original_response()
        opens = str(asked.id) if places.can_open_thread(interaction.channel) else ""
        if opens:
            self._threads.asked(opens, text)
        fields = {"text": text, "opens_thread": opens, "platform_message_id": str(asked.id)}
        taken = await self._ingest(_event(interaction, EventClass.COMMAND, address, **fields))
        who = discord.utils.escape_markdown(interaction.user.display_name)
        said = shown[:LONGEST_SHOWN]
        await interaction.edit_original_response(
            content=f"**{who}** asks: {said}" if _accepted(taken) else _refusal(taken)
        )

    async def stop(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        address = places.address_of(interaction.channel)
        if address is None or (places.can_open_thread(interaction.channel) and not self._whole_channels):
            await interaction.edit_original_response(content="Use /stop in the conversation's thread.")
            return
        taken = await self._ingest(_event(interaction, EventClass.CONTROL, address, value="stop"))
        await interaction.edit_original_response(content="Stopping." if _accepted(taken) else _refusal(taken))

    async def _ingest(self, event: InboundEvent) -> Ingested | None:
        try:
            return await self._host.ingest(event)
        except HostBusy:
            return None


def _event(
    interaction: discord.Interaction[Any], event_class: EventClass, address: Address, **fields: Any
) -> InboundEvent:
    return InboundEvent(
        event_class=event_class,
        address=address,
        natural_id=str(interaction.id),
        author=events.author_of(interaction.user),
        at=int(interaction.created_at.timestamp() * 1000),
        mentioned=True,
        privacy=places.privacy_of(interaction.channel),
        **fields,
    )


def _accepted(taken: Ingested | None) -> bool:
    return taken is not None and taken.verdict in (Verdict.STORED, Verdict.DUPLICATE)


def _refusal(taken: Ingested | None) -> str:
    return BUSY if taken is None else taken.reason or "I may not take this."

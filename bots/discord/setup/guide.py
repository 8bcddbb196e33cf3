"""Discord's part of `dovecote setup`: from nothing to a conversation, each step checked against Discord itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import discord

from bots.discord.bot import INTENT_MISSING, TOKEN_REFUSED
from bots.discord.client import errors, wire
from bots.discord.client.connecting import ended
from bots.discord.commands.tree import tree_for
from bots.discord.variables import TOKEN
from host.config import Config, tidied, unfit
from host.ports.setup import Desk, Greeter, Place, Secret, SecretRefused, SetUpFailed

PATIENCE = 900.0  # s for a person to open the invitation, and to say hello
PORTAL = "https://discord.com/developers/applications"
SECRET = Secret(TOKEN, "the application's Bot page → Reset Token")
STEPS = "Make a New Application there; on its Bot page switch Message Content Intent on, press Reset Token and copy the token."


class DiscordGuide:
    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience

    def secrets(self, config: Config, environment: Mapping[str, str]) -> Sequence[Secret]:
        return (SECRET,)

    def steps(self, config: Config) -> tuple[str, str]:
        return STEPS, PORTAL

    async def visit(self, config: Config, environment: Mapping[str, str], desk: Desk) -> Greeter:
        token = tidied(environment).get(TOKEN, "")
        if problem := unfit(token):
            raise SecretRefused(TOKEN, f"{TOKEN} {problem}.")
        if not token:
            raise SecretRefused(TOKEN, f"{TOKEN} is found under: {SECRET.where}.")
        wire.point_at(config.discord)
        client = Newcomer()
        try:
            async with client:
                await client.login(token)
                desk.checked(f"the token is valid: it is {client.user}'s")
                return await _in_servers(client, desk, self._patience)
        except discord.LoginFailure as error:
            raise SecretRefused(TOKEN, TOKEN_REFUSED) from error
        except discord.PrivilegedIntentsRequired as error:
            raise SetUpFailed(INTENT_MISSING) from error
        except (discord.DiscordException, *errors.TRANSPORT) as error:
            raise SetUpFailed(f"Discord cannot be reached at {config.discord.api_url}: {error}") from error


class Newcomer(discord.AutoShardedClient):
    """Knows when it is let into a server, and when it is spoken to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**wire.options(), **options})
        self.let_in = asyncio.Event()
        self.heard: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.tree = tree_for(self, NotYet())

    async def on_ready(self) -> None:
        if self.guilds:
            self.let_in.set()

    async def on_guild_available(self, guild: discord.Guild) -> None:
        self.let_in.set()

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self.let_in.set()

    async def on_message(self, message: discord.Message) -> None:
        if self.user in message.mentions and not message.author.bot:
            self.heard.put_nowait(message)


class NotYet:
    """The commands of a bot that is only being set up."""

    async def deals(self, interaction: discord.Interaction[Any]) -> bool:
        return True

    async def ask(self, interaction: discord.Interaction[Any], question: str) -> None:
        await self.stop(interaction)

    async def ask_about(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await self.stop(interaction)

    async def put_off(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await self.stop(interaction)

    async def again(self, interaction: discord.Interaction[Any], model: str) -> None:
        await self.stop(interaction)

    async def handoff(self, interaction: discord.Interaction[Any], text: str) -> None:
        await self.stop(interaction)

    async def memory(self, interaction: discord.Interaction[Any], text: str) -> None:
        await self.stop(interaction)

    async def why(self, interaction: discord.Interaction[Any], message: str) -> None:
        await self.stop(interaction)

    async def grants(self, interaction: discord.Interaction[Any], revoke: int | None) -> None:
        await self.stop(interaction)

    async def config(self, interaction: discord.Interaction[Any], part: str, version: int | None) -> None:
        await self.stop(interaction)

    async def stop(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("I am only being set up.", ephemeral=True)

    async def said(self, interaction: discord.Interaction[Any], order: str, text: str) -> None:
        await self.stop(interaction)

    tasks = usage = status = help = clear = mute = stop


async def _in_servers(client: Newcomer, desk: Desk, patience: float) -> Greeter:
    flags = client.application_flags
    if not (flags.gateway_message_content or flags.gateway_message_content_limited):
        raise SetUpFailed(INTENT_MISSING)
    desk.checked("Message Content Intent is on")
    connection = asyncio.create_task(client.connect(), name="discord:setup")
    steps = asyncio.create_task(_steps(client, desk, patience), name="discord:setup-steps")
    try:
        await asyncio.wait([connection, steps], return_when=asyncio.FIRST_COMPLETED)
        if steps.done():
            return steps.result()
        connection.result()
        raise SetUpFailed("Discord closed the connection. Run this again.")
    finally:
        steps.cancel()
        await ended(connection)


async def _steps(client: Newcomer, desk: Desk, patience: float) -> Greeter:
    await client.wait_until_ready()
    if not client.let_in.is_set():
        desk.say("Invite the bot into a server; I wait for that. Open:")
        desk.say(wire.invite(client.application_id or 0))
    if not await _within(patience, client.let_in.wait):
        raise SetUpFailed("Nobody invited it. Run this again when somebody can.")
    for guild in client.guilds:
        _permitted(guild, client, desk)
    await client.tree.sync()
    desk.checked("the commands are registered")
    places = [*_places(client)]
    if not places or client.user is None:
        raise SetUpFailed("There is no channel it may write in: allow it Send Messages in one.")
    chosen = await desk.pick(
        [Place(str(place.id), f"#{place.name} ({place.guild.name})") for place in places]
    )
    place = next(place for place in places if str(place.id) == chosen.id)
    await place.send(f"Hello! Mention me to begin: {client.user.mention} hello")
    desk.say(f"Said hello in {chosen.name}. Mention the bot there within {patience / 60:.0f} minutes.")
    heard = await _within(patience, client.heard.get)
    if not heard:
        raise SetUpFailed(
            "Nobody answered. If somebody did, the bot did not hear it: check the channel's permissions."
        )
    await heard.reply("I hear you. Everything works.", mention_author=False)
    desk.checked(f"heard {heard.author.display_name}")
    return Greeter(str(heard.author.id), heard.author.display_name)


async def _within(seconds: float, what: Callable[[], Any]) -> Any:
    """What it returned, or None when it took too long."""
    try:
        async with asyncio.timeout(seconds):
            return await what()
    except TimeoutError:
        return None


def _permitted(guild: discord.Guild, client: Newcomer, desk: Desk) -> None:
    """Raises `SetUpFailed`."""
    if missing := wire.missing_permissions(guild):
        link = wire.invite(client.application_id or 0)
        raise SetUpFailed(
            f"In {guild.name} it lacks {', '.join(missing)}: open the invitation once more: {link}"
        )
    desk.checked(f"in {guild.name} it has every permission it uses")
    for name, lacking in wire.hindered_channels(guild).items():
        desk.say(f"In #{name} it lacks {', '.join(lacking)}: allow these in the channel's permissions")


def _places(client: discord.Client) -> Iterator[discord.TextChannel]:
    """Where it may say hello, each server's own channel for such things first."""
    for guild in client.guilds:
        for channel in dict.fromkeys([guild.system_channel, *guild.text_channels]):
            if channel is not None and channel.permissions_for(guild.me).send_messages:
                yield channel


guide = DiscordGuide()

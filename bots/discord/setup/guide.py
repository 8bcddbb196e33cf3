"""`dovecote setup discord`: from nothing to a conversation, each step checked against Discord itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import discord

from bots.discord.bot import INTENT_MISSING, TOKEN, TOKEN_REFUSED
from bots.discord.client import errors, wire
from bots.discord.commands.commands import tree_for
from host.config import Config, tidied, unfit
from host.ports.bot import Surroundings

PATIENCE = 900.0  # s for a person to open the invitation, and to say hello
HOW_TO_GET_A_TOKEN = f"""\
1. Open https://discord.com/developers/applications and make a New Application.
2. On its Bot page switch on Message Content Intent.
3. On the same page press Reset Token, and put the token into the environment as {TOKEN}.
4. Run `dovecote setup discord` again."""

Say = Callable[[str], None]


def run(config: Config, environment: Mapping[str, str], say: Say, channel: str) -> bool:
    """The entry point of `dovecote setup discord`; the greeting is a person's, so `channel` is not needed."""
    return asyncio.run(set_up(Surroundings(config, Path(config.data), environment), say))


async def set_up(surroundings: Surroundings, say: Say, patience: float = PATIENCE) -> bool:
    """True when a person's hello was heard and answered."""
    token = tidied(surroundings.environment).get(TOKEN, "")
    if problem := unfit(token):
        say(f"✘ {TOKEN} {problem}.")
        return False
    if not token:
        say(f"{TOKEN} is not set.\n{HOW_TO_GET_A_TOKEN}")
        return False
    wire.point_at(surroundings.config.discord)
    client = Newcomer()
    try:
        async with client:
            await client.login(token)
            say(f"✔ The token is valid: it is {client.user}'s")
            return await _in_servers(client, say, patience)
    except discord.LoginFailure:
        say(f"✘ {TOKEN_REFUSED}")
    except discord.PrivilegedIntentsRequired:
        say(f"✘ {INTENT_MISSING}")
    except (discord.DiscordException, *errors.TRANSPORT) as error:
        say(f"✘ Discord cannot be reached: {error}")
    return False


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

    async def ask(self, interaction: discord.Interaction[Any], question: str) -> None:
        await self.stop(interaction)

    async def ask_about(self, interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await self.stop(interaction)

    async def why(self, interaction: discord.Interaction[Any], message: str) -> None:
        await self.stop(interaction)

    async def stop(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("I am only being set up.", ephemeral=True)

    tasks = usage = config = status = help = stop


async def _in_servers(client: Newcomer, say: Say, patience: float) -> bool:
    flags = client.application_flags
    if not (flags.gateway_message_content or flags.gateway_message_content_limited):
        say(f"✘ {INTENT_MISSING}")
        return False
    say("✔ Message Content Intent is on")
    connection = asyncio.create_task(client.connect(), name="discord:setup")
    steps = asyncio.create_task(_steps(client, say, patience), name="discord:setup-steps")
    try:
        await asyncio.wait([connection, steps], return_when=asyncio.FIRST_COMPLETED)
        if steps.done():
            return steps.result()
        connection.result()
        return False
    finally:
        steps.cancel()
        connection.cancel()


async def _steps(client: Newcomer, say: Say, patience: float) -> bool:
    await client.wait_until_ready()
    say(f"  To invite the bot into a server, open:\n  {wire.invite(client.application_id or 0)}")
    if not client.let_in.is_set():
        say("… Waiting until it is invited into a server")
    if not await _within(patience, client.let_in.wait):
        say("✘ Nobody invited it. Run this again when somebody can.")
        return False
    lacking = [guild for guild in client.guilds if not _permitted(guild, say)]
    await client.tree.sync()
    say("✔ The commands are registered")
    if lacking:
        return False
    place = _place_to_greet(client)
    if place is None or client.user is None:
        say("✘ There is no channel it may write in")
        return False
    await place.send(f"Hello! Mention me to begin: {client.user.mention} hello")
    say(f"… Said hello in #{place.name} of {place.guild.name}. Mention the bot there to finish.")
    heard = await _within(patience, client.heard.get)
    if not heard:
        say("✘ Nobody answered. If somebody did, the bot did not hear it: check the channel's permissions.")
        return False
    await heard.reply("I hear you. Everything works.", mention_author=False)
    say(f"✔ Heard {heard.author.display_name}. Everything works: start with `dovecote up`.")
    return True


async def _within(seconds: float, what: Callable[[], Any]) -> Any:
    """What it returned, or None when it took too long."""
    try:
        async with asyncio.timeout(seconds):
            return await what()
    except TimeoutError:
        return None


def _permitted(guild: discord.Guild, say: Say) -> bool:
    missing = wire.missing_permissions(guild)
    if missing:
        say(f"✘ In {guild.name} it lacks {', '.join(missing)}: open the invitation once more")
        return False
    say(f"✔ In {guild.name} it has every permission it uses")
    for name, lacking in wire.hindered_channels(guild).items():
        say(f"! In #{name} it lacks {', '.join(lacking)}: allow these in the channel's permissions")
    return True


def _place_to_greet(client: discord.Client) -> discord.TextChannel | None:
    for guild in client.guilds:
        for channel in (guild.system_channel, *guild.text_channels):
            if channel is not None and channel.permissions_for(guild.me).send_messages:
                return channel
    return None

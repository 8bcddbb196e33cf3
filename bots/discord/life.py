"""One life of the connection: a client with its receiver, outbox, buttons and commands.

An unexpected payload ends a life (discord.py lets it through): the bot then begins another with a fresh client.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import discord

from bots.common import answering
from bots.common.faces import Faces
from bots.discord.client import hooks, limits, parsing, places, telling, wire
from bots.discord.client.watch import Watch
from bots.discord.commands import later
from bots.discord.commands.commands import Commands
from bots.discord.live.message import LiveMessages, StopButton
from bots.discord.panels import buttons, judging, rules, strays
from bots.discord.panels.forms import Forms
from bots.discord.panels.judging import AgainButton, JudgeButton
from bots.discord.panels.panels import HaltButton, PageButton, TaskButton
from bots.discord.questions import questions
from bots.discord.questions.book import QuestionBook
from bots.discord.questions.decisions import DecisionButton
from bots.discord.questions.questions import ChoiceButton, Desk
from bots.discord.reading import events
from bots.discord.reading.members import Members
from bots.discord.reading.papers import Papers
from bots.discord.reading.privacy import Privacies
from bots.discord.reading.receiver import Receiver
from bots.discord.reading.standings import Standings
from bots.discord.sending.outbox import Outbox
from bots.discord.sending.threads import Threads
from host.config import Config
from host.ports.bot import HostBusy, Ingest
from sessiondb import Address

log = logging.getLogger(__name__)

MOST_NAMED = 10  # channels of a server that lack permissions
GREET_AGAIN = (1.0, 4.0, 15.0)  # s between two tries
BUTTONS = (
    AgainButton,
    ChoiceButton,
    DecisionButton,
    HaltButton,
    JudgeButton,
    PageButton,
    StopButton,
    TaskButton,
)


class DoveClient(discord.Client):
    """`outbox` works from the login on, events come after `on_ready`."""

    def __init__(
        self, config: Config, host: Ingest, book: QuestionBook, on_ready: Callable[[], None], **options: Any
    ) -> None:
        super().__init__(**{**wire.options(), **options})
        limits.keep(self.http)
        hooks.keep()
        self.host = host
        self.threads_of = Threads(self)
        papers = Papers()
        self.privacies = Privacies(self, host)
        self.members = Members()
        self.standings = Standings(self, host)
        self.receiver = Receiver(self, host, self.threads_of, papers, self.privacies, self.members)
        parsing.guard(self, self.receiver.passed_over, papers.keep)
        self.faces = Faces()
        self.outbox = Outbox(self, self.threads_of, book, self.faces)
        self.live = LiveMessages(self, self.threads_of, self.outbox, self.faces)
        self.desk = Desk(host, book, events.now_ms)
        self.commands = Commands(self, host, self.threads_of, self.privacies)
        self.tree = self.commands.tree
        self.forms = Forms()
        self.forms.on(questions.FORM, self.desk.wrote)
        self.forms.on(rules.FORM, self.commands.decided)
        self.forms.on(rules.LIMITS_FORM, self.commands.decided)
        self.forms.on(rules.SHOWN_FORM, self.commands.decided)
        self.forms.on(judging.FORM, judging.explained)
        self.forms.on(later.FORM, self.commands.laters.submitted)
        self._tell_ready = on_ready
        self.watch = Watch(self.wait_until_ready, self.receiver.unheard)
        self._known: set[str] | None = None  # servers that are none of the new ones; None until that is known
        self._greetings: set[asyncio.Task[None]] = set()
        self._company: list[asyncio.Task[None]] = []
        self._registering: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self.follow(config)

    def follow(self, config: Config) -> None:
        self.faces.follow(config)
        self.desk.owners = answering.ids_on(places.PLATFORM, config.access.owners)
        self.members.matter = bool(config.access.groups) or config.access.guests == "deny"

    async def setup_hook(self) -> None:
        # Before anything of this life is taken in: from a server that was known something was.
        self._known = {address.workspace_id for address in await self.host.watched(places.PLATFORM)} - {
            ""
        } or None

    def watch_over(self, shards: int) -> None:
        """Reads what was missed, and ends this life when another would do better. Call it before connecting."""
        self._accompany(self.privacies.keep(), "privacy")
        self._accompany(self.standings.keep(), "standings")
        self._accompany(self.receiver.backfill(), "backfill")
        self._accompany(self.watch.until_useless(shards), "watch")

    def _accompany(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"discord:{name}")
        self._company.append(task)
        task.add_done_callback(self._left_alone)

    def _left_alone(self, task: asyncio.Task[None]) -> None:
        """Without it this life would look healthy and miss what was said: end it, and the next begins anew."""
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            log.error("%s broke", task.get_name(), exc_info=error, extra={"action": "discord_task_broke"})
        self._ending = asyncio.create_task(self.close(), name="discord:end")

    async def close(self) -> None:
        for task in (*self._company, *self._greetings):
            task.cancel()
        await self.live.close()
        await super().close()

    async def on_ready(self) -> None:
        log.info(
            "Discord: connected as %s in %d servers",
            self.user,
            len(self.guilds),
            extra={"action": "discord_ready"},
        )
        for guild in self.guilds:
            _explain_permissions(self, guild)
        if self._known is None:  # nothing was ever taken in from anywhere: none of them is new
            self._known = {str(guild.id) for guild in self.guilds}
        for guild in self.guilds:
            self._meet(guild)
        self.privacies.connected()
        self.standings.look_again()
        self.receiver.look_again()
        self._tell_ready()
        if self._registering is None:
            self._registering = asyncio.create_task(self.commands.register(), name="discord:commands")
            self._company.append(self._registering)

    async def on_resumed(self) -> None:
        self.privacies.connected()
        self.standings.look_again()
        self.receiver.look_again()
        self._tell_ready()

    async def on_guild_available(self, guild: discord.Guild) -> None:
        if self.is_ready():  # else `on_ready` comes
            self._meet(guild)
        self.privacies.look_again(guild)
        self.standings.look_again()
        self.receiver.look_again([place.id for place in (*guild.channels, *guild.threads)])

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.standings.changed()
        if self._known is not None:
            self._known.discard(str(guild.id))

    async def on_guild_join(self, guild: discord.Guild) -> None:
        _explain_permissions(self, guild)
        self.privacies.look_again(guild)
        self.standings.look_again()
        self._known = (self._known or set()) - {str(guild.id)}
        self._meet(guild)
        self.receiver.look_again([place.id for place in (*guild.channels, *guild.threads)])

    def _meet(self, guild: discord.Guild) -> None:
        """A server that let the bot in is greeted where it is talked, also where it did so while nobody listened."""
        if guild.unavailable or self._known is None or str(guild.id) in self._known:
            return
        self._known.add(str(guild.id))
        room = places.lobby(guild)
        if room is not None and (address := places.address_of(room)) is not None:
            task = asyncio.create_task(self._greeting(address), name="discord:greeting")
            self._greetings.add(task)
            task.add_done_callback(self._greetings.discard)

    async def _greeting(self, place: Address) -> None:
        for pause in GREET_AGAIN:
            try:
                await self.host.joined(place)
            except HostBusy:
                await asyncio.sleep(pause)
            else:
                return
        log.warning("Nobody was greeted", extra={"action": "not_greeted", "channel": place.platform_id})

    async def on_guild_channel_create(self, channel: discord.abc.GuildChannel) -> None:
        self.privacies.look_again(channel.guild)

    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        self.privacies.look_again(after.guild)
        self.standings.changed()
        if before.name != after.name:
            await self.host.channel_named(places.channel_address(after), after.name)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        self.standings.changed()

    async def on_thread_update(self, before: discord.Thread, after: discord.Thread) -> None:
        await self.receiver.refiled(before, after)

    async def on_raw_thread_update(self, payload: discord.RawThreadUpdateEvent) -> None:
        self.standings.changed(payload.thread_id)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        self.standings.changed(payload.thread_id)

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        self.privacies.look_again(after.guild)
        self.standings.changed()

    async def on_message(self, message: discord.Message) -> None:
        if self.user is not None and message.author.id == self.user.id:
            self.outbox.saw(message)
        await self.receiver.message(message)

    async def on_socket_event_type(self, event_type: str) -> None:
        self.watch.heard(event_type)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        try:
            if interaction.type in strays.PRESSED and not await self.commands.deals(interaction):
                return
            if not (await buttons.pressed(interaction, BUTTONS) or await self.forms.interaction(interaction)):
                await strays.tell(interaction)
        except Exception:
            log.exception("A click or form broke", extra={"action": "interaction_broke"})
            await telling.broke(interaction)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        await self.receiver.edited(payload)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self.receiver.deleted(payload.channel_id, [payload.message_id])

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        await self.receiver.deleted(payload.channel_id, list(payload.message_ids))

    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        await self.receiver.reacted(payload, added=True)

    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        await self.receiver.reacted(payload, added=False)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        log.exception("Handling %s failed", event_method, extra={"action": "discord_event_failed"})


class ShardedDoveClient(DoveClient, discord.AutoShardedClient):
    """For a bot in so many servers that Discord wants it to open several connections."""


def _explain_permissions(client: DoveClient, guild: discord.Guild) -> None:
    """A missing permission would be found by the first person whose answer never comes: say it now."""
    missing = wire.missing_permissions(guild)
    if missing:
        log.warning(
            "In the server %r the bot lacks %s: give its role these, or invite it anew: %s",
            guild.name,
            ", ".join(missing),
            wire.invite(client.application_id or 0),
            extra={"action": "discord_permissions_missing"},
        )
    hindered = wire.hindered_channels(guild)
    for name, lacking in list(hindered.items())[:MOST_NAMED]:
        log.warning(
            "In #%s of %r the bot lacks %s: allow its role these in the channel's permissions",
            name,
            guild.name,
            ", ".join(lacking),
            extra={"action": "discord_permissions_missing"},
        )
    if len(hindered) > MOST_NAMED:
        log.warning("In %d more channels of %r it lacks permissions", len(hindered) - MOST_NAMED, guild.name)
